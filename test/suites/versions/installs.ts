/** Harakas and Nodes of other versions, from the npm registry, kept below node_modules/.cache. */
import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { harakaIn, type packageNames } from '../../../haraka-test-harness/haraka_directory';

const cache = path.resolve(import.meta.dirname, '../../../node_modules/.cache/tls-peers-versions');

type PackageName = (typeof packageNames)[number];

/** The directory of that Haraka. `name`: of its package; the one with a future where this version has it. */
export async function installedHaraka(version: string, name = newestName(version)): Promise<string> {
  // Names that differ in case alone are one name on some file systems.
  const directory = name === 'Haraka' ? `haraka-${version}` : `haraka-${version}-small`;
  return harakaIn(path.join(await install(directory, `${name}@${version}`), 'node_modules'));
}

/** Published as `haraka` from 3.3 on. */
export function newestName(version: string): PackageName {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 3) ? 'haraka' : 'Haraka';
}

/** The executable of the newest Node of that version, such as `22` or `22.12`; the package `node` brings it along. */
export async function installedNode(version: number | string): Promise<string> {
  return path.join(await install(`node-${version}`, `node@${version}`), 'node_modules/node/bin/node');
}

/** Installed under another name first: what is there under its own is complete. */
async function install(name: string, what: string): Promise<string> {
  const directory = path.join(cache, name);
  if (await exists(directory)) return directory;
  const unfinished = `${directory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const options = ['--no-audit', '--no-fund', '--omit=dev', '--loglevel=error'];
  await promisify(execFile)('npm', ['install', '--prefix', unfinished, ...options, what]);
  await rename(unfinished, directory);
  return directory;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
