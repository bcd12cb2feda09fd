/**
 * Policies in a directory, one file each. Several processes may share it: a file is replaced by renaming a complete one
 * over it, so whoever reads sees the old policy or the new one, and a crash leaves one of the two.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log';
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

  async function readEntry(name: string): Promise<StoredPolicy | undefined> {
    const text = await readPlainFile(join(directory, name));
    const decoded = decodeEntry(text, name);
    if (decoded.kind === 'whole') return decoded.stored;
    log.warn(`MTA-STS store: ${name} is damaged (${printable(decoded.why)}) and is left out`);
    return undefined;
  }

  async function* all(): AsyncIterable<StoredPolicy> {
    await ensureDirectory(directory, log);
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
      await ensureDirectory(directory, log);
      return readEntry(entryName(key)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
    },
    async write(stored) {
      await ensureDirectory(directory, log);
      await replaceFile(directory, entryName(stored), encodeEntry(stored));
      if (++writes % sweepEvery !== 0) return;
      sweeping = sweeping.then(() => sweep(directory, { maxEntries, maxBytes }, log));
    },
    close: () => sweeping,
  };
}

async function ensureDirectory(directory: string, log: Log): Promise<void> {
  const found = await fs.lstat(directory).catch(async (error: unknown) => {
    if (!isMissing(error)) throw error;
    await fs.mkdir(directory, { recursive: true, mode: 0o700 });
    return fs.lstat(directory);
  });
  // A link could be turned to a place where somebody else writes policies, or reads along.
  if (!found.isDirectory()) throw new Error(`${directory} is not a directory`);
  const user = process.getuid?.();
  if (user !== undefined && found.uid !== user) throw new Error(`${directory} belongs to another user`);
  if ((found.mode & 0o077) === 0) return;
  log.warn(`MTA-STS store: other users had access to ${directory}; its mode is now 0700`);
  await fs.chmod(directory, 0o700);
}

/** Neither links are followed nor pipes waited for. */
async function readPlainFile(path: string): Promise<string> {
  const file = await fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('not a plain file');
    if (stats.size > largestEntry) throw new Error(`larger than ${largestEntry} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `.${process.pid}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    await writeDurably(temporary, text);
    await fs.rename(temporary, join(directory, name));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

async function writeDurably(path: string, text: string): Promise<void> {
  // `wx`: the name is new, so nobody has put a link there.
  const file = await fs.open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the rename itself durable. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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

function isTemporary(name: string): boolean {
  return /^\.\d+\.[0-9a-f]{16}\.tmp$/.test(name);
}

function isOld(mtimeMs: number): boolean {
  return Math.abs(Date.now() - mtimeMs) > abandonedAfter;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
