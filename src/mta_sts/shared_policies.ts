/**
 * What the hosts of a fleet tell each other of the policies of others. It can only add: what is on disk stays the truth of each
 * host, and nothing that is told shortens or relaxes a policy that is held here.
 */
import type { Failure } from '../failure';
import { isInForce, type CachedPolicy } from './cached_policy';
import type { PolicyKey, StoredPolicy } from './store';

/** A fetch that failed at a host of the fleet. */
export interface SharedFailure extends PolicyKey {
  /** The id of the TXT record for which it failed. */
  readonly id: string;
  readonly failures: number;
  /** Milliseconds since 1970, of the last one. */
  readonly failedAt: number;
  readonly failure: Failure;
}

/** What is told under one key. Verified to come from a host of the fleet, read anew by the grammar, and not from the future. */
export interface SharedEntry {
  readonly policy?: StoredPolicy;
  /** `of`: the host where it failed. */
  readonly failed?: SharedFailure & { readonly of: 'this_host' | 'another' };
}

export type FetchLock =
  | { readonly kind: 'mine'; readonly release: () => void }
  /** Another process of the fleet is asking the policy host. */
  | { readonly kind: 'anothers' }
  /** The fleet is not there: everybody asks. */
  | { readonly kind: 'unknown' };

/** Nothing here rejects, and what answers does so within a moment: the fleet may be gone at any time. */
export interface SharedPolicies {
  read(key: PolicyKey): Promise<SharedEntry>;
  /** Asks for the right to fetch the policy, which lapses by itself. */
  lock(key: PolicyKey): Promise<FetchLock>;
  /** Resolves when something is told of the key, after `ms` at the latest. */
  told(key: PolicyKey, ms: number): Promise<void>;
  /** Tells the others of a policy that this process has fetched. */
  tell(stored: StoredPolicy): void;
  tellFailure(failed: SharedFailure): void;
  /**
   * @param listener called with each policy that another process has fetched
   * @returns what ends that
   */
  onNews(listener: (stored: StoredPolicy) => void): () => void;
}

const strictness = { none: 0, testing: 1, enforce: 2 } as const;

/**
 * Whether a policy that another host has fetched may take the place of the one held here: one in force must not be shortened, nor
 * allow a host or a failure that it did not. Where it may not, this host has to ask the policy host itself.
 *
 * @param now steady milliseconds
 */
export function mayTakeOver(other: StoredPolicy, held: CachedPolicy | undefined, now: number): boolean {
  if (!isInForce(held, now)) return true;
  const { policy } = held.stored;
  return (
    other.fetchedAt > held.stored.fetchedAt &&
    expiryOf(other) >= expiryOf(held.stored) &&
    strictness[other.policy.mode] >= strictness[policy.mode] &&
    (policy.mode === 'none' || other.policy.mx.every((pattern) => policy.mx.includes(pattern)))
  );
}

/** Milliseconds since 1970. */
export function expiryOf({ fetchedAt, policy }: StoredPolicy): number {
  return fetchedAt + policy.maxAge * 1000;
}
