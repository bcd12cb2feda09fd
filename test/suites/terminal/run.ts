/**
 * `npm run test:terminal`: what commands print, in real terminals of 80 and 160 columns and in a pipe, on data that is hard
 * to show. No line may be broken by the terminal; a pipe gets no colours, and one row a line.
 *
 * `--only <text>` takes the calls whose name holds the text. Exit code 0 only if all is as it should be.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { callIn, environmentOf } from '../../cli/lab_call';
import { calls, type Call } from './calls';
import { Tmux, tmuxMissing, type Screen } from './tmux';
import { idn, options, senders, tables, world, wrongFiles } from './world';

const root = path.resolve(import.meta.dirname, '../../..');
const cli = path.join(root, 'dist/cli.cjs');
const widths = [80, 160] as const;
const patienceMs = 300_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
// eslint-disable-next-line no-control-regex -- that is what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

async function main(): Promise<number> {
  if (tmuxMissing()) {
    say('\n*** SKIPPED: nothing was shown in a terminal, for tmux is not installed.');
    say('*** On Debian: apt-get install tmux\n');
    return 0;
  }
  const { only = '' } = parseArgs({ options: { only: { type: 'string' } } }).values;
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-terminal-'));
  const tmux = new Tmux(directory);
  let wrong = 0;
  const tell = (name: string, faults: readonly string[], note: string): void => {
    say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(44)} ${note}`);
    for (const fault of faults) say(`  ${fault}`);
    wrong += faults.length === 0 ? 0 : 1;
  };
  try {
    const { broken } = await tmux.run("printf '%0200d\\n%080d\\n' 0 0", 80, patienceMs);
    if (broken.length !== 1) throw new Error(`of two lines one is too long, and ${broken.length} were found`);
    const wanted = calls.filter(({ name }) => name.includes(only));
    if (wanted.length > 0) {
      const lab = await startLab(world, options());
      try {
        await fill(lab);
        const installs = { sound: lab.haraka.directory, wrong: wrongInstall(directory) };
        for (const call of wanted) {
          const { faults, note } = await shown(tmux, lab, call, installs[call.install]);
          tell(call.name, faults, note);
        }
      } finally {
        await lab.stop();
      }
    }
    if (only === '' || 'npm start'.includes(only)) {
      const { faults, note } = await startShown(tmux);
      tell('npm start', faults, note);
    }
    say(wrong === 0 ? 'all as it should be' : `${wrong} not as they should be`);
    return wrong === 0 ? 0 : 1;
  } finally {
    tmux.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Mail to everybody, so that there are policies and something to tell. */
async function fill(lab: Lab): Promise<void> {
  const { certificate } = lab.peer(`mx.${idn}`);
  await lab.haraka.writeConfig('tls_cert.pem', certificate.chainPem);
  await lab.haraka.writeConfig('tls_key.pem', certificate.keyPem);
  for (const [name, text] of Object.entries(tables))
    writeFileSync(path.join(lab.haraka.directory, name), text);
  const domains = Object.keys(world.domains);
  say(`Mail to ${domains.length} peers, from ${senders.length} senders`);
  await Promise.all(
    domains.flatMap((domain) =>
      senders.map((from) => lab.deliver({ from, to: `you@${domain}` }, { timeoutMs: 120_000 })),
    ),
  );
  await counted(lab, domains.length * senders.length);
}

/** The record is written every few seconds. */
async function counted(lab: Lab, messages: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { out } = await callIn(lab, ['traffic', '--json']);
    const { peers } = JSON.parse(out) as { peers: readonly unknown[] };
    if (peers.length === messages) return;
    if (Date.now() > deadline) throw new Error(`${peers.length} peers are counted, of ${messages}`);
    await wait(500);
  }
}

function wrongInstall(directory: string): string {
  const install = path.join(directory, 'wrong');
  for (const [name, text] of Object.entries(wrongFiles)) {
    mkdirSync(path.dirname(path.join(install, 'config', name)), { recursive: true });
    writeFileSync(path.join(install, 'config', name), text);
  }
  return install;
}

interface Found {
  readonly faults: readonly string[];
  /** How many lines there were. */
  readonly note: string;
}

async function shown(tmux: Tmux, lab: Lab, call: Call, install: string): Promise<Found> {
  const environment = Object.entries(environmentOf(lab)).map(
    ([key, value]) => `export ${key}=${quoted(value)}`,
  );
  const script = (...more: readonly string[]): string =>
    [
      ...environment,
      `cd ${quoted(install)}`,
      ['exec', process.execPath, cli, ...call.args, ...more].map(quoted).join(' ').replace("'exec'", 'exec'),
      '',
    ].join('\n');
  const screens = await Promise.all(widths.map((width) => tmux.run(script(), width, patienceMs)));
  const [wide, pipe] = await Promise.all([
    call.args.includes('--help') || call.args.length === 0
      ? undefined
      : tmux.run(script('--wide'), 160, patienceMs),
    piped(script()),
  ]);
  const faults = [...screenFaults(screens), ...pipeFaults(pipe)];
  const lines = pipe.out.split('\n').slice(0, -1);
  // Progress is for terminals.
  const isShown = (line: string): boolean => wide?.lines.includes(line.trimEnd()) ?? true;
  const lost = lines.filter((line) => line.trim() !== '' && !isShown(line));
  for (const line of lost.slice(0, 3)) faults.push(`--wide on a terminal lacks what a pipe gets: ${line}`);
  if (call.pipeLines !== undefined) {
    const { out } = await piped(script('--json'));
    const expected = call.pipeLines(JSON.parse(out));
    if (lines.length !== expected) faults.push(`${lines.length} lines in a pipe, expected ${expected}`);
  }
  return { faults, note: noteOf(screens, lines) };
}

function noteOf(screens: readonly Screen[], lines: readonly string[]): string {
  return `${screens.map((screen, at) => `${widths[at] ?? 0}: ${screen.lines.length}`).join(', ')}, pipe: ${lines.length} lines`;
}

function screenFaults(screens: readonly Screen[]): string[] {
  return screens.flatMap(({ broken, lines, code }, at) => [
    ...broken
      .filter((line) => !isOwner(line))
      .slice(0, 5)
      .map((line) => `broken at ${widths[at] ?? 0} columns: ${line}`),
    ...(lines.length === 0 ? [`nothing at ${widths[at] ?? 0} columns`] : []),
    ...(code === (screens[0]?.code ?? 0) ? [] : [`exit code ${code} at ${widths[at] ?? 0} columns`]),
    ...(lines.some((line) => /\bat (?:\w+ \()?(?:file:|\/|node:)/.test(line))
      ? ['a stack trace is shown']
      : []),
  ]);
}

/** The name of a record is one word, in a zone file as well: what is longer than a line cannot be broken. */
const isOwner = (line: string): boolean => /^\S+\. \($/.test(line);

function pipeFaults({ out, err }: Piped): string[] {
  return [out, err].flatMap((text) => {
    const line = text.split('\n').find((one) => controls.test(one));
    return line === undefined ? [] : [`a pipe gets control characters: ${JSON.stringify(line)}`];
  });
}

interface Piped {
  readonly out: string;
  readonly err: string;
}

function piped(script: string): Promise<Piped> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', script], { maxBuffer: 1e9, timeout: patienceMs }, (_error, out, err) =>
      resolve({ out, err }),
    );
  });
}

/** What a stranger sees first. */
async function startShown(tmux: Tmux): Promise<Found> {
  const environment = `export PATH=${quoted(process.env['PATH'] ?? '')}\ncd ${quoted(root)}\n`;
  const screens: Screen[] = [];
  for (const width of widths) screens.push(await tmux.run(`${environment}exec npm start`, width, patienceMs));
  const pipe = await piped(`${environment}exec npm --silent start`);
  const faults = [...screenFaults(screens), ...pipeFaults(pipe)];
  const { code = -1, coloured = '' } = screens[0] ?? {};
  if (code !== 0) faults.push(`it ends with ${code}`);
  if (!coloured.includes('\u001b[32m')) faults.push('nothing is coloured');
  const lines = pipe.out.split('\n').slice(0, -1);
  const [, count = ''] = /(\d+) of \d+ rows as expected/.exec(pipe.err) ?? [];
  if (lines.length !== Number(count) + 1)
    faults.push(`${lines.length} lines in a pipe, expected ${count} and the titles`);
  return { faults, note: noteOf(screens, lines) };
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
});
