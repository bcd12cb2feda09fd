/** Builds of the suite in which one module is replaced, to see what the rest does when that module fails. */
import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface Bundle {
  readonly file: string;
  remove(): Promise<void>;
}

/** @param module below src/, without extension; `source` takes its place */
export async function buildWith(module: string, source: string): Promise<Bundle> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-build-'));
  const file = path.join(directory, 'tls-peers.cjs');
  let replaced = 0;
  await build({
    absWorkingDir: root,
    entryPoints: ['plugins/tls-peers.ts'],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
    plugins: [
      {
        name: 'replace',
        setup(bundling) {
          bundling.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
            if (loaded !== path.join(root, 'src', `${module}.ts`)) return undefined;
            replaced += 1;
            return { contents: source, loader: 'ts', resolveDir: path.dirname(loaded) };
          });
        },
      },
    ],
  });
  if (replaced !== 1) throw new Error(`src/${module}.ts is not part of the bundle`);
  return { file, remove: () => rm(directory, { recursive: true, force: true }) };
}
