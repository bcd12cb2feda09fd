/** Where the Haraka is that is run: published as `haraka` since 3.3, and before, and so far beside it, as `Haraka`. */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The names of its package, and so of its directory, the one with a future first. */
export const packageNames = ['haraka', 'Haraka'] as const;

/**
 * The directory of the Haraka that `modules` holds. Where a file system takes both names for one, it is that one.
 *
 * @param modules a directory `node_modules`
 * @throws Error where there is none
 */
export function harakaIn(modules: string): string {
  const found = packageNames
    .map((name) => path.join(modules, name))
    .find((directory) => existsSync(path.join(directory, 'package.json')));
  if (found === undefined) throw new Error(`${modules} holds neither ${packageNames.join(' nor ')}`);
  return found;
}

/** The one that LAB_HARAKA names, or this project's. */
export function harakaDirectory(): string {
  const named = process.env['LAB_HARAKA'];
  return named === undefined || named === ''
    ? harakaIn(path.resolve(import.meta.dirname, '../node_modules'))
    : path.resolve(named);
}
