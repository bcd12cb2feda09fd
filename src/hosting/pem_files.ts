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

/**
 * All files below `directory`, as Haraka reads its own `config/tls`. A directory that is not there has none; one that
 * cannot be listed is a problem, and keeps nothing else from being read.
 */
export function directoryReader(directory: string): FileReader {
  return readerOf(() => filesBelow(directory, deepest), directory);
}

/** These files, which must be there. */
export function fileReader(base: string, names: readonly string[]): FileReader {
  const found = names.map((name): Found => ({ kind: 'file', path: path.resolve(base, name) }));
  return readerOf(() => Promise.resolve(found), base);
}

type Found =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unlisted'; readonly path: string; readonly problem: string };

function readerOf(list: () => Promise<readonly Found[]>, base: string): FileReader {
  const nameOf = (found: Found) => path.relative(base, found.path) || path.basename(base);
  return {
    stamp: async () => (await Promise.all((await list()).map(stampOf))).join('\n'),
    read: async () => {
      const results = await Promise.all((await list()).map((found) => readOne(found, nameOf(found))));
      return {
        files: results.flatMap((one) => ('text' in one ? [one] : [])),
        problems: results.flatMap((one) => ('problem' in one ? [one.problem] : [])),
      };
    },
  };
}

async function filesBelow(directory: string, depth: number): Promise<Found[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    return isMissing(error) ? [] : [{ kind: 'unlisted', path: directory, problem: messageOf(error) }];
  }
  const found: Found[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(directory, entry.name);
    // Certificates that a client renews are usually links.
    const kind = entry.isSymbolicLink() ? await stat(file).catch(() => undefined) : entry;
    if (kind?.isDirectory() === true && depth > 0) found.push(...(await filesBelow(file, depth - 1)));
    else if (kind?.isFile() === true) found.push({ kind: 'file', path: file });
    if (found.length >= mostFiles) break;
  }
  return found;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function stampOf(found: Found): Promise<string> {
  if (found.kind === 'unlisted') return `${found.path} ${found.problem}`;
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(found.path, { bigint: true });
    return `${found.path} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return `${found.path} ${messageOf(error)}`;
  }
}

async function readOne(found: Found, name: string): Promise<PemFile | { readonly problem: string }> {
  if (found.kind === 'unlisted') return { problem: `${name}: ${found.problem}` };
  try {
    if ((await stat(found.path)).size > mostBytes) return { problem: `${name}: too large for certificates` };
    return { name, text: await readFile(found.path, 'utf8') };
  } catch (error) {
    return { problem: `${name}: ${messageOf(error)}` };
  }
}
