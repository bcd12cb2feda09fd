/** `npm run test:evidence`: the record and what is said from it, beside what peers saw and what happens. */
import { compareDays } from './days';
import { breakDisk, killWriters } from './faults';
import { compareImpact } from './impact';
import { measureScale } from './scale';

const mostUnknown = 0.2;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const parts: Readonly<Record<string, () => Promise<boolean>>> = {
  traffic: async () => {
    print('traffic, beside what the peers saw');
    await compareDays((line) => print(`  ${line}`));
    return true;
  },
  impact: async () => {
    print('impact, beside what happens under the changed rule');
    const { cases, messages, notKnown, wrong } = await compareImpact((line) => print(`  ${line}`));
    for (const line of wrong) print(`  WRONG ${line}`);
    const share = notKnown / messages;
    print(
      `  ${cases} changes, ${messages} messages: ${wrong.length} wrong, ${notKnown} not known (${(share * 100).toFixed(1)} %)`,
    );
    return wrong.length === 0 && share <= mostUnknown;
  },
  scale: () => {
    print('a million messages from 300,000 peers in one day');
    return Promise.resolve(measureScale((line) => print(`  ${line}`)));
  },
  faults: async () => {
    print('a process that is killed while it writes, and disks that do not take it');
    const killed = await killWriters((line) => print(`  ${line}`));
    return (await breakDisk((line) => print(`  ${line}`))) && killed;
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
