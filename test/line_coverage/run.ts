/**
 * `npm run coverage`: which lines of src/delivery and plugins run in a real Haraka, over all end-to-end tests and
 * `npm run test:faults`. Unit tests do not count. `--all` shows the other directories as well.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { CoveredLines, type ScriptCoverage } from './lines';

const root = path.resolve(import.meta.dirname, '../..');

/** Tells this bundle from the ones that tests make themselves. */
const mark = 'thisBundleIsCovered';

/** Where tests begin a Haraka. */
const endToEnd = [
  'test/e2e',
  'test/faults',
  'test/lab',
  'test/inbound',
  'test/hosting',
  'test/mta_sts',
  'test/settings',
];

const runs = [
  ['npx', 'vitest', 'run', ...endToEnd],
  ['npx', 'tsx', 'test/faults/run.ts'],
  ['npx', 'tsx', 'haraka-test-harness/start.ts'],
] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { all: { type: 'boolean' } } });
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-coverage-'));
  try {
    const bundle = path.join(directory, 'tls-peers.cjs');
    await build({
      absWorkingDir: root,
      entryPoints: ['plugins/tls-peers.ts'],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: 'external',
      banner: { js: `function ${mark}() {}` },
    });
    const map = JSON.parse(await readFile(`${bundle}.map`, 'utf8')) as SourceMapPayload;
    const covered = new CoveredLines(await readFile(bundle, 'utf8'), map);
    const raw = path.join(directory, 'raw');
    for (const command of runs) await run(command, { LAB_COVERAGE: raw, LAB_BUNDLE: bundle });
    const processes = await addAll(covered, raw);
    print(covered, directory, values.all === true ? [''] : ['src/delivery/', 'plugins/']);
    process.stdout.write(`${processes} processes of Haraka.\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run([program, ...words]: (typeof runs)[number], env: Record<string, string>): Promise<void> {
  const child = spawn(program, words, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.stderr.write(`${words.join(' ')} ended with ${code}\n`);
}

async function addAll(covered: CoveredLines, directory: string): Promise<number> {
  let processes = 0;
  for (const file of await readdir(directory)) {
    const result = scriptsIn(await readFile(path.join(directory, file), 'utf8'));
    for (const script of result) {
      if (!script.functions.some(({ functionName }) => functionName === mark)) continue;
      covered.add(script);
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

function print({ lines }: CoveredLines, directory: string, wanted: readonly string[]): void {
  let ran = 0;
  let all = 0;
  for (const [source, found] of [...lines].sort(([a], [b]) => a.localeCompare(b))) {
    const file = path.relative(root, path.resolve(directory, source));
    if (file.startsWith('node_modules') || !wanted.some((prefix) => file.startsWith(prefix))) continue;
    const missed = [...found].filter(([, state]) => state === 'missed').map(([line]) => line);
    ran += found.size - missed.length;
    all += found.size;
    const share = percent(found.size - missed.length, found.size);
    process.stdout.write(
      `${file.padEnd(40)} ${share} of ${found.size}  ${missed.sort((a, b) => a - b).join(' ')}\n`,
    );
  }
  process.stdout.write(`${'all'.padEnd(40)} ${percent(ran, all)} of ${all} lines\n`);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1).padStart(5)} %`;
}

await main();
