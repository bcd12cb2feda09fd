/** Builds of the suite in which one module is replaced, to see what the rest does when that module fails. */
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface Bundle {
  readonly file: string;
  remove(): Promise<void>;
}

/** Names the directory in which `npm run coverage` collects every build that runs. */
export const coveredIn = 'LAB_COVERED_BUNDLES';

/** @param module below src/, without extension; `source` takes its place */
export async function buildWith(module: string, source: string): Promise<Bundle> {
  const replaced = path.join(root, 'src', `${module}.ts`);
  let times = 0;
  const replace: Plugin = {
    name: 'replace',
    setup(bundling) {
      bundling.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
        if (loaded !== replaced) return undefined;
        times += 1;
        return { contents: source, loader: 'ts', resolveDir: path.dirname(loaded) };
      });
    },
  };
  const bundle = await buildSomewhere(replace, replaced);
  if (times !== 1) throw new Error(`src/${module}.ts is not part of the bundle`);
  return bundle;
}

async function buildSomewhere(replace: Plugin, replaced: string): Promise<Bundle> {
  const covered = process.env[coveredIn];
  if (covered !== undefined) {
    const file = await buildCovered(covered, { plugins: [replace] });
    await writeFile(file.replace(/\.cjs$/, '.replaced'), replaced);
    return { file, remove: () => Promise.resolve() };
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-build-'));
  const file = path.join(directory, 'tls-peers.cjs');
  await build({ ...suite, outfile: file, plugins: [replace] });
  return { file, remove: () => rm(directory, { recursive: true, force: true }) };
}

/**
 * A build with a source map beside it. It holds a function with the name of its file: V8 tells of functions, not of what
 * the lab has copied the file from.
 */
export async function buildCovered(directory: string, options: BuildOptions = {}): Promise<string> {
  const mark = `covered_${randomUUID().replaceAll('-', '')}`;
  const outfile = path.join(directory, `${mark}.cjs`);
  await build({
    ...suite,
    ...options,
    outfile,
    sourcemap: 'external',
    // A directive that is not the first statement is none.
    banner: { js: `'use strict';\nfunction ${mark}() {}` },
  });
  return outfile;
}

const suite: BuildOptions = {
  absWorkingDir: root,
  entryPoints: ['plugins/tls-peers.ts'],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  logLevel: 'warning',
};
