/** Runs the calls that stand as JSON in the first argument, one after the other, and prints what came of them as JSON. */
import { call } from './call';

const calls = JSON.parse(process.argv[2] ?? '[]') as string[][];
const called = [];
for (const args of calls) called.push(await call(args));
process.stdout.write(JSON.stringify(called));
