/**
 * The directory in which the suite keeps what must outlive the process. It belongs to the user that Haraka runs as, with
 * mode 0700: others who could write there would choose which policy is in force.
 *
 * While Haraka is still root, `prepareStateDirectory` makes the directory and gives it to that user. Root acts through
 * descriptors alone and follows no link that anybody else can have put there: the user owns the install as a rule, and
 * a link in place of the directory would have root give away what the link points to.
 */
import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { foreseeForAnother, prepareForAnother, tryMakingIn } from './as_root';
import type { Owner } from './owner';
import {
  assertOwned,
  faultOf,
  isInOrder,
  isMissing,
  others,
  ownersAlone,
  type StateFault,
} from './state_fault';

export type Prepared = { readonly kind: 'ready' } | { readonly kind: 'unusable'; readonly fault: StateFault };

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

/** What `prepareStateDirectory` would come to, called as root or as `owner`. Nothing is changed for good. Never throws. */
export function foreseeStateDirectory(directory: string, owner: Owner): Prepared {
  try {
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found !== undefined && isInOrder(found, owner)) return { kind: 'ready' };
    if (!isOneself(owner)) foreseeForAnother(directory, owner);
    else if (found === undefined) tryMakingBelow(path.dirname(directory));
    else assertOwned(found, directory, owner);
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

/** In the nearest directory above that is there. */
function tryMakingBelow(directory: string): void {
  const parent = path.dirname(directory);
  if (parent !== directory && lstatSync(directory, { throwIfNoEntry: false }) === undefined)
    tryMakingBelow(parent);
  else tryMakingIn(directory);
}

/** Where no other user is to own it nothing is given away, and what leads there is as it always was. */
function isOneself({ uid }: Owner): boolean {
  return process.geteuid === undefined || process.geteuid() === uid;
}

function close(found: Stats, directory: string, owner: Owner): void {
  assertOwned(found, directory, owner);
  chmodSync(directory, ownersAlone);
}
