/**
 * `npm run test:reuse`: which session carries which message, through a real Haraka.
 *
 * `--json` prints the results as JSON, `--only <text>` plays the scenarios whose name or Haraka holds the text, `--haraka <version>`
 * takes that version from the npm registry. Exit code 0 only if every scenario is as expected.
 */
import { parseArgs } from 'node:util';
import { installedHaraka } from '../versions/installs';
import { runReuse } from './run_reuse';
import { scenarios } from './scenarios';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, only: { type: 'string' }, haraka: { type: 'string' } },
  });
  const only = values.only ?? '';
  const chosen = scenarios.filter(({ name, haraka }) => `${haraka} ${name}`.includes(only));
  const options = values.haraka === undefined ? {} : { haraka: await installedHaraka(values.haraka) };
  const begun = performance.now();
  const results = await runReuse(
    chosen,
    ({ haraka, name, seconds, sessions, faults }) => {
      say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${haraka}: ${name} (${seconds.toFixed(1)} s)`);
      for (const line of faults.length === 0 ? [] : [...faults, ...sessions.map((one) => `saw ${one}`)])
        say(`       ${line}`);
    },
    options,
  );
  if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  const failed = results.filter(({ faults }) => faults.length > 0);
  const [messages, sessions] = [
    results.reduce((sum, one) => sum + one.messages, 0),
    results.reduce((sum, one) => sum + one.sessions.length + 1, 0),
  ];
  say(
    `${results.length - failed.length} of ${results.length} scenarios as expected; ` +
      `${messages} messages in ${sessions} sessions; ${Math.round((performance.now() - begun) / 1000)} s.`,
  );
  for (const { name, faults } of failed) say(`FAIL ${name}: ${faults.join('; ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
