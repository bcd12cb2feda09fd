/**
 * The directory in which the suite keeps what must outlive the process. It belongs to the user that Haraka runs as, with
 * mode 0700: others who could write there would choose which policy is in force.
 *
 * While Haraka is still root, `prepareStateDirectory` makes the directory and gives it to that user. Root acts through
 * descriptors alone and follows no link that anybody else can have put there: the user owns the install as a rule, and
 * a link in place of the directory would have root give away what the link points to.
 */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../text';
import type { Owner } from './owner';

/** The directory cannot be used. The message says why, `remedy` is a command for root that mends it. */
export class StateFault extends Error {
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

export type Prepared = { readonly kind: 'ready' } | { readonly kind: 'unusable'; readonly fault: StateFault };

/** Permissions of anybody but the owner. */
const others = 0o077;
const ownersAlone = 0o700;
/** As deep as Linux itself follows links. */
const mostLinks = 40;

/**
 * Makes `directory` one that `owner` alone can use: made where it is missing, given where it is root's and holds nothing
 * but files of the suite, closed to others where it was open. To be called as root before privileges are dropped, or as
 * `owner`, who can give nothing away. What is in order is left alone. Never throws.
 *
 * @param directory an absolute path
 */
export function prepareStateDirectory(directory: string, owner: Owner): Prepared {
  try {
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found !== undefined && isInOrder(found, owner)) return { kind: 'ready' };
    if (!isOneself(owner)) prepareForAnother(directory, owner);
    else if (found === undefined) mkdirSync(directory, { recursive: true, mode: ownersAlone });
    else close(found, directory, owner);
    return { kind: 'ready' };
  } catch (error) {
    return { kind: 'unusable', fault: faultOf(error, directory, owner) };
  }
}

/**
 * Holds `directory` to the same, as the user that it belongs to, and makes it where it is missing. To be called before
 * each use: what was in order at the start may have been moved or replaced since.
 *
 * @returns `tightened` where other users had access until now
 * @throws StateFault where the directory is not usable
 */
export async function useStateDirectory(directory: string, owner: Owner): Promise<'in_order' | 'tightened'> {
  try {
    const found = await fs.lstat(directory).catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      if (isOneself(owner)) await fs.mkdir(directory, { recursive: true, mode: ownersAlone });
      else prepareForAnother(directory, owner);
      return fs.lstat(directory);
    });
    assertOwned(found, directory, owner);
    if ((found.mode & others) === 0) return 'in_order';
    await fs.chmod(directory, ownersAlone);
    return 'tightened';
  } catch (error) {
    throw faultOf(error, directory, owner);
  }
}

/** Where no other user is to own it nothing is given away, and what leads there is as it always was. */
function isOneself({ uid }: Owner): boolean {
  return process.geteuid === undefined || process.geteuid() === uid;
}

function close(found: Stats, directory: string, owner: Owner): void {
  assertOwned(found, directory, owner);
  chmodSync(directory, ownersAlone);
}

function isInOrder(found: Stats, owner: Owner): boolean {
  return found.isDirectory() && found.uid === owner.uid && (found.mode & others) === 0;
}

/** A link could be turned to a place where somebody else writes policies, or reads along. */
function assertOwned(found: Stats, directory: string, owner: Owner): void {
  if (found.isSymbolicLink())
    throw new StateFault(`${directory} is a link, not a directory`, replaced(directory, owner));
  if (!found.isDirectory())
    throw new StateFault(`${directory} is not a directory`, replaced(directory, owner));
  if (found.uid !== owner.uid) {
    const text = `${directory} belongs to another user (uid ${found.uid}), not to ${owner.name}`;
    throw new StateFault(text, given(directory, owner));
  }
}

// ---- from root, through descriptors

function prepareForAnother(directory: string, owner: Owner): void {
  const open = new Descriptors();
  try {
    const { at, below } = open.deepestExisting(directory, owner);
    let handle = at;
    for (const name of below) handle = open.make(handle, name, owner);
    if (below.length === 0) settle(handle, directory, owner);
  } finally {
    open.close();
  }
}

/** An existing directory. */
function settle(handle: Opened, directory: string, owner: Owner): void {
  const found = fstatSync(handle.fd);
  if (found.uid !== owner.uid) {
    if (found.uid !== 0 || process.geteuid?.() !== 0) assertOwned(found, directory, owner);
    // As an earlier start may have left it. Where others have access nobody knows what it is for, and who put files there.
    if ((found.mode & others) !== 0) {
      const text = `${directory} is root's and open to others; it is not given to ${owner.name}`;
      throw new StateFault(text, given(directory, owner));
    }
    giveFiles(handle, directory, owner);
    give(handle.fd, owner);
  }
  if ((found.mode & others) !== 0) fchmodSync(handle.fd, ownersAlone);
}

/** What the suite keeps are plain files with these endings; a directory with anything else in it was not made by it. */
const kept = /^[\w.-]+\.(?:json|tmp|counts|jsonl)$/;

/** While the directory is still root's: afterwards a link could stand in place of a file. */
function giveFiles(handle: Opened, directory: string, owner: Owner): void {
  const names = readdirSync(handle.path);
  const strange = names.find((name) => !kept.test(name));
  if (strange !== undefined) {
    const text = `${directory} is root's and holds other things (${strange}); it is not given to ${owner.name}`;
    throw new StateFault(text, given(directory, owner));
  }
  for (const name of names) giveFile(`${handle.path}/${name}`, owner);
}

function giveFile(file: string, owner: Owner): void {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    // A second name of the same file may be of use to somebody else.
    if (!found.isFile() || found.nlink !== 1) throw new Error(`${file} is not a plain file`);
    give(fd, owner);
  } finally {
    closeSync(fd);
  }
}

function give(fd: number, { uid, gid }: Owner): void {
  fchownSync(fd, uid, gid === 'unchanged' ? -1 : gid);
}

interface Opened {
  readonly fd: number;
  /** Leads to what the descriptor holds, even if another stands under its name by now, where the system can do that. */
  readonly path: string;
}

/** Linux opens what is below a descriptor by this path; elsewhere the plain path has to do. */
const descriptorPaths = '/proc/self/fd';

class Descriptors {
  readonly #fds: number[] = [];
  readonly #areNamed = existsSync(descriptorPaths);

  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }

  /** Walks down from the root as far as there is something. `below`: what is still to be made. */
  deepestExisting(directory: string, owner: Owner): { readonly at: Opened; readonly below: string[] } {
    let names = partsOf(directory);
    let at = this.#open('/');
    let links = 0;
    for (let next = names[0]; next !== undefined; next = names[0]) {
      const child = `${at.path}/${next}`;
      const found = lstatSync(child, { throwIfNoEntry: false });
      if (found === undefined) return { at, below: names };
      if (found.isSymbolicLink()) {
        const isLast = names.length === 1;
        if (isLast || !isRoots(found, fstatSync(at.fd)) || ++links > mostLinks)
          throw new StateFault(
            `${next} on the way to ${directory} is a link, which root does not follow`,
            given(directory, owner),
          );
        const target = readlinkSync(child);
        if (path.isAbsolute(target)) at = this.#open('/');
        // `..` is a name like any other to the system, and leads up from where the descriptor is.
        names = [...partsOf(target), ...names.slice(1)];
        continue;
      }
      at = this.#open(child);
      names = names.slice(1);
    }
    return { at, below: [] };
  }

  make(parent: Opened, name: string, owner: Owner): Opened {
    const child = `${parent.path}/${name}`;
    mkdirSync(child, { mode: ownersAlone });
    const made = this.#open(child);
    const found = fstatSync(made.fd);
    if (found.uid === owner.uid) return made;
    // Somebody was quicker than we are, and put another one in its place.
    if (found.uid !== process.geteuid?.() || readdirSync(made.path).length > 0)
      throw new Error(`${name} was replaced while it was made`);
    give(made.fd, owner);
    return made;
  }

  #open(file: string): Opened {
    const fd = openSync(file, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    this.#fds.push(fd);
    return { fd, path: this.#areNamed ? `${descriptorPaths}/${fd}` : file };
  }
}

function partsOf(directory: string): string[] {
  return directory.split('/').filter((part) => part !== '' && part !== '.');
}

/** Whether nobody but root can have put this link there. */
function isRoots(link: Stats, holder: Stats): boolean {
  const isSticky = (holder.mode & 0o1000) !== 0;
  return link.uid === 0 && holder.uid === 0 && ((holder.mode & 0o022) === 0 || isSticky);
}

// ---- what is wrong, and what mends it

function faultOf(error: unknown, directory: string, owner: Owner): StateFault {
  if (error instanceof StateFault) return error;
  const closed = codeOf(error) === 'EACCES' ? closedAncestor(directory) : undefined;
  if (closed !== undefined) {
    const text = `${directory} cannot be reached: ${owner.name} may not enter ${closed}`;
    return new StateFault(text, `chmod a+x ${quoted(closed)}`);
  }
  return new StateFault(`${directory}: ${messageOf(error)}`, given(directory, owner));
}

/** The first directory above that this process may not enter. */
function closedAncestor(directory: string): string | undefined {
  const ancestors = partsOf(path.dirname(directory)).map(
    (_, index, all) => `/${all.slice(0, index + 1).join('/')}`,
  );
  return ancestors.find((_, index) => {
    const next = ancestors[index + 1] ?? directory;
    try {
      lstatSync(next);
      return false;
    } catch (error) {
      return codeOf(error) === 'EACCES';
    }
  });
}

/** The command, for root, that makes the directory the owner's. */
export function given(directory: string, { name }: Owner): string {
  const [user, where] = [quoted(name), quoted(directory)];
  return `install -d -o ${user} -m 700 ${where} && chown -R ${user} ${where}`;
}

function replaced(directory: string, owner: Owner): string {
  const where = quoted(directory);
  return `mv ${where} ${quoted(`${directory}.old`)} && ${given(directory, owner)}`;
}

function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
