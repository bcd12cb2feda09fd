/** Writing a file of an install anew, so that Haraka can read it as it could before. */
import {
  chmodSync,
  closeSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { messageOf } from '../text';
import { CommandError } from './command';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whoever reads sees the old file or the new one. A link stays a link, and owner and mode stay as they are.
 *
 * @throws CommandError where that cannot be done; the file is then what it was
 */
export function replaceFile(link: string, text: string): void {
  const file = realpathSync(link);
  const old = statSync(file);
  // The name begins with a dot, so that it is never taken for the file of a managed domain.
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    writeNew(temporary, text, old);
    chmodSync(temporary, old.mode & 0o777);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new CommandError(`${file} could not be written: ${messageOf(error)}`);
  }
}

function writeNew(file: string, text: string, owner: Owner): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(handle, text);
    giveTo(handle, owner);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A file that only its owner or group may read would be lost to Haraka under another one. */
function giveTo(handle: number, owner: Owner): void {
  if (belongsTo(handle, owner)) return;
  try {
    fchownSync(handle, owner.uid, owner.gid);
  } catch {
    // Only root may give files away; anybody may pass one to a group of his own.
  }
  if (belongsTo(handle, owner)) return;
  const { uid, gid } = owner;
  throw new Error(`its owner (uid ${uid}, gid ${gid}) cannot be kept: run this as root or as that user`);
}

function belongsTo(handle: number, owner: Owner): boolean {
  const { uid, gid } = fstatSync(handle);
  return uid === owner.uid && gid === owner.gid;
}
