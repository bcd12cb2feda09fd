/** `npm run test:web`: what the page costs a Haraka that does not serve it, and one that does. */
import { measureLoad } from './load';
import { lookUntouched } from './untouched';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const parts: Readonly<Record<string, () => Promise<boolean>>> = {
  untouched: () => {
    print('a Haraka without the page');
    return lookUntouched(print);
  },
  load: () => {
    print('deliveries beside 10,000 requests a minute and slow clients');
    return measureLoad(print);
  },
};

/** All of them, or those that the call names. */
const [, , ...wanted] = process.argv;
process.exitCode = 0;
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    if (await run()) continue;
    print('  WRONG');
  } catch (error) {
    print(`  ${error instanceof Error ? error.message : String(error)}`);
  }
  process.exitCode = 1;
}
