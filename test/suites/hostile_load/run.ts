/**
 * `npm run test:hostile-load`: a real Haraka delivers a steady flow of normal mail to well-behaved hosts while other hosts send what
 * no host should. Under each attack, in a Haraka of its own:
 *
 * - sessions of the other mail take at most twice as long (p99) as in the run without attack just before, in the same process;
 *   so do the messages, counted from when they were due;
 * - resident memory grows by less than 50 MiB beyond the peak of that run;
 * - the process lives, and of the attacked messages nothing is lost.
 *
 * Only Haraka is measured: the flow, the well-behaved and the hostile hosts are processes of their own.
 *
 * `--only <text>` runs the attacks whose name holds the text, `--level <security level>` (mandatory), `--seconds` (20) of each
 * window, `--rate` (30) messages a second, `--messages` (6) to hostile hosts, `--stock` Haraka without the suite, which shows
 * that the rig can fail, `--json`. Exit code 1 where anything was missed.
 */
import { parseArgs } from 'node:util';
import { attacks } from './attacks';
import { mib, misses, ms, type Measured } from './judge';
import { measure, type Plan } from './under_attack';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      level: { type: 'string', default: 'mandatory' },
      seconds: { type: 'string', default: '20' },
      rate: { type: 'string', default: '30' },
      messages: { type: 'string', default: '6' },
      stock: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const plan: Plan = {
    level: values.level,
    suite: values.stock ? 'without_suite' : 'with_suite',
    seconds: positive(values.seconds),
    rate: positive(values.rate),
    messages: positive(values.messages),
  };
  const chosen = attacks.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0) throw new Error(`no attack is called ${values.only}`);
  const results: (Measured & { readonly missed: readonly string[] })[] = [];
  for (const attack of chosen) {
    const measured = await measure(attack, plan);
    const missed = misses(measured);
    results.push({ ...measured, missed });
    // Where standard output is for a program, people read here.
    if (values.json) process.stderr.write(lines(measured, missed));
    else process.stdout.write(lines(measured, missed));
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ plan, results }, null, 2)}\n`);
  const failed = results.filter(({ missed }) => missed.length > 0);
  process.stderr.write(
    `${results.length - failed.length} of ${results.length} attacks change nothing for others.\n`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${text} is no positive number`);
  return value;
}

function lines(measured: Measured, missed: readonly string[]): string {
  const {
    attack,
    what,
    idle,
    attacked,
    idlePeak,
    attackedPeak,
    process: state,
    fate,
    refused,
    deeds,
  } = measured;
  const ratio = (before: number, after: number): string => `${(after / before).toFixed(2)}x`;
  return `${[
    `${missed.length === 0 ? 'ok    ' : 'MISSED'} ${attack}: ${what}`,
    `  sessions  p99 ${ms(idle.session.p99)} -> ${ms(attacked.session.p99)} (${ratio(idle.session.p99, attacked.session.p99)}), max ${ms(attacked.session.max)}`,
    `  messages  p99 ${ms(idle.way.p99)} -> ${ms(attacked.way.p99)} (${ratio(idle.way.p99, attacked.way.p99)}), max ${ms(attacked.way.max)}, ${attacked.due} due, ${attacked.missing} not in time, ${refused} refused`,
    `  RSS       ${mib(idlePeak)} -> ${mib(attackedPeak)} (+${mib(attackedPeak - idlePeak)})`,
    `  processor ${seconds(idle.processor)} -> ${seconds(attacked.processor)}`,
    `  process   ${state}`,
    `  attacked  ${fate.messages} messages: ${fate.delivered} recipients delivered, ${fate.deferred} deferred, ${fate.bounced} bounced, ${fate.underWay} under way, ${fate.lost} lost`,
    `  hosts     began ${deeds.begun} attacks, got through with ${deeds.completed}, sent ${mib(deeds.octets)}`,
    ...missed.map((line) => `  MISSED    ${line}`),
  ].join('\n')}\n`;
}

function seconds(value: number | undefined): string {
  return value === undefined ? 'not known' : `${value.toFixed(1)} s`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
