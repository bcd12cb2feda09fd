/**
 * `npm start`: sends a message to every peer of the scenarios and prints what became of each, level by level.
 *
 * `--wide` prints all columns, one row a line, as a file or a pipe gets them; `--json` the rows as JSON; `--keep` leaves the
 * lab running. Exit code 0 only if every row is as expected.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { shortened } from '../src/cli/layout/width';
import { columnsOf } from '../src/cli/layout/terminal';
import { atWidth } from '../src/cli/output';
import { processOutput } from '../src/cli/process_output';
import { startLab, type Lab } from './lab';
import { byLevel, everyColumn } from './rows_text';
import { runScenarios, type Row } from './run_scenarios';
import { managedDomain, scenarioConfig, scenarioWorld, scenarios } from './scenarios';

interface Wishes {
  readonly output: 'table' | 'wide' | 'json';
  readonly afterwards: 'stop' | 'keep';
}

function wishes(): Wishes {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, wide: { type: 'boolean' }, keep: { type: 'boolean' } },
  });
  const output = values.json ? 'json' : values.wide ? 'wide' : 'table';
  return { output, afterwards: values.keep ? 'keep' : 'stop' };
}

async function main({ output, afterwards }: Wishes): Promise<void> {
  say(`Starting the lab: ${scenarios.length} peers on loopback, and Haraka.`);
  const lab = await startLab(scenarioWorld, {
    config: scenarioConfig(),
    // Three rows wait for resolvers that never answer; nobody watching wants to wait ten seconds.
    resolver: { timeout: '1', deadline: '3' },
  });
  try {
    let finished = 0;
    const rows = await runScenarios(lab, scenarios, (row) => {
      finished++;
      tell(
        `[${String(finished).padStart(2)}/${scenarios.length}] ${row.ok ? 'ok  ' : 'FAIL'} ${row.peer}: ${described(row)}`,
      );
    });
    print(output === 'json' ? json(rows) : table(rows, output));
    const faulty = rows.filter(({ ok }) => !ok);
    for (const { peer, faults } of faulty) for (const fault of faults) explain(`${peer}: ${fault}`);
    say(`${rows.length - faulty.length} of ${rows.length} rows as expected.`);
    process.exitCode = faulty.length === 0 ? 0 : 1;
    if (afterwards === 'keep') {
      say(howToUse(lab, await writeCommand(lab)));
      await new Promise(() => undefined);
    }
  } finally {
    await lab.stop();
  }
}

function described(row: Row): string {
  const how = row.tls_version === '' ? row.reason : [row.tls_version, row.verified, row.reason].join(' ');
  return `${row.outcome} ${how}`.trim();
}

/** A command for this lab: what it connects to and looks up is led to where Haraka's own is. */
async function writeCommand({ haraka }: Lab): Promise<string> {
  const file = path.join(haraka.directory, 'tls-peers');
  const cli = path.join(haraka.directory, 'node_modules/haraka-plugin-tls-peers/dist/cli.cjs');
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const set = Object.entries(haraka.network).map(([name, value]) => `export ${name}=${quoted(value)}`);
  const run = `exec ${quoted(process.execPath)} ${quoted(cli)} "$@" -c ${quoted(haraka.directory)}`;
  await writeFile(file, ['#!/bin/sh', ...set, run, ''].join('\n'), { mode: 0o755 });
  return file;
}

function howToUse({ haraka }: Lab, command: string): string {
  return [
    '',
    'The lab is running; Ctrl-C ends it and removes its files. Send a message to one of its peers with',
    `  printf 'Subject: hello\\r\\n\\r\\nHello.\\r\\n' | curl -s --url smtp://127.0.0.1:${haraka.port} --mail-from me@${managedDomain} --mail-rcpt you@must.example -T -`,
    `Command: ${command} held   (or explain, test, traffic, reports, ...)`,
    `Log:    ${haraka.logFile}`,
    `Config: ${haraka.directory}/config (changes take effect after a few seconds)`,
  ].join('\n');
}

function json(rows: readonly Row[]): string {
  const shown = rows.map(
    ({ peer, rule, level, requirement, tls_version, verified, outcome, reason, expected, ok }) => ({
      peer,
      rule,
      level,
      requirement,
      tls_version,
      verified,
      outcome,
      reason,
      expected,
      ok,
    }),
  );
  return JSON.stringify(shown, null, 2);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** On a terminal the results are no wider than that. */
function table(rows: readonly Row[], asked: 'table' | 'wide'): string {
  const output = processOutput();
  const lines =
    asked === 'wide' || output.width === undefined
      ? everyColumn(atWidth(output, undefined), rows)
      : byLevel(output, rows);
  return lines.join('\n');
}

/** What is going on: a line on a terminal, whatever it says. */
function tell(text: string): void {
  const width = columnsOf(process.stderr, process.env);
  say(width === undefined ? text : shortened(text, width));
}

/** What is wrong: all of it, broken where the terminal ends. */
function explain(text: string): void {
  processOutput().complain(text);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

// Ctrl-C: what the lab leaves to the end of the process, its child and its files, goes with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(process.exitCode ?? 130));
}
main(wishes()).catch((error: unknown) => {
  for (const line of (error instanceof Error ? error.message : String(error)).split('\n')) explain(line);
  process.exitCode = 1;
});
