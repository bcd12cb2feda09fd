/** What keeps a state directory from being used, and what mends it. */
import type { Stats } from 'node:fs';
import { messageOf } from '../text';
import { closedAncestor, quoted } from './access';
import type { Owner } from './owner';
import { codeOf } from './error_code';

/** The directory cannot be used. The message says why, `remedy` is a command for root that mends it. */
export class StateFault extends Error {
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** Permissions of anybody but the owner. */
export const others = 0o077;
export const ownersAlone = 0o700;

export function isInOrder(found: Stats, owner: Owner): boolean {
  return found.isDirectory() && found.uid === owner.uid && (found.mode & others) === 0;
}

/** A link could be turned to a place where somebody else writes policies, or reads along. */
export function assertOwned(found: Stats, directory: string, owner: Owner): void {
  if (found.isSymbolicLink())
    throw new StateFault(`${directory} is a link, not a directory`, replaced(directory, owner));
  if (!found.isDirectory())
    throw new StateFault(`${directory} is not a directory`, replaced(directory, owner));
  if (found.uid !== owner.uid) {
    const text = `${directory} belongs to another user (uid ${found.uid}), not to ${owner.name}`;
    throw new StateFault(text, given(directory, owner));
  }
}

export function faultOf(error: unknown, directory: string, owner: Owner): StateFault {
  if (error instanceof StateFault) return error;
  const closed = codeOf(error) === 'EACCES' ? closedAncestor(directory) : undefined;
  if (closed !== undefined) {
    const text = `${directory} cannot be reached: ${owner.name} may not enter ${closed}`;
    return new StateFault(text, `chmod a+x ${quoted(closed)}`);
  }
  return new StateFault(`${directory}: ${messageOf(error)}`, given(directory, owner));
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

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
