/** Policies in the state directory, one file each. Several processes may share it. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log';
import { isMissing, useStateDirectory } from '../state/directory';
import { isTemporary, readPlainFile, replaceFile } from '../state/files';
import { presentOwner } from '../state/owner';
import { messageOf, printable } from '../text';
import { decodeEntry, encodeEntry, entryName, isEntryName } from './entry';
import type { PolicyStore, StoredPolicy } from './store';

export interface FileStoreOptions {
  readonly log: Log;
  /** Files, beyond which the longest unwritten are removed. Default 10,000. */
  readonly maxEntries?: number;
  /** What they may take together. Default 64 MB. */
  readonly maxBytes?: number;
}

/** A policy is at most 64 KB, JSON may double that; what is larger was not written by us. */
const largestEntry = 256 * 1024;
/** A temporary file of that age was left behind by a process that died. Milliseconds. */
const abandonedAfter = 3600_000;

/**
 * @param directory Created with mode 0700 where it is missing. It must be a directory of this user, not a link to one;
 *   other users' permissions are taken away. Each call rejects as long as that is not so.
 */
export function createFileStore(directory: string, options: FileStoreOptions): PolicyStore {
  const { log, maxEntries = 10_000, maxBytes = 64 * 1024 * 1024 } = options;
  // The bounds may be exceeded by this many files per process between two sweeps.
  const sweepEvery = Math.max(8, Math.floor(maxEntries / 32));
  let writes = 0;
  let sweeping: Promise<void> = Promise.resolve();

  async function use(): Promise<void> {
    if ((await useStateDirectory(directory, presentOwner())) === 'in_order') return;
    log.warn(`MTA-STS store: other users had access to ${directory}; its mode is now 0700`);
  }

  async function readEntry(name: string): Promise<StoredPolicy | undefined> {
    const expected = { uid: presentOwner().uid, atMost: largestEntry };
    const text = await readPlainFile(join(directory, name), expected);
    const decoded = decodeEntry(text, name);
    if (decoded.kind === 'whole') return decoded.stored;
    log.warn(`MTA-STS store: ${name} is damaged (${printable(decoded.why)}) and is left out`);
    return undefined;
  }

  async function* all(): AsyncIterable<StoredPolicy> {
    await use();
    await sweep(directory, { maxEntries, maxBytes }, log);
    for (const name of await fs.readdir(directory)) {
      if (!isEntryName(name)) continue;
      const stored = await readEntry(name).catch((error: unknown) => {
        if (!isMissing(error))
          log.warn(`MTA-STS store: ${name} cannot be read: ${printable(messageOf(error))}`);
        return undefined;
      });
      // Also where it seems to have expired: the clock may be wrong, and the bounds see to it that it goes one day.
      if (stored !== undefined) yield stored;
    }
  }

  return {
    all,
    async read(key) {
      await use();
      return readEntry(entryName(key)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
    },
    async write(stored) {
      await use();
      await replaceFile(directory, entryName(stored), encodeEntry(stored));
      if (++writes % sweepEvery !== 0) return;
      sweeping = sweeping.then(() => sweep(directory, { maxEntries, maxBytes }, log));
    },
    close: () => sweeping,
  };
}

interface FileFacts {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * Keeps the directory within its bounds. Policies in use are rewritten when they are refreshed, so those that were not
 * written for longest are those that are missed least. Never rejects.
 */
async function sweep(
  directory: string,
  bounds: { readonly maxEntries: number; readonly maxBytes: number },
  log: Log,
): Promise<void> {
  try {
    const files = await listFiles(directory);
    const abandoned = files.filter(({ name, mtimeMs }) => isTemporary(name) && isOld(mtimeMs));
    const surplus = beyond(
      files.filter(({ name }) => isEntryName(name)),
      bounds,
    );
    for (const { name } of [...abandoned, ...surplus]) await fs.rm(join(directory, name), { force: true });
    if (surplus.length > 0)
      log.notice(`MTA-STS store: ${surplus.length} policies removed, the directory was full`);
  } catch (error) {
    log.warn(`MTA-STS store: ${directory} could not be swept: ${printable(messageOf(error))}`);
  }
}

function beyond(files: readonly FileFacts[], bounds: { maxEntries: number; maxBytes: number }): FileFacts[] {
  const newestFirst = files.toSorted((a, b) => b.mtimeMs - a.mtimeMs);
  let bytes = 0;
  return newestFirst.filter(({ size }, index) => {
    bytes += size;
    return index >= bounds.maxEntries || bytes > bounds.maxBytes;
  });
}

async function listFiles(directory: string): Promise<FileFacts[]> {
  const files: FileFacts[] = [];
  for (const name of await fs.readdir(directory)) {
    // Another process may have removed it meanwhile.
    const stats = await fs.lstat(join(directory, name)).catch(() => undefined);
    if (stats !== undefined) files.push({ name, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  return files;
}

function isOld(mtimeMs: number): boolean {
  return Math.abs(Date.now() - mtimeMs) > abandonedAfter;
}
