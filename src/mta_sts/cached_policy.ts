/** A policy in memory, with its lifetime by the steady clock. Pure. */
import type { Clock } from './clock';
import type { StoredPolicy } from './store';

const day = 24 * 3600_000;

export interface Held {
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
export function hold(stored: StoredPolicy, clock: Clock, random: number): Held {
  const lifetime = stored.policy.maxAge * 1000;
  const age = Math.max(0, clock.wall() - stored.fetchedAt);
  const now = clock.steady();
  // At half of its life, and daily where that is long: whoever blocks refreshes then has nearly all of max_age to wait.
  const interval = Math.min(lifetime / 2, day) * (0.75 + random / 2);
  return { stored, expiresAt: now + lifetime - age, refreshAt: now + interval - age };
}

export function inForce(held: Held | undefined, now: number): held is Held {
  return held !== undefined && now < held.expiresAt;
}

/** Whether `other` is the same policy fetched later, or a later one. */
export function isNewer(other: StoredPolicy, held: Held | undefined): boolean {
  return held === undefined || other.fetchedAt > held.stored.fetchedAt;
}
