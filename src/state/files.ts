/**
 * Files that are replaced while others read them. A complete file is renamed over the old one, so that a reader sees the old
 * one or the new one, and a crash leaves one of the two. The state directory is shared by several processes, and files are
 * believed only as far as others cannot have put them there.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from './owner';

/** Neither links are followed nor pipes waited for. */
const plainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What is asked of a file before it is believed. */
export interface Expected {
  /** Whose it must be; a file of another user's in our directory was not written by us. */
  readonly uid: number;
  /** Bytes. */
  readonly atMost: number;
}

/** @throws Error where there is no such file, or it is not as expected */
export async function readPlainFile(file: string, expected: Expected): Promise<string> {
  const handle = await fs.open(file, plainly);
  try {
    assertExpected(await handle.stat(), expected);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** The same, at start. */
export function readPlainFileSync(file: string, expected: Expected): string {
  const fd = openSync(file, plainly);
  try {
    assertExpected(fstatSync(fd), expected);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function assertExpected(found: Stats, { uid, atMost }: Expected): void {
  if (!found.isFile()) throw new Error('not a plain file');
  if (found.uid !== uid) throw new Error(`belongs to another user (uid ${found.uid})`);
  if (found.size > atMost) throw new Error(`larger than ${atMost} bytes`);
}

/** Sets the time of the last change to now where `isDue` says so of the present one. Milliseconds since 1970. */
export async function touchPlainFile(
  file: string,
  expected: Expected,
  isDue: (changedAt: number) => boolean,
): Promise<void> {
  const handle = await fs.open(file, plainly);
  try {
    const found = await handle.stat();
    assertExpected(found, expected);
    const now = new Date();
    if (isDue(found.mtimeMs)) await handle.utimes(now, now);
  } finally {
    await handle.close();
  }
}

export interface Replacing {
  /** Whose the file is to be. To give it to another user takes root. */
  readonly owner: Owner;
  /** Permissions, 0600 where absent. */
  readonly mode?: number;
  /** The time of the last change, milliseconds since 1970; now where absent. */
  readonly changedAt?: number;
}

/**
 * Replaces `name` in `directory`, wholly or not at all. Resolves when it would survive a crash.
 *
 * @throws Error where it cannot be written, or not for this owner; the file is then what it was
 */
export async function replaceFile(
  directory: string,
  name: string,
  text: string,
  replacing: Replacing,
): Promise<void> {
  const temporary = temporaryIn(directory);
  try {
    await writeDurably(temporary, text, replacing);
    await fs.rename(temporary, join(directory, name));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** A file that is to take the place of another. A name that begins with a dot is no state file, and no settings file either. */
export function temporaryIn(directory: string): string {
  return join(directory, `.${process.pid}.${randomBytes(8).toString('hex')}.tmp`);
}

/** Whether a file of this name is one that `temporaryIn` named, and nobody finished. */
export function isTemporary(name: string): boolean {
  return /^\.\d+\.[0-9a-f]{16}\.tmp$/.test(name);
}

async function writeDurably(file: string, text: string, replacing: Replacing): Promise<void> {
  const { owner, mode = ownersAlone, changedAt } = replacing;
  // Under a name that nobody can guess, and only if it is new: others who may write here must not have us follow a link.
  const handle = await fs.open(file, 'wx', ownersAlone);
  try {
    await handle.writeFile(text);
    await giveTo(handle, owner, mode);
    await handle.chmod(mode);
    if (changedAt !== undefined) await handle.utimes(new Date(), new Date(changedAt));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const ownersAlone = 0o600;

/** @throws Error where it cannot be given to `owner`: only root may give a file away */
async function giveTo(handle: fs.FileHandle, owner: Owner, mode: number): Promise<void> {
  const hasGroup = ({ gid }: Stats) => owner.gid === 'unchanged' || gid === owner.gid;
  const made = await handle.stat();
  if (made.uid === owner.uid && hasGroup(made)) return;
  // A user may pass a file on to a group of its own.
  await handle.chown(owner.uid, owner.gid === 'unchanged' ? -1 : owner.gid).catch(() => undefined);
  const given = await handle.stat();
  const isForGroup = (mode & 0o070) !== 0;
  if (given.uid === owner.uid && (hasGroup(given) || !isForGroup)) return;
  throw new Error(`its owner (${owner.name}) cannot be kept: run this as root or as that user`);
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
