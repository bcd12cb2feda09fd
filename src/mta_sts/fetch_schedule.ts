/** What is known of one policy domain under one set of roots, and when its policy is to be fetched. */
import type { Failure } from '../failure';
import { noBackoff, retryAt } from './backoff';
import type { Backoff } from './backoff';
import { inForce } from './cached_policy';
import type { Held } from './cached_policy';
import type { StsLookup } from './lookup';
import type { PolicyKey } from './store';

/** Times are milliseconds of the steady clock, `-Infinity` where it never happened. */
export interface Known extends PolicyKey {
  readonly extraRoots: string;
  held: Held | undefined;
  backoff: Backoff;
  usedAt: number;
  /** When the store was last told that the policy is in use. */
  notedAt: number;
  /** What is stored of this domain cannot be read: why, empty where it can. */
  unread: string;
  lookedInStoreAt: number;
  attemptedAt: number;
  /** Fetches since the start of the current window. */
  window: { readonly since: number; readonly fetches: number };
  /** The last TXT lookup, where it got no answer. */
  unanswered: { readonly at: number; readonly lookup: StsLookup } | undefined;
}

/** Why the policy host may be asked: for a message, for one that would be given up, or ahead of expiry. */
export type Occasion = 'message' | 'last_chance' | 'ahead_of_expiry';

const window = 5 * 60_000;
/**
 * Fetches for one domain in five minutes. TXT records can be forged, and an id that changes with each question must not
 * turn each message into a request.
 */
const mostFetches = 5;
/** Of these, the fetches for messages that would be given up: mail that fails must not become requests either. */
const mostLastChances = 3;
/** A policy fetched so lately is as new as can be. */
const justNow = 10_000;

export function unknown(key: PolicyKey, extraRoots: string): Known {
  return {
    domain: key.domain,
    roots: key.roots,
    extraRoots,
    held: undefined,
    backoff: noBackoff,
    usedAt: -Infinity,
    notedAt: -Infinity,
    unread: '',
    lookedInStoreAt: -Infinity,
    attemptedAt: -Infinity,
    window: { since: -Infinity, fetches: 0 },
    unanswered: undefined,
  };
}

export function protection({ held }: Known, now: number): 'protected' | 'unprotected' {
  return inForce(held, now) ? 'protected' : 'unprotected';
}

/** Whether the policy host is to be asked, now that the TXT record names `id`. */
export function isFetchDue(known: Known, id: string, occasion: Occasion, now: number): boolean {
  if (isSpent(known, now)) return false;
  const current = inForce(known.held, now) && known.held.stored.id === id;
  const backedOff = now < retryAt(known.backoff, id, protection(known, now));
  switch (occasion) {
    case 'message':
      return !current && !backedOff;
    case 'ahead_of_expiry':
      return !backedOff;
    case 'last_chance':
      return (!current && !backedOff) || isChanceLeft(known, now);
  }
}

/** Also for the id at hand: owners forget to change it. */
function isChanceLeft(known: Known, now: number): boolean {
  const fresh = known.backoff.kind === 'none' && now < known.attemptedAt + justNow;
  return !fresh && recentFetches(known, now) < mostLastChances;
}

/** A policy whose `max_age` is shorter than the window may be fetched more often: its owner wants it so. */
function isSpent(known: Known, now: number): boolean {
  if (recentFetches(known, now) < mostFetches) return false;
  return inForce(known.held, now) || known.backoff.kind === 'waiting';
}

function recentFetches(known: Known, now: number): number {
  return now < known.window.since + window ? known.window.fetches : 0;
}

export function noteAttempt(known: Known, now: number): void {
  const fetches = recentFetches(known, now);
  known.attemptedAt = now;
  known.window = { since: fetches === 0 ? now : known.window.since, fetches: fetches + 1 };
}

export function lastFailure({ backoff }: Known): Failure | 'none' {
  return backoff.kind === 'waiting' ? backoff.failure : 'none';
}

/** About what it takes in memory. Bytes. */
export function sizeOf({ held }: Known): number {
  if (held === undefined) return 500;
  const { mx, extensions } = held.stored.policy;
  const texts = [...mx, ...extensions.flat()];
  return texts.reduce((sum, text) => sum + 40 + 2 * text.length, 1000);
}
