/** What counts in place of files that are not valid, and which of them are mended, for the log. Pure. */
import type { Fault } from './fault';
import { domainOf, type Loaded } from './settings';
import { domainDirectory, globalFile } from './source';
import type { Settings } from './types';

/** One line for each file in `faults`: how much is wrong with it, and what mail is held to meanwhile. */
export function inForceInstead({ settings }: Loaded, faults: readonly Fault[]): string[] {
  const numbers = new Map<string, number>();
  for (const { file } of faults) numbers.set(file, (numbers.get(file) ?? 0) + 1);
  return [...numbers].map(
    ([file, number]) =>
      `${file}: ${number} ${number === 1 ? 'fault' : 'faults'}: ${meanwhile(settings, file)}`,
  );
}

/** One line for each file that had faults, and is still there without any. */
export function validAgain(before: Loaded, now: Loaded): string[] {
  const faulty = new Set(now.faults.map(({ file }) => file));
  const mended = new Set(before.faults.map(({ file }) => file).filter((file) => !faulty.has(file)));
  return [...mended].filter((file) => isThere(now, file)).map((file) => `${file}: valid again`);
}

function isThere({ domains }: Loaded, file: string): boolean {
  return file === globalFile || file === `${domainDirectory}/` || domains.has(file);
}

function meanwhile(settings: Settings, file: string): string {
  if (file === globalFile || file === `${domainDirectory}/`) {
    return settings.validity.kind === 'valid'
      ? 'the last good settings stay in force'
      : 'all mail is held back until it is mended';
  }
  const domain = domainOf(file);
  const found = settings.domains.get(domain);
  if (found === undefined) return 'it is for no domain, and has no effect';
  return found.kind === 'managed'
    ? `the last good settings of ${domain} stay in force`
    : `mail of ${domain} is held back until it is mended`;
}
