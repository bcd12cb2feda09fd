/** PEM files on disk, read within bounds. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../text';
import type { PemFile } from './pem';

/** A file of certificates is a few kilobytes; whatever is larger is something else. */
const mostBytes = 1024 * 1024;
const mostFiles = 10_000;
const deepest = 5;

export interface FileReader {
  /** A text that differs once any of the files was changed, added or removed. */
  stamp(): Promise<string>;
  read(): Promise<{ readonly files: readonly PemFile[]; readonly problems: readonly string[] }>;
}

/** All files below `directory`, as Haraka reads its own `config/tls`. A directory that is not there has none. */
export function directoryReader(directory: string): FileReader {
  return readerOf(() => filesBelow(directory, deepest), directory);
}

/** These files, which must be there. */
export function fileReader(base: string, names: readonly string[]): FileReader {
  const paths = names.map((name) => path.resolve(base, name));
  return readerOf(() => Promise.resolve(paths), base);
}

function readerOf(list: () => Promise<readonly string[]>, base: string): FileReader {
  return {
    stamp: async () => (await Promise.all((await list()).map(stampOf))).join('\n'),
    read: async () => {
      const results = await Promise.all((await list()).map((file) => readOne(file, path.relative(base, file))));
      return {
        files: results.flatMap((one) => ('text' in one ? [one] : [])),
        problems: results.flatMap((one) => ('problem' in one ? [one.problem] : [])),
      };
    },
  };
}

async function filesBelow(directory: string, depth: number): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(directory, entry.name);
    // Certificates that a client renews are usually links.
    const kind = entry.isSymbolicLink() ? await stat(file).catch(() => undefined) : entry;
    if (kind?.isDirectory() === true && depth > 0) found.push(...(await filesBelow(file, depth - 1)));
    else if (kind?.isFile() === true) found.push(file);
    if (found.length >= mostFiles) break;
  }
  return found;
}

async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${file} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return `${file} ${messageOf(error)}`;
  }
}

async function readOne(file: string, name: string): Promise<PemFile | { readonly problem: string }> {
  try {
    if ((await stat(file)).size > mostBytes) return { problem: `${name}: too large for certificates` };
    return { name, text: await readFile(file, 'utf8') };
  } catch (error) {
    return { problem: `${name}: ${messageOf(error)}` };
  }
}
