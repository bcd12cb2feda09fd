/**
 * `npm run coverage`: which lines of src/delivery and plugins run in a real Haraka, over all end-to-end tests and
 * `npm run test:faults`. Unit tests do not count. Exit code 0 only if at least nine lines in ten run, every other one has
 * a reason in reasons.ts, and no reason there is stale. `--all` shows the other directories as well.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildCovered, coveredIn } from '../../support/bundle';
import { CoveredBundle, type Lines, type ScriptCoverage } from './lines';
import { explainMissed, type MissedLine } from './missed';
import { reasons } from './reasons';

const root = path.resolve(import.meta.dirname, '../../..');

/** Of all lines. */
const wantedShare = 0.9;

/** What has to be covered. */
const held = ['src/delivery/', 'plugins/'];

/** Where tests begin a Haraka. */
const endToEnd = [
  'test/suites/e2e',
  'test/suites/faults',
  'test/suites/lab',
  'test/inbound',
  'test/hosting',
  'test/mta_sts',
  'test/settings',
  'test/suites/versions',
];

const runs = [
  ['npx', 'vitest', 'run', ...endToEnd],
  ['npx', 'tsx', 'test/suites/faults/run.ts'],
  ['npx', 'tsx', 'haraka-test-harness/start.ts'],
] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { all: { type: 'boolean' } } });
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-coverage-'));
  try {
    const bundles = path.join(directory, 'bundles');
    await mkdir(bundles);
    const env = {
      LAB_COVERAGE: path.join(directory, 'raw'),
      LAB_BUNDLE: await buildCovered(bundles),
      [coveredIn]: bundles,
    };
    const failed = [];
    for (const command of runs) {
      const started = performance.now();
      if ((await run(command, env)) !== 0) failed.push(command.join(' '));
      say(`${command.join(' ')}: ${Math.round((performance.now() - started) / 1000)} s`);
    }

    const lines: Lines = new Map();
    const texts = new Map<string, readonly string[]>();
    const processes = await addAll(await readBundles(bundles, lines, texts), env.LAB_COVERAGE);
    const ours = relative(lines);
    printShares(values.all === true ? ours : only(ours, held));
    const share = shareOf(only(ours, held));
    const { missed, stale } = explainMissed(only(ours, held), texts, reasons);
    printMissed(missed);
    const problems = [
      ...failed.map((command) => `failed: ${command}`),
      ...missed.filter(({ reason }) => reason === '').map(({ file, line }) => `no reason: ${file}:${line}`),
      ...stale.map((one) => `stale reason: ${one}`),
      ...(share < wantedShare ? [`less than ${percent(wantedShare)} of the lines ran`] : []),
    ];
    say(
      `\n${percent(share)} of the lines of ${held.join(' and ')} ran, in ${processes} processes of Haraka.`,
    );
    problems.forEach(say);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(
  [program, ...words]: (typeof runs)[number],
  env: Record<string, string>,
): Promise<number | null> {
  const child = spawn(program, words, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) process.stderr.write(output.join(''));
  return code;
}

/**
 * By the name of the function that marks each.
 *
 * @param texts receives the sources as they were when the bundles were made
 */
async function readBundles(
  directory: string,
  lines: Lines,
  texts: Map<string, readonly string[]>,
): Promise<Map<string, CoveredBundle>> {
  const bundles = new Map<string, CoveredBundle>();
  for (const file of await readdir(directory)) {
    const mark = /^(.*)\.cjs$/.exec(file)?.[1];
    if (mark === undefined) continue;
    const read = (end: string): Promise<string> => readFile(path.join(directory, `${mark}${end}`), 'utf8');
    const [bundle, map, replaced] = await Promise.all([
      read('.cjs'),
      read('.cjs.map'),
      read('.replaced').catch(() => undefined),
    ]);
    const payload = JSON.parse(map) as SourceMapPayload;
    bundles.set(mark, new CoveredBundle(bundle, payload, directory, replaced, lines));
    payload.sources.forEach((source, index) => {
      const file = path.resolve(directory, source);
      if (file !== replaced)
        texts.set(path.relative(root, file), payload.sourcesContent[index]?.split('\n') ?? []);
    });
  }
  return bundles;
}

async function addAll(bundles: ReadonlyMap<string, CoveredBundle>, directory: string): Promise<number> {
  let processes = 0;
  for (const file of await readdir(directory)) {
    for (const script of scriptsIn(await readFile(path.join(directory, file), 'utf8'))) {
      const bundle = script.functions
        .map(({ functionName }) => bundles.get(functionName))
        .find((one) => one !== undefined);
      if (bundle === undefined) continue;
      bundle.add(script);
      processes++;
    }
  }
  return processes;
}

/** Empty where a Haraka was killed while it wrote. */
function scriptsIn(json: string): readonly ScriptCoverage[] {
  try {
    return (JSON.parse(json) as { result: readonly ScriptCoverage[] }).result;
  } catch {
    return [];
  }
}

/** By paths below the root, in order, without what is not ours. */
function relative(lines: Lines): Lines {
  const named = [...lines].map(([file, found]) => [path.relative(root, file), found] as const);
  return new Map(
    named
      .filter(([file]) => !/^(?:\.\.|node_modules)/.test(file))
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}

function only(lines: Lines, folders: readonly string[]): Lines {
  return new Map([...lines].filter(([file]) => folders.some((folder) => file.startsWith(folder))));
}

function shareOf(lines: Lines): number {
  const states = [...lines.values()].flatMap((found) => [...found.values()]);
  return states.filter((state) => state === 'ran').length / Math.max(1, states.length);
}

function printShares(lines: Lines): void {
  for (const [file, found] of lines) {
    say(`${file.padEnd(40)} ${percent(shareOf(new Map([[file, found]])))} of ${found.size}`);
  }
}

function printMissed(missed: readonly MissedLine[]): void {
  say('\nLines that did not run:');
  let last = '';
  for (const { file, line, text, reason } of missed) {
    const why = reason === '' ? 'NO REASON' : reason;
    if (why !== last) say(`  ${why}`);
    last = why;
    say(`    ${file}:${line}  ${text}`);
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1).padStart(5)} %`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
