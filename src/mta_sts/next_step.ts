/** What follows from a domain's TXT record: the policy that governs, or a fetch first (RFC 8461 section 5.1). Pure. */
import type { Failure } from '../failure';
import type { CacheEntry } from './cache_entry';
import { isInForce, protection, type Protection } from './cached_policy';
import { isFetchDue, lastFailure, type Occasion } from './fetch_schedule';
import type { StsLookup } from './lookup';
import type { StoredPolicy } from './store';
import type { StsFacts } from './types';
import { recordNameOf } from './well_known_names';

export type NextStep =
  /** What is cached is the answer. `failure`: what stood in the way of a newer policy. */
  | { readonly kind: 'settled'; readonly failure: Failure | 'none' }
  /** The policy host is to be asked for the policy with this id. */
  | { readonly kind: 'fetch'; readonly id: string };

export function nextStep(entry: CacheEntry, lookup: StsLookup, occasion: Occasion, now: number): NextStep {
  if (lookup.kind === 'found') {
    return isFetchDue(entry, lookup.id, occasion, now)
      ? { kind: 'fetch', id: lookup.id }
      : { kind: 'settled', failure: lastFailure(entry.fetches) };
  }
  const id = idToRenew(entry, occasion, now);
  return id === undefined
    ? { kind: 'settled', failure: recordFailure(entry.domain, lookup, protection(entry.policy, now)) }
    : { kind: 'fetch', id };
}

/**
 * Ahead of expiry the policy host has the last word, with or without a record: an attacker that withholds the record would
 * otherwise only have to outlast the policy (RFC 8461 section 10.2).
 */
function idToRenew(entry: CacheEntry, occasion: Occasion, now: number): string | undefined {
  const { policy } = entry;
  if (occasion !== 'ahead_of_expiry' || !isInForce(policy, now) || policy.stored.policy.mode === 'none')
    return undefined;
  return isFetchDue(entry, policy.stored.id, occasion, now) ? policy.stored.id : undefined;
}

/** What the absence of a record means for the policy: news where one is in force, nothing where none is. */
function recordFailure(
  domain: string,
  lookup: Exclude<StsLookup, { kind: 'found' }>,
  state: Protection,
): Failure | 'none' {
  if (lookup.kind !== 'not_published') return lookup.failure;
  if (state === 'unprotected') return 'none';
  const text = `${recordNameOf(domain)} has no record any more; the policy stays until its max_age has passed`;
  return { reason: 'sts-policy-fetch-error', text };
}

/**
 * The policy in force, or that there is none, or that it cannot be told.
 *
 * @param failure what stood in the way of a newer policy; `none` without a policy in force means that nothing is published
 */
export function factsOf(entry: CacheEntry, failure: Failure | 'none', now: number): StsFacts {
  const { domain, policy, unreadable } = entry;
  if (isInForce(policy, now)) return governedBy(policy.stored, failure);
  if (failure === 'none') return { kind: 'no_policy', failure: 'not_published' };
  return unreadable === undefined
    ? { kind: 'no_policy', failure }
    : { kind: 'unknown', failure: cannotTell(domain, unreadable, failure) };
}

export function governedBy({ policy, id }: StoredPolicy, refreshFailure: Failure | 'none'): StsFacts {
  return { kind: 'policy', policy, id, refreshFailure };
}

/** Our own fault must not be an attacker's chance, which would only have to keep the policy host out of reach. */
function cannotTell(domain: string, unreadable: string, failure: Failure): Failure {
  const text = `whether an MTA-STS policy of ${domain} is in force cannot be told: ${unreadable}; ${failure.text}`;
  return { reason: 'sts-policy-fetch-error', text };
}
