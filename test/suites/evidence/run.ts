/** `npm run test:evidence`: the record and what is said from it, beside what peers saw and what happens. */
import { compareImpact } from './impact';

const mostUnknown = 0.2;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

print('impact, beside what happens under the changed rule');
const { cases, messages, notKnown, wrong } = await compareImpact((line) => print(`  ${line}`));
for (const line of wrong) print(`  WRONG ${line}`);
const share = notKnown / messages;
print(`  ${cases} changes, ${messages} messages: ${wrong.length} wrong, ${notKnown} not known (${(share * 100).toFixed(1)} %)`);
process.exitCode = wrong.length === 0 && share <= mostUnknown ? 0 : 1;
