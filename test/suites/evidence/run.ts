/** `npm run test:evidence`: the record, beside what peers saw, at its bounds, and on broken disks. */
import { compareDays } from './days';
import { breakDisk, killWriters } from './faults';
import { measureScale } from './scale';
import { killWorkers } from './workers';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const parts: Readonly<Record<string, () => Promise<boolean>>> = {
  traffic: async () => {
    print('traffic, beside what the peers saw');
    await compareDays((line) => print(`  ${line}`));
    return true;
  },
  scale: () => {
    print('a million messages from 300,000 peers in one day');
    return Promise.resolve(measureScale((line) => print(`  ${line}`)));
  },
  kills: () => {
    print('a process that is killed while it writes');
    return killWriters((line) => print(`  ${line}`));
  },
  workers: () => {
    print('workers that are killed while they write, and mail that flows');
    return killWorkers((line) => print(`  ${line}`));
  },
  disks: () => {
    print('disks that do not take it');
    return breakDisk((line) => print(`  ${line}`));
  },
};

/** All of them, or those that the call names. */
const [, , ...wanted] = process.argv;
process.exitCode = 0;
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    if (!(await run())) process.exitCode = 1;
  } catch (error) {
    print(`  ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
