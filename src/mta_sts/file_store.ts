/**
 * Policies in the state directory, one file each. Several processes may share it. The time of a file's last change is
 * when mail was last held to the policy.
 */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Log } from '../log';
import { useStateDirectory } from '../state/directory';
import { isMissing, StateFault } from '../state/state_fault';
import { newerFormat } from '../state/format';
import { isTemporary, readPlainFile, replaceFile, touchPlainFile } from '../state/files';
import { presentOwner, type Owner } from '../state/owner';
import { messageOf, printable } from '../text';
import { decodeEntry, encodeEntry, entryName, isEntryName, type Decoded } from './entry';
import { exceeds, surplus, worthOf, type Candidate, type Naming } from './eviction';
import type { PolicyKey, PolicyStore, StoredEntry, StoredPolicy } from './store';

export interface FileStoreOptions {
  readonly log: Log;
  /** Whose the directory is. This process's user where absent. */
  readonly owner?: Owner;
  /** Files, beyond which those that are missed least are removed. Default 10,000. */
  readonly maxEntries?: number;
  /** What they may take together. Default 64 MB. */
  readonly maxBytes?: number;
  /** Asked whenever policies have to go. Nobody is named where absent. */
  readonly namedPeers?: () => (domain: string) => Naming;
}

/** A policy is at most 64 KB, JSON may double that; what is larger was not written by us. */
export const largestEntry = 256 * 1024;
/** A temporary file of that age was left behind by a process that died. Milliseconds. */
const abandonedAfter = 3600_000;
/** A use is noted where the last one that was noted is older. Milliseconds. */
const useInterval = 24 * 3600_000;
/** Of how many broken entries it is remembered that they were reported. */
const reported = 1000;

/**
 * @param directory Created with mode 0700 where it is missing. It must be a directory of `owner`, not a link to one;
 *   other users' permissions are taken away. As long as that is not so nothing can be read, and writing rejects with a
 *   `StateFault`, which was logged.
 */
export function createFileStore(directory: string, options: FileStoreOptions): PolicyStore {
  const { log, owner = presentOwner(), maxEntries = 10_000, maxBytes = 64 * 1024 * 1024 } = options;
  const bounds = { maxEntries, maxBytes };
  const expected = { uid: owner.uid, atMost: largestEntry };
  // The bounds may be exceeded by this many files per process between two sweeps.
  const sweepEvery = Math.max(8, Math.floor(maxEntries / 32));
  let writes = 0;
  let sweeping: Promise<void> = Promise.resolve();
  /** The fault of the directory that was last reported; `undefined` while there is none. */
  let saidOfDirectory: string | undefined;
  const saidOfEntries = new LRUCache<string, string>({ max: reported });

  async function use(): Promise<void> {
    try {
      const found = await useStateDirectory(directory, owner);
      if (found === 'tightened')
        log.warn(`MTA-STS store: other users had access to ${directory}; its mode is now 0700`);
      if (saidOfDirectory !== undefined) log.notice(`MTA-STS store: ${directory} can be used again`);
      saidOfDirectory = undefined;
    } catch (error) {
      if (error instanceof StateFault) complain(error);
      throw error;
    }
  }

  /** What is lost, and what mends it: once, however many domains and messages are concerned. */
  function complain({ message, remedy }: StateFault): void {
    if (message === saidOfDirectory) return;
    saidOfDirectory = message;
    log.error(
      `MTA-STS store: ${printable(message)}. The policies kept there cannot be read, and none can be kept: mail to a domain ` +
        `that publishes one waits while its policy host cannot be reached. To mend it, as root: ${printable(remedy, 500)}`,
    );
  }

  async function readEntry(name: string): Promise<Decoded> {
    return decodeEntry(await readPlainFile(join(directory, name), expected), name);
  }

  async function read(key: PolicyKey): Promise<StoredEntry> {
    const name = entryName(key);
    try {
      await use();
      const decoded = await readEntry(name);
      if (decoded.kind === 'damaged') return unreadable(key, `it is damaged (${decoded.why})`);
      if (decoded.kind === 'newer') return unreadable(key, newerFormat);
      saidOfEntries.delete(name);
      return { kind: 'stored', stored: decoded.stored };
    } catch (error) {
      // Of the directory only `use` speaks: what is missing there is the entry.
      if (isMissing(error)) return { kind: 'none' };
      if (error instanceof StateFault) return { kind: 'unreadable', why: error.message };
      return unreadable(key, messageOf(error));
    }
  }

  function unreadable(key: PolicyKey, why: string): StoredEntry {
    const name = entryName(key);
    if (saidOfEntries.get(name) !== why) {
      saidOfEntries.set(name, why);
      log.error(
        `MTA-STS store: the policy kept for ${key.domain} cannot be read: ${printable(why)}. Mail to ${key.domain} waits while ` +
          `it cannot be fetched anew. To have it met as for the first time: rm ${join(directory, name)}`,
      );
    }
    return { kind: 'unreadable', why: `the policy kept for it: ${printable(why)}` };
  }

  async function* all(): AsyncIterable<StoredPolicy> {
    await use();
    await sweep();
    for (const name of await fs.readdir(directory)) {
      if (!isEntryName(name)) continue;
      const stored = await wholeEntry(name, (why) => log.warn(`MTA-STS store: ${name} is left out: ${why}`));
      // Also where it seems to have expired: the clock may be wrong, and the bounds see to it that it goes one day.
      if (stored !== undefined) yield stored;
    }
  }

  /** `undefined` where it does not read back whole, or is gone by now. */
  async function wholeEntry(name: string, report: (why: string) => void): Promise<StoredPolicy | undefined> {
    try {
      const decoded = await readEntry(name);
      if (decoded.kind === 'whole') return decoded.stored;
      report(decoded.kind === 'newer' ? newerFormat : `it is damaged (${printable(decoded.why)})`);
    } catch (error) {
      if (!isMissing(error)) report(`it cannot be read: ${printable(messageOf(error))}`);
    }
    return undefined;
  }

  /** Never rejects. */
  async function isNewer(name: string): Promise<boolean> {
    return readEntry(name).then(
      ({ kind }) => kind === 'newer',
      () => false,
    );
  }

  /** Keeps the directory within its bounds. Never rejects. */
  async function sweep(): Promise<void> {
    try {
      const files = await listFiles(directory);
      for (const file of files)
        if (isAbandoned(file)) await fs.rm(join(directory, file.name), { force: true });
      const entries = files.filter(({ name }) => isEntryName(name));
      if (exceeds(entries, bounds)) await evict(entries);
    } catch (error) {
      log.warn(`MTA-STS store: ${directory} could not be swept: ${printable(messageOf(error))}`);
    }
  }

  async function evict(entries: readonly Candidate[]): Promise<void> {
    const naming = options.namedPeers?.() ?? (() => 'not' as const);
    const now = Date.now();
    const judged: (Candidate & { worth: ReturnType<typeof worthOf> })[] = [];
    for (const entry of entries) {
      const decoded = await readEntry(entry.name).catch(() => undefined);
      if (decoded?.kind === 'newer') continue;
      // What cannot be read may be a policy in force: it goes by its last use as well.
      const worth =
        decoded?.kind === 'whole' ? worthOf(decoded.stored, naming(decoded.stored.domain), now) : 'ordinary';
      judged.push({ ...entry, worth });
    }
    const going = surplus(judged, bounds);
    for (const entry of going) await removeUnlessWritten(entry);
    if (going.length > 0)
      log.notice(`MTA-STS store: ${going.length} policies removed, the directory was full`);
    if (exceeds(without(judged, going), bounds))
      log.warn(
        'MTA-STS store: the policies of peers that rules name are more than max_policies allows; they stay',
      );
  }

  /** Another process may have fetched the policy anew, or used it, since it was judged. */
  async function removeUnlessWritten({ name, usedAt }: Candidate): Promise<void> {
    const file = join(directory, name);
    const found = await fs.lstat(file).catch(() => undefined);
    if (found?.mtimeMs === usedAt) await fs.rm(file, { force: true });
  }

  return {
    all,
    read,
    async write(stored, usedAt = Date.now()) {
      await use();
      // The policy holds from memory meanwhile; what the newer version knows of it would be lost.
      if (await isNewer(entryName(stored))) return;
      await replaceFile(directory, entryName(stored), encodeEntry(stored), { owner, changedAt: usedAt });
      if (++writes % sweepEvery !== 0) return;
      sweeping = sweeping.then(sweep);
    },
    async noteUse(key) {
      const isOld = (changedAt: number) => Math.abs(Date.now() - changedAt) > useInterval;
      await touchPlainFile(join(directory, entryName(key)), expected, isOld).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    },
    close: () => sweeping,
  };
}

function without<T>(all: readonly T[], some: readonly T[]): T[] {
  const gone = new Set(some);
  return all.filter((one) => !gone.has(one));
}

async function listFiles(directory: string): Promise<Candidate[]> {
  const files: Candidate[] = [];
  for (const name of await fs.readdir(directory)) {
    // Another process may have removed it meanwhile.
    const stats = await fs.lstat(join(directory, name)).catch(() => undefined);
    if (stats !== undefined) files.push({ name, size: stats.size, usedAt: stats.mtimeMs });
  }
  return files;
}

function isAbandoned({ name, usedAt }: Candidate): boolean {
  return isTemporary(name) && Math.abs(Date.now() - usedAt) > abandonedAfter;
}
