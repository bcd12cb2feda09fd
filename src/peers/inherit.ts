/** A rule from the section that won and the sections that it inherits from. Pure. */
import type { Day } from './day';
import { standing, type Section } from './section';

/** Keys that are about the section that they stand in, and are not handed down. */
const ownKeys = new Set(['exempt_until', 'comment', 'status', 'scope']);

/** Where a value of a rule is written. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** The sections that a rule takes its values from, nearest first: the winner, then the defaults behind it. */
export function layers<V extends { exempt_until?: Day }>(
  winner: Section<V>,
  defaults: readonly Section<V>[],
  today: Day,
): Section<V>[] {
  const behind = defaults.filter((section) => section !== winner);
  return [winner, ...behind].filter((section) => standing(section, today) === 'applies');
}

/** The value of `key` in the nearest layer that writes it, or `initial`. */
export function inherited<V extends object, K extends keyof V & string, I>(
  from: readonly Section<V>[],
  key: K,
  initial: I,
): NonNullable<V[K]> | I {
  for (const section of from) {
    const value = section.values[key];
    if (value !== undefined && value !== null) return value;
  }
  return initial;
}

/** The file and line that set `key`; `undefined` where the default counts. */
export function originOf(from: readonly Section<object>[], key: string): Origin | undefined {
  for (const section of from) {
    const line = section.lines[key];
    if (line !== undefined) return { file: section.file, line };
  }
  return undefined;
}

/** Whether `key` is handed down from a default to a peer. */
export function isInherited(key: string): boolean {
  return !ownKeys.has(key);
}
