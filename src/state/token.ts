/** A token in a file: one line, for Haraka's user and whom the operator gives it to. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { messageOf } from '../text';
import { isMissing } from './state_fault';

/** Characters. */
const shortest = 16;
const longest = 512;

/** What changes with the file; `undefined` where there is none. */
export function stampOf(file: string): string | undefined {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${file} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** @throws Error why it would let nobody in */
export function readToken(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new Error('not a plain file');
    if ((found.mode & 0o027) !== 0) throw new Error(`everybody may read it, or others change it: chmod 600`);
    if (found.size > 4096) throw new Error('longer than a token');
    const text = readFileSync(fd, 'utf8').trim();
    if (text.length < shortest || text.length > longest || !/^[!-~]+$/.test(text))
      throw new Error(`holds no token: ${shortest} to ${longest} characters of ASCII without blanks`);
    return text;
  } finally {
    closeSync(fd);
  }
}

/** @returns why the token in `file` would let nobody in; `undefined` where it would, or where one is still to be made */
export function whyNoToken(file: string): string | undefined {
  try {
    if (stampOf(file) !== undefined) readToken(file);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
