/** What counts in place of files that are not valid, and which of them are mended, for the log. Pure. */
import { domainOf, type Loaded } from '../load/load';
import { lostDomains } from '../load/remembered';
import { domainDirectory, globalFile } from '../load/source';
import type { Fault } from '../schema/fault';

/** One line for each file in `faults`: how much is wrong with it, and what mail is held to meanwhile. */
export function inForceInstead(loaded: Loaded, faults: readonly Fault[]): string[] {
  const numbers = new Map<string, number>();
  for (const { file } of faults) numbers.set(file, (numbers.get(file) ?? 0) + 1);
  return [...numbers].map(
    ([file, number]) => `${file}: ${number} ${number === 1 ? 'fault' : 'faults'}: ${meanwhile(loaded, file)}`,
  );
}

/** One line for each file that had faults, and is still there without any. */
export function validAgain(before: Loaded, now: Loaded): string[] {
  const faulty = new Set(now.faults.map(({ file }) => file));
  const mended = new Set(before.faults.map(({ file }) => file).filter((file) => !faulty.has(file)));
  return [...mended].filter((file) => isThere(now, file)).map((file) => `${file}: valid again`);
}

function isThere({ domains, found }: Loaded, file: string): boolean {
  if (file === globalFile) return found.global !== 'absent';
  if (file === `${domainDirectory}/`) return found.domains !== 'unlisted' && found.domains.size > 0;
  return domains.has(file);
}

function meanwhile({ settings, recollection }: Loaded, file: string): string {
  if (!isDomainFile(file)) {
    if (settings.validity.kind === 'invalid') return 'all mail is held back until it is mended';
    const lost = recollection.kind === 'known' ? lostDomains(recollection.remembered) : [];
    const isHeld = lost.some((domain) => settings.domains.get(domain)?.kind === 'invalid');
    return file === `${domainDirectory}/` && isHeld
      ? 'mail of these domains is held back until it is mended'
      : 'the last good settings stay in force';
  }
  const domain = domainOf(file);
  const found = domain === undefined ? undefined : settings.domains.get(domain);
  if (found === undefined) return 'it is for no domain, and has no effect';
  return found.kind === 'managed'
    ? `the last good settings of ${found.domain} stay in force`
    : `mail of ${found.domain} is held back until it is mended`;
}

function isDomainFile(file: string): boolean {
  return file.startsWith(`${domainDirectory}/`) && file.endsWith('.ini');
}
