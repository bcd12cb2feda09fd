/**
 * Makes a state directory for another user, from root. Root acts through descriptors alone and follows no link that anybody else can
 * have put there.
 */
import {
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
  rmdirSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { temporaryIn } from './files';
import type { Owner } from './owner';
import { assertOwned, given, others, ownersAlone, StateFault } from './state_fault';

/** As deep as Linux itself follows links. */
const mostLinks = 40;

export function prepareForAnother(directory: string, owner: Owner): void {
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

/**
 * The same up to where something would be changed for good.
 *
 * @throws what that would throw
 */
export function foreseeForAnother(directory: string, owner: Owner): void {
  const open = new Descriptors();
  try {
    const { at, below } = open.deepestExisting(directory, owner);
    if (below.length === 0) foreseeSettling(at, directory, owner);
    else tryMakingIn(at.path);
  } finally {
    open.close();
  }
}

/** Only trying tells of a file system that is mounted for reading alone, or has a flag against changes. */
export function tryMakingIn(parent: string): void {
  const trial = temporaryIn(parent);
  mkdirSync(trial, { mode: ownersAlone });
  rmdirSync(trial);
}

/** An existing directory. */
function settle(handle: Opened, directory: string, owner: Owner): void {
  const { found, names } = foreseeSettling(handle, directory, owner);
  if (found.uid !== owner.uid) {
    for (const name of names) giveFile(`${handle.path}/${name}`, owner);
    give(handle.fd, owner);
  }
  if ((found.mode & others) !== 0) fchmodSync(handle.fd, ownersAlone);
}

/** @returns the directory, and the files in it that are root's and would be given with it */
function foreseeSettling(
  handle: Opened,
  directory: string,
  owner: Owner,
): { readonly found: Stats; readonly names: readonly string[] } {
  const found = fstatSync(handle.fd);
  if (found.uid === owner.uid) return { found, names: [] };
  if (found.uid !== 0 || process.geteuid?.() !== 0) assertOwned(found, directory, owner);
  // As an earlier start may have left it. Where others have access nobody knows what it is for, and who put files there.
  if ((found.mode & others) !== 0) {
    const text = `${directory} is root's and open to others; it is not given to ${owner.name}`;
    throw new StateFault(text, given(directory, owner));
  }
  return { found, names: filesToGive(handle, directory, owner) };
}

/** What the suite keeps are plain files with these endings; a directory with anything else in it was not made by it. */
const kept = /^[\w.-]+\.(?:json|tmp|counts|jsonl)$/;

/** While the directory is still root's: afterwards a link could stand in place of a file. */
function filesToGive(handle: Opened, directory: string, owner: Owner): string[] {
  const names = readdirSync(handle.path);
  const strange = names.find((name) => !kept.test(name));
  if (strange !== undefined) {
    const text = `${directory} is root's and holds other things (${strange}); it is not given to ${owner.name}`;
    throw new StateFault(text, given(directory, owner));
  }
  return names;
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
