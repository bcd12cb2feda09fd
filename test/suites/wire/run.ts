/**
 * `npm run test:wire`: what peers do on the wire, through stock Haraka and through the suite.
 *
 * `--json` prints the rows as JSON, `--only <pattern>` runs the behaviours whose name matches the regular expression,
 * `--real` only those of a real Postfix and a real Dovecot.
 * Exit code 0 only if the suite did what is expected everywhere, every difference from stock has its reason on the list, and
 * every entry of the list occurs.
 */
import { parseArgs } from 'node:util';
import { behaviours } from './behaviours';
import { startRealServers } from './real';
import type { Behaviour } from './behaviour';
import { timeoutsSection } from './columns';
import { idle } from './compare';
import { runWire } from './run_wire';
import { table } from './table';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, only: { type: 'string' }, real: { type: 'boolean' } },
  });
  const real = await startRealServers(say);
  try {
    const pattern = new RegExp(values.only ?? '', 'i');
    const all = [...(values.real === true ? [] : behaviours), ...real.behaviours];
    const isWhole = values.only === undefined && values.real !== true;
    await runAll(
      all.filter(({ name }) => pattern.test(name)),
      isWhole,
      values.json === true,
    );
  } finally {
    await real.stop();
  }
}

async function runAll(chosen: readonly Behaviour[], isWhole: boolean, json: boolean): Promise<void> {
  const { missing } = timeoutsSection();
  if (missing.length > 0) say(`[timeouts] has no ${missing.join(', ')}: left at what it is.`);
  const begun = Date.now();
  const rows = await runWire(chosen, say);
  process.stdout.write(`${json ? JSON.stringify(rows, null, 2) : table(rows)}\n`);
  const failed = rows.filter(({ faults }) => faults.length > 0);
  const unused = isWhole ? idle(new Set(rows.flatMap(({ reasons }) => reasons))) : [];
  for (const { why, behaviours: names } of unused)
    say(`On the list of differences, but occurs no more: ${why} (${String(names)})`);
  say(
    `${rows.length - failed.length} of ${rows.length} behaviours as expected, each in 3 columns; ` +
      `${Math.round((Date.now() - begun) / 1000)} s.`,
  );
  process.exitCode = failed.length === 0 && unused.length === 0 ? 0 : 1;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
