/** `npm run test:tls-reports`: reports of a whole day, beside what the peers saw; receivers that fail; senders that are killed; many domains. */
import { compareDay } from './day';
import { killSenders } from './killed';
import { measureScale } from './scale';
import { tryReceivers } from './receivers';
import { installedHaraka } from '../versions/installs';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Besides the usual one. */
const olderHarakas = ['3.0.4', '3.1.0', '3.1.6', '3.2.1'];

const parts: Readonly<Record<string, () => Promise<boolean>>> = {
  day: () => {
    print('a day of sessions, and the reports on the next');
    return compareDay((line) => print(`  ${line}`), { workers: 2 });
  },
  ...Object.fromEntries(
    olderHarakas.map((version) => [
      version,
      async () => {
        print(`the same through Haraka ${version}`);
        const haraka = await installedHaraka(version);
        return compareDay((line) => print(`  ${line}`), { haraka, workers: 0 });
      },
    ]),
  ),
  receivers: () => {
    print('receivers of reports that fail, and rules that keep a report back');
    return tryReceivers((line) => print(`  ${line}`));
  },
  killed: () => {
    print('a sender that is killed between sending and noting');
    return killSenders((line) => print(`  ${line}`));
  },
  scale: () => {
    print('100,000 domains in one day');
    return measureScale((line) => print(`  ${line}`));
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
    print(`  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  }
}
