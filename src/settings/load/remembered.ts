/**
 * Which files with rules there were, so that one that vanishes is noticed. Pure.
 *
 * Rules that are not there any more hold nothing back: without this, a directory that was moved away, a file system that
 * is not mounted or a disk that was full while a file was written would send waiting mail in cleartext.
 */
import { canonicalDomain } from '../../names';
import { formatAge } from '../../state/format';

/** A file as it is now. `blank`: without a word, not even a comment; what a full disk leaves behind. */
export type Presence = 'written' | 'blank' | 'absent';

/** A file as it is held to be. `lost`: it said something, and does not any more; nobody has said that this is meant. */
export type Standing = Exclude<Presence, 'absent'> | 'lost';

export interface Remembered {
  readonly global: Standing | 'absent';
  /** By canonical name. A domain whose file is gone, and is meant to be, is not among them. */
  readonly domains: ReadonlyMap<string, Standing>;
  /** When it was last said that what is gone is meant to be, in milliseconds since 1970; 0 for never. The latest counts. */
  readonly acceptedAt: number;
}

export interface Found {
  readonly global: Presence;
  /** By canonical name; `unlisted` where nobody can tell. */
  readonly domains: ReadonlyMap<string, Exclude<Presence, 'absent'>> | 'unlisted';
}

/** What a process knows of the files before it looks at them. */
export type Recollection =
  | { readonly kind: 'known'; readonly remembered: Remembered }
  /** Nothing was ever written down: these are the first files. */
  | { readonly kind: 'nothing' }
  /** Something is written down, and cannot be read: what is not there may have vanished. */
  | { readonly kind: 'unknown'; readonly file: string; readonly problem: string };

export interface Followed {
  readonly recollection: Exclude<Recollection, { kind: 'nothing' }>;
  /** Domains whose file is gone while others stayed: somebody took it away. */
  readonly removed: readonly string[];
}

/** Whether what is written down has something to tell a process that already knows `own`. */
export function isNews(written: Recollection, own: Followed['recollection']): boolean {
  if (own.kind === 'unknown') return written.kind !== 'unknown';
  return written.kind === 'known' && written.remembered.acceptedAt > own.remembered.acceptedAt;
}

/** What is to be remembered once the files look as `found`. */
export function follow(before: Recollection, found: Found): Followed {
  switch (before.kind) {
    case 'known':
      return followKnown(before.remembered, found);
    case 'nothing':
      return followKnown(nothing, found);
    case 'unknown':
      return isComplete(found) ? followKnown(nothing, found) : { recollection: before, removed: [] };
  }
}

const nothing: Remembered = { global: 'absent', domains: new Map(), acceptedAt: 0 };

/** Whether so much is there that nothing can have vanished: a file that is taken away among several is meant to be gone. */
export function isComplete({ global, domains }: Found): boolean {
  if (global !== 'written' || domains === 'unlisted') return false;
  return [...domains.values()].includes('written');
}

function followKnown(before: Remembered, found: Found): Followed {
  const { domains, removed } = followDomains(before.domains, found.domains);
  const global = followGlobal(before.global, found.global);
  return { recollection: { kind: 'known', remembered: { ...before, global, domains } }, removed };
}

function followGlobal(before: Remembered['global'], now: Presence): Remembered['global'] {
  if (now === 'written') return 'written';
  return before === 'written' || before === 'lost' ? 'lost' : now;
}

/**
 * A file that is taken away while others stay is meant to be gone. Where none stays that was there, something happened to
 * all of them. A file that lost every word is lost in any case: who means that can leave a comment, or take it away.
 */
function followDomains(
  before: Remembered['domains'],
  now: Found['domains'],
): { domains: Remembered['domains']; removed: string[] } {
  if (now === 'unlisted') return { domains: before, removed: [] };
  const domains = new Map<string, Standing>();
  for (const [domain, presence] of now) domains.set(domain, followDomain(before.get(domain), presence));
  const gone = [...before].filter(([domain]) => !now.has(domain));
  const stayed = [...before].some(
    ([domain, standing]) => standing !== 'lost' && (domains.get(domain) ?? 'lost') !== 'lost',
  );
  const removed = gone.filter(([, standing]) => standing !== 'lost' && stayed).map(([domain]) => domain);
  for (const [domain] of gone) if (!removed.includes(domain)) domains.set(domain, 'lost');
  return { domains, removed };
}

function followDomain(before: Standing | undefined, now: 'written' | 'blank'): Standing {
  if (now === 'written') return 'written';
  return before === 'written' || before === 'lost' ? 'lost' : 'blank';
}

/** As if the files had always been as `found`. */
export function accepted(found: Found, before: Recollection, now: number): Remembered {
  const last = before.kind === 'known' ? before.remembered : nothing;
  const domains = found.domains === 'unlisted' ? last.domains : found.domains;
  return { global: found.global, domains, acceptedAt: Math.max(now, last.acceptedAt + 1) };
}

/** The managed domains of which the rules are lost, in order. */
export function lostDomains({ domains }: Remembered): string[] {
  return [...domains].filter(([, standing]) => standing === 'lost').map(([domain]) => domain);
}

// ---- as the text of a file

const format = 1;

export function encodeRemembered({ global, domains, acceptedAt }: Remembered): string {
  const sorted = [...domains].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify({ format, global, domains: sorted, acceptedAt })}\n`;
}

/** Reads what `encodeRemembered` wrote. Never throws. */
export function decodeRemembered(text: string): Remembered | 'newer' | undefined {
  const value = parsed(text);
  if (value === undefined) return undefined;
  const age = formatAge(value, format);
  if (age !== 'known') return age === 'newer' ? 'newer' : undefined;
  const { global, domains, acceptedAt } = value;
  if (global !== 'absent' && !isStanding(global)) return undefined;
  if (!Number.isSafeInteger(acceptedAt) || !Array.isArray(domains)) return undefined;
  if (!domains.every(isEntry)) return undefined;
  return { global, domains: new Map(domains), acceptedAt: acceptedAt as number };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is [string, Standing] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [domain, standing] = value as unknown[];
  return typeof domain === 'string' && canonicalDomain(domain) === domain && isStanding(standing);
}

function isStanding(value: unknown): value is Standing {
  return value === 'written' || value === 'blank' || value === 'lost';
}
