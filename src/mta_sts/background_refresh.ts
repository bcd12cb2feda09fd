/**
 * Refreshes policies ahead of their expiry (RFC 8461 section 10.2), so that one which is in use never runs out because its
 * host could not be reached on its last day.
 */
import type { CacheEntry } from './cache_entry';
import { isInForce } from './cached_policy';
import type { Clock } from './clock';
import type { PolicyCache } from './policy_cache';

export interface RefreshDependencies {
  readonly cache: PolicyCache;
  readonly clock: Clock;
  /** Asks the policy host of one domain. Never rejects. */
  readonly refresh: (entry: CacheEntry) => Promise<unknown>;
  /** Ends a round that is under way. */
  readonly signal: AbortSignal;
}

const minute = 60_000;
const roundInterval = 5 * minute;
const concurrency = 2;
/** After a refresh that brought nothing. */
const retryInterval = 60 * minute;
/** A domain to which no mail went for so long is not refreshed. Milliseconds. */
export const recentlyUsed = 7 * 24 * 60 * minute;

export class BackgroundRefresh {
  readonly #deps: RefreshDependencies;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RefreshDependencies) {
    this.#deps = deps;
  }

  /** A round every few minutes, until `stop`. */
  start(): void {
    this.#timer = setInterval(() => void this.round(), roundInterval).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Refreshes, now, the policies that are due. */
  async round(): Promise<void> {
    const due = this.#deps.cache.entries().filter((entry) => this.#isDue(entry));
    const queue = due.values();
    await Promise.all(Array.from({ length: concurrency }, () => this.#refreshEach(queue)));
  }

  async #refreshEach(queue: Iterable<CacheEntry>): Promise<void> {
    const { cache, clock, refresh, signal } = this.#deps;
    for (const entry of queue) {
      if (signal.aborted) return;
      // Where hosts are slow, the next round may have come to it before.
      if (!this.#isDue(entry)) continue;
      cache.postponeRefresh(entry, clock.steady() + retryInterval);
      await refresh(entry);
    }
  }

  #isDue({ policy, usedAt }: CacheEntry): boolean {
    const now = this.#deps.clock.steady();
    return isInForce(policy, now) && now >= policy.refreshAt && now < usedAt + recentlyUsed;
  }
}
