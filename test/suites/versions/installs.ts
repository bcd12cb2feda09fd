/** Harakas and Nodes of other versions, from the npm registry, kept below node_modules/.cache. */
import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const cache = path.resolve(import.meta.dirname, '../../../node_modules/.cache/tls-peers-versions');

/** The directory of that Haraka. */
export async function installedHaraka(version: string): Promise<string> {
  return path.join(await install(`haraka-${version}`, `Haraka@${version}`), 'node_modules/Haraka');
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
