/**
 * `npm run test:faults`: every behaviour of peer at every level, through a real Haraka.
 *
 * `--json` prints the results as JSON, `--only <text>` runs the scenarios whose peer or behaviour holds the text,
 * `--haraka <version>` takes that version from the npm registry. Exit code 0 only if every scenario is as expected.
 */
import { parseArgs } from 'node:util';
import { installedHaraka } from '../versions/installs';
import { runFaults, type Result } from './run_faults';
import { scenarios } from './scenarios';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, only: { type: 'string' }, haraka: { type: 'string' } },
  });
  const only = values.only ?? '';
  const chosen = scenarios.filter(({ peer, behaviour }) => `${peer} ${behaviour}`.includes(only));
  const options = values.haraka === undefined ? {} : { haraka: await installedHaraka(values.haraka) };
  const begun = Date.now();
  let finished = 0;
  const results = await runFaults(
    chosen,
    (result) => {
      finished++;
      if (result.faults.length > 0)
        say(`[${finished}/${chosen.length}] FAIL ${result.peer}: ${result.faults.join('; ')}`);
      else if (finished % 50 === 0) say(`[${finished}/${chosen.length}]`);
    },
    options,
  );
  process.stdout.write(`${values.json ? JSON.stringify(results, null, 2) : table(results)}\n`);
  const failed = results.filter(({ faults }) => faults.length > 0);
  const protectedOnes = results.filter(({ cleartext }) => cleartext === 'forbidden').length;
  say(
    `${results.length - failed.length} of ${results.length} scenarios as expected, ` +
      `${protectedOnes} of them where cleartext is forbidden; ${Math.round((Date.now() - begun) / 1000)} s.`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

const columns: readonly (readonly [title: string, cell: (result: Result) => string])[] = [
  ['BEHAVIOUR', ({ behaviour }) => behaviour],
  ['LEVEL', ({ level }) => level],
  ['CLEARTEXT', ({ cleartext }) => cleartext],
  ['SEEN OUTSIDE TLS', ({ seen }) => seen.seen],
  ['HOSTS', ({ hosts }) => String(hosts)],
  ['CONNECTIONS', ({ seen }) => String(seen.connections)],
  ['OUTCOME', ({ seen }) => seen.outcome],
  ['REASONS', ({ seen }) => seen.reasons || '-'],
  ['DSN', ({ seen }) => (seen.outcome === 'delivered' ? '-' : seen.status)],
  ['', ({ faults }) => (faults.length === 0 ? 'ok' : 'NOT AS EXPECTED')],
];

function table(results: readonly Result[]): string {
  const lines = [
    columns.map(([title]) => title),
    ...results.map((result) => columns.map(([, cell]) => cell(result))),
  ];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
