/** PEM files on disk, read within bounds. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../state/state_fault';
import { messageOf } from '../text';
import type { PemFile } from './pem';

/** A file of certificates is a few kilobytes; a larger one is something else. */
const mostBytes = 1024 * 1024;
const mostFiles = 10_000;
const deepest = 5;

/** A file, or a directory that cannot be listed, as it is now. */
export type Seen = {
  readonly path: string;
  /** For people. */
  readonly name: string;
  /** Another one once the file was changed. */
  readonly stamp: string;
} & ({ readonly kind: 'file' } | { readonly kind: 'unlisted'; readonly problem: string });

export interface FileReader {
  /** What is there, without reading it. */
  look(): Promise<readonly Seen[]>;
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
  const look = async () =>
    Promise.all(
      (await list()).map(async (found): Promise<Seen> => {
        const name = path.relative(base, found.path) || path.basename(base);
        return { ...found, name, stamp: await stampOf(found) };
      }),
    );
  return {
    look,
    read: async () => {
      const results = await Promise.all((await look()).map(readOne));
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

async function stampOf(found: Found): Promise<string> {
  if (found.kind === 'unlisted') return found.problem;
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(found.path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return messageOf(error);
  }
}

export async function readOne(seen: Seen): Promise<PemFile | { readonly problem: string }> {
  const { name } = seen;
  if (seen.kind === 'unlisted') return { problem: `${name}: ${seen.problem}` };
  try {
    if ((await stat(seen.path)).size > mostBytes) return { problem: `${name}: too large for certificates` };
    return { name, text: await readFile(seen.path, 'utf8') };
  } catch (error) {
    return { problem: `${name}: ${messageOf(error)}` };
  }
}
