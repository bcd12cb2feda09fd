/** Without `[web]` and http.ini: no file of the page is opened, and a Haraka starts as soon and as small as without it. */
import { build, type Plugin } from 'esbuild';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab } from '../../../haraka-test-harness/lab';
import { freePort } from '../../../haraka-test-harness/program';
import { median, spreadText } from './middle';

const root = path.resolve(import.meta.dirname, '../../..');
const world = { domains: { 'a.example': {} } };
const rounds = 12;

/** How much more of each may be noise. */
const tolerance = 1.05;

export async function lookUntouched(print: (line: string) => void): Promise<boolean> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-untouched-'));
  try {
    const traced =
      spawnSync('strace', ['-V']).status === 0 ? await traceOpens(directory, print) : skipped(print);
    return (await compareStarts(directory, print)) && traced;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function skipped(print: (line: string) => void): boolean {
  print('  SKIPPED: strace is not here; what is opened was not looked at');
  return true;
}

async function traceOpens(directory: string, print: (line: string) => void): Promise<boolean> {
  const trace = path.join(directory, 'trace');
  const node = path.join(directory, 'node');
  const calls = 'open,openat,openat2,stat,lstat,newfstatat,statx,access,readlink';
  writeFileSync(
    node,
    `#!/bin/sh\nexec strace -f -q -s 300 -o ${trace} -e trace=${calls} ${process.execPath} "$@"\n`,
  );
  chmodSync(node, 0o755);
  const opened = async (ini: string): Promise<string[]> => {
    const lab = await startLab(world, { node, config: { 'tls-peers.ini': ini } });
    await lab.deliver({ from: 'x@ours.example', to: 'b@a.example' });
    await lab.stop();
    const names = readFileSync(trace, 'utf8').matchAll(/"[^"]*\/haraka-plugin-tls-peers\/dist\/([^"]+)"/g);
    return [...new Set([...names].map(([, name = '']) => name))].sort();
  };
  const without = await opened('');
  const withPage = await opened(`[web]\nlisten = 127.0.0.1:${await freePort()}\n`);
  const isPages = (name: string) => name.startsWith('web');
  print(`  opened or looked at below dist/ without the page: ${without.join(', ')}`);
  print(`  and with it: ${withPage.join(', ')}`);
  return without.includes('tls-peers.cjs') && !without.some(isPages) && withPage.some(isPages);
}

/** The same suite, built alike, with and without the piece that could load the page. */
async function compareStarts(directory: string, print: (line: string) => void): Promise<boolean> {
  const bundles = {
    with: path.join(directory, 'with.cjs'),
    without: path.join(directory, 'without.cjs'),
  };
  await buildTo(bundles.with, []);
  await buildTo(bundles.without, [withoutPage]);
  const seen = { with: [] as Start[], without: [] as Start[] };
  for (let round = 0; round < rounds; round++) {
    // Each is the first in every other round.
    const order = round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const);
    for (const which of order) seen[which].push(await start({ bundle: bundles[which] }));
  }
  const ratios = (of: (one: Start) => number) =>
    seen.with.map((one, round) => of(one) / of(seen.without[round] ?? one));
  const times = (of: readonly Start[]) => of.map(({ ms }) => ms);
  const sizes = (of: readonly Start[]) => of.map(({ kb }) => kb / 1024);
  const [time, size] = [ratios(({ ms }) => ms), ratios(({ kb }) => kb)];
  // The least is what it takes; everything above is what others did meanwhile.
  const least = Math.min(...times(seen.with)) / Math.min(...times(seen.without));
  print(
    `  start: median ${median(times(seen.with)).toFixed(0)} ms, ${median(times(seen.without)).toFixed(0)} without the piece; ` +
      `by round ${spreadText(time)}; the least ${least.toFixed(3)} x`,
  );
  print(
    `  RSS: median ${median(sizes(seen.with)).toFixed(1)} MB, ${median(sizes(seen.without)).toFixed(1)} without; ` +
      `by round ${spreadText(size)}`,
  );
  return Math.min(median(time), least) <= tolerance && median(size) <= tolerance;
}

const withoutPage: Plugin = {
  name: 'without-the-page',
  setup(building) {
    building.onLoad({ filter: /plugins\/web\.ts$/ }, () => ({
      contents: 'export const web = { register() {}, shutdown() {} };',
      loader: 'ts',
    }));
  },
};

async function buildTo(outfile: string, plugins: Plugin[]): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['plugins/tls-peers.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
    plugins,
  });
}

interface Start {
  readonly ms: number;
  readonly kb: number;
}

async function start(options: { readonly bundle: string }): Promise<Start> {
  const lab = await startLab(world, options);
  const begun = performance.now();
  await lab.haraka.restart();
  const ms = performance.now() - begun;
  const status = readFileSync(`/proc/${lab.haraka.pid}/status`, 'utf8');
  await lab.stop();
  return { ms, kb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) };
}
