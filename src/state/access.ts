/**
 * What lets this process's user read what it may not: a command for root. Whether it may is never told from modes, only by opening
 * the file; here it was tried, and refused.
 */
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { presentOwner } from './owner';
import { codeOf } from './error_code';

/** `secret`: a key, or a directory of keys, which nobody else is to read. `directory`: with everything in it. */
export type Kept = 'file' | 'directory' | 'secret';

export function isDenied(error: unknown): boolean {
  return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
}

/** The command, for root, that lets the user of this process read `target`, an absolute path that it was denied. */
export function letRead(target: string, kept: Kept): string {
  const closed = closedAncestor(target);
  const enter = closed === undefined ? [] : [`chmod a+x ${quoted(closed)}`];
  return [...enter, readable(target, kept)].join(' && ');
}

function readable(target: string, kept: Kept): string {
  const where = quoted(target);
  switch (kept) {
    case 'file':
      return `chmod a+r ${where}`;
    case 'directory':
      return `chmod -R a+rX ${where}`;
    case 'secret':
      return `chown ${quoted(presentOwner().name)} ${where} && chmod ${isDirectory(target) ? 700 : 600} ${where}`;
  }
}

/** Mode 600 would keep everybody out of a directory. One that cannot be looked at is below one that is closed. */
function isDirectory(target: string): boolean {
  try {
    return lstatSync(target).isDirectory();
  } catch {
    return false;
  }
}

/** The first directory above `target` that this process may not enter; `undefined` where it may enter all of them. */
export function closedAncestor(target: string): string | undefined {
  const ancestors = ancestorsOf(target);
  return ancestors.find((_, index) => {
    try {
      lstatSync(ancestors[index + 1] ?? target);
      return false;
    } catch (error) {
      return codeOf(error) === 'EACCES';
    }
  });
}

/** From the root down, without `target` itself. */
export function ancestorsOf(target: string): string[] {
  const names = path.dirname(target).split('/').filter(Boolean);
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

/** One word of a shell. */
export function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
