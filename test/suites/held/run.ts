/** `npm run test:held`: what `held` and `track` tell, beside Haraka's queue and what peers saw. */
import { breakDisk, foreignDirectory } from './faults';
import { manyFiles } from './many';
import { compareQueue } from './queue';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const parts: Readonly<Record<string, (print: (line: string) => void) => Promise<void>>> = {
  queue: compareQueue,
  many: manyFiles,
  disk: breakDisk,
  directory: foreignDirectory,
};

/** All of them, or those that the call names. */
const [, , ...wanted] = process.argv;
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  print(name);
  try {
    await run((line) => print(`  ${line}`));
  } catch (error) {
    print(`  WRONG ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
