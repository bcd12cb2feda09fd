/** When the policy host of a domain may be asked. Pure; times are milliseconds of the steady clock. */
import type { Failure } from '../failure';
import { afterFailure, noBackoff, retryAt, type Backoff } from './backoff';
import { isInForce, protection, type CachedPolicy } from './cached_policy';

/** How the fetches for one domain went. `-Infinity` where there was none. */
export interface FetchHistory {
  readonly backoff: Backoff;
  readonly attemptedAt: number;
  /** Fetches since the start of the current window. */
  readonly window: { readonly since: number; readonly fetches: number };
}

/** Why the policy host may be asked: for a message, for one that would be given up, or ahead of expiry. */
export type Occasion = 'message' | 'last_chance' | 'ahead_of_expiry';

/** What a fetch is decided from. */
export interface FetchGrounds {
  readonly policy: CachedPolicy | undefined;
  readonly fetches: FetchHistory;
  /** An id that a resolver may still answer with, until then, although the policy is a later one. */
  readonly superseded?: { readonly id: string; readonly until: number } | undefined;
}

const windowLength = 5 * 60_000;
/**
 * Fetches for one domain in five minutes. TXT records can be forged, and an id that changes with each question must not
 * turn each message into a request.
 */
const mostFetches = 5;
/** Of these, the fetches for messages that would be given up: mail that fails must not become requests either. */
const mostLastChances = 3;
/** A policy fetched so lately is as new as can be. */
const justNow = 10_000;

export const noFetches: FetchHistory = {
  backoff: noBackoff,
  attemptedAt: -Infinity,
  window: { since: -Infinity, fetches: 0 },
};

/** After the policy host was asked, with or without success. */
export function afterAttempt(history: FetchHistory, now: number): FetchHistory {
  const fetches = recentFetches(history, now);
  const since = fetches === 0 ? now : history.window.since;
  return { ...history, attemptedAt: now, window: { since, fetches: fetches + 1 } };
}

export function afterFailedFetch(
  history: FetchHistory,
  id: string,
  failure: Failure,
  now: number,
): FetchHistory {
  return { ...history, backoff: afterFailure(history.backoff, id, failure, now) };
}

export function afterSuccess(history: FetchHistory): FetchHistory {
  return { ...history, backoff: noBackoff };
}

/** Whether the policy host is to be asked, now that the TXT record names `id`. */
export function isFetchDue(grounds: FetchGrounds, id: string, occasion: Occasion, now: number): boolean {
  const { policy, fetches } = grounds;
  if (isSpent(grounds, now)) return false;
  const isCurrent = isInForce(policy, now) && (policy.stored.id === id || isSuperseded(grounds, id, now));
  const isBackedOff = now < retryAt(fetches.backoff, id, protection(policy, now));
  switch (occasion) {
    case 'message':
      return !isCurrent && !isBackedOff;
    case 'ahead_of_expiry':
      return !isBackedOff;
    case 'last_chance':
      return (!isCurrent && !isBackedOff) || isChanceLeft(fetches, now);
  }
}

function isSuperseded({ superseded }: FetchGrounds, id: string, now: number): boolean {
  return superseded?.id === id && now < superseded.until;
}

/** Also for the id at hand: owners forget to change it. */
function isChanceLeft(history: FetchHistory, now: number): boolean {
  const isFresh = history.backoff.kind === 'none' && now < history.attemptedAt + justNow;
  return !isFresh && recentFetches(history, now) < mostLastChances;
}

/** A policy whose `max_age` is shorter than the window may be fetched more often: its owner wants it so. */
function isSpent({ policy, fetches }: FetchGrounds, now: number): boolean {
  if (recentFetches(fetches, now) < mostFetches) return false;
  return isInForce(policy, now) || fetches.backoff.kind === 'waiting';
}

function recentFetches({ window }: FetchHistory, now: number): number {
  return now < window.since + windowLength ? window.fetches : 0;
}

export function lastFailure({ backoff }: FetchHistory): Failure | 'none' {
  return backoff.kind === 'waiting' ? backoff.failure : 'none';
}
