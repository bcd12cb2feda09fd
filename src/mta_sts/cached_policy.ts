/** A policy in memory, with its lifetime by the steady clock. Pure. */
import type { Clock } from './clock';
import type { StoredPolicy } from './store';

const day = 24 * 3600_000;

export interface CachedPolicy {
  readonly stored: StoredPolicy;
  /** Steady milliseconds. */
  readonly expiresAt: number;
  /** Steady milliseconds from which on it is to be refreshed in the background. */
  readonly refreshAt: number;
}

/**
 * What remains of the policy's life is fixed here, once: whatever the wall clock does afterwards neither shortens nor
 * prolongs it. A policy from the future was fetched under a wrong clock and has its whole `max_age` before it.
 *
 * @param random 0 to 1: spreads refreshes, so that policies that came together do not stay together.
 */
export function cachePolicy(stored: StoredPolicy, clock: Clock, random: number): CachedPolicy {
  const lifetime = stored.policy.maxAge * 1000;
  const age = Math.max(0, clock.wall() - stored.fetchedAt);
  const now = clock.steady();
  // At half of its life, and daily where that is long: to keep refreshes from working then takes nearly all of max_age.
  const interval = Math.min(lifetime / 2, day) * (0.75 + random / 2);
  return { stored, expiresAt: now + lifetime - age, refreshAt: now + interval - age };
}

/** Whether it governs: until its `max_age` has passed, whatever DNS and HTTPS say meanwhile. */
export function isInForce(cached: CachedPolicy | undefined, now: number): cached is CachedPolicy {
  return cached !== undefined && now < cached.expiresAt;
}

/** Whether mail to the domain is protected by a policy in force. */
export type Protection = 'protected' | 'unprotected';

export function protection(cached: CachedPolicy | undefined, now: number): Protection {
  return isInForce(cached, now) ? 'protected' : 'unprotected';
}

/** Whether `other` is the same policy fetched later, or a later one. */
export function isNewer(other: StoredPolicy, cached: CachedPolicy | undefined): boolean {
  return cached === undefined || other.fetchedAt > cached.stored.fetchedAt;
}
