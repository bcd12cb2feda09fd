/**
 * The part of a fleet in looking up a policy: what others have fetched is taken in, one host asks the policy host and the others
 * wait for it a moment, and what comes of it is told.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Failure } from '../failure';
import { recentlyUsed } from './background_refresh';
import { retryAt } from './backoff';
import type { CacheEntry } from './cache_entry';
import { isInForce, isNewer, protection } from './cached_policy';
import type { Clock } from './clock';
import { isFetchDue, type Occasion } from './fetch_schedule';
import type { PolicyCache } from './policy_cache';
import {
  expiryOf,
  mayTakeOver,
  type SharedEntry,
  type SharedFailure,
  type SharedPolicies,
} from './shared_policies';
import type { StoredPolicy } from './store';

/** The policy host is to be asked. What comes of it is to be told, and `release` to be called in any case. */
export interface FetchClaim {
  readonly kind: 'fetch';
  readonly tell: (stored: StoredPolicy) => void;
  readonly tellFailure: (entry: CacheEntry) => void;
  readonly release: () => void;
}

export type Claim =
  | FetchClaim
  /** It need not be: what others found out is taken in. */
  | { readonly kind: 'settled'; readonly failure: Failure | 'none' };

/** How long mail waits for a host that is asking already. Together far less than a fetch may take: it comes on top. Milliseconds. */
const patience = [250, 500, 1000];
/** A fetch that ended so long ago was just now. Milliseconds. */
const justNow = 10_000;
/** How long after the fetch a policy may be told on the channel; clocks may differ by seconds. Milliseconds. */
const newsFor = 60_000;
/** Workers of one host, and hosts, do not all take in the same at once. Milliseconds. */
const spread = 300;
/**
 * For how long a resolver is taken to answer with an id from before, as long as most records are kept. Who goes back to an old id
 * has it looked at no later than that. Milliseconds.
 */
const staleFor = 3600_000;
/**
 * How old a fetch may be for another host to be spared its own. Policies in use are refreshed daily; whoever keeps an old entry and
 * puts it back, and forges DNS as well, must not pass off what a domain said before it enforced. Milliseconds.
 */
const fresh = { enforce: 24 * 3600_000, testing: 3600_000, none: 3600_000 } as const;

/** What is looked for: a policy with this id, in place of the one from before. */
interface Wish {
  readonly id: string;
  readonly occasion: Occasion;
  before: StoredPolicy | undefined;
}

export interface SharingDependencies {
  readonly shared: SharedPolicies;
  readonly cache: PolicyCache;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Asks the policy host for the policy with that id. Never rejects. */
  readonly fetch: (entry: CacheEntry, id: string) => Promise<unknown>;
}

const nothing = (): void => undefined;

/** The fetch of a host that is alone. */
export const unshared: FetchClaim = { kind: 'fetch', tell: nothing, tellFailure: nothing, release: nothing };

export class Sharing {
  readonly #deps: SharingDependencies;
  readonly #shared: FetchClaim = {
    kind: 'fetch',
    tell: (stored) => this.#deps.shared.tell(stored),
    tellFailure: (entry) => this.#tellFailure(entry),
    release: nothing,
  };

  constructor(deps: SharingDependencies) {
    this.#deps = deps;
    const stop = deps.shared.onNews((stored) => void this.#hear(stored));
    deps.signal.addEventListener('abort', stop, { once: true });
  }

  /** Takes in what the fleet has of a policy, where none is in force here. Never rejects. */
  async recall(entry: CacheEntry): Promise<void> {
    const { shared, clock } = this.#deps;
    if (isInForce(entry.policy, clock.steady())) return;
    const { policy } = await shared.read(entry);
    if (policy !== undefined && this.#ageOf(policy) < fresh[policy.policy.mode])
      await this.#adopt(entry, policy);
  }

  #ageOf({ fetchedAt }: StoredPolicy): number {
    return this.#deps.clock.wall() - fetchedAt;
  }

  /** Before the policy host is asked for the policy with `id`. Never rejects. */
  async claim(entry: CacheEntry, id: string, occasion: Occasion): Promise<Claim> {
    const { shared } = this.#deps;
    const wish: Wish = { id, occasion, before: heldBy(entry) };
    const known = await this.#settle(entry, wish);
    if (known !== 'open') return known;
    const lock = await shared.lock(entry);
    if (lock.kind !== 'anothers') {
      const release = lock.kind === 'mine' ? lock.release : nothing;
      // Another may have come to its end between the reading and the lock.
      const late = await this.#settle(entry, wish);
      if (late === 'open') return { ...this.#shared, release };
      release();
      return late;
    }
    // It comes by itself.
    if (occasion === 'ahead_of_expiry') return { kind: 'settled', failure: 'none' };
    for (const ms of patience) {
      await shared.told(entry, ms);
      const found = await this.#settle(entry, wish);
      if (found !== 'open') return found;
    }
    return this.#shared;
  }

  #tellFailure({ domain, roots, fetches }: CacheEntry): void {
    const { backoff } = fetches;
    if (backoff.kind === 'none') return;
    const { id, failures, failure } = backoff;
    this.#deps.shared.tellFailure({
      domain,
      roots,
      id,
      failures,
      failure,
      failedAt: this.#deps.clock.wall(),
    });
  }

  async #settle(entry: CacheEntry, wish: Wish): Promise<Claim | 'open'> {
    const { shared, clock } = this.#deps;
    const { id, occasion, before } = wish;
    const { policy, failed }: SharedEntry = await shared.read(entry);
    const held = entry.policy?.stored;
    // It was told on the channel meanwhile.
    if (held !== before && held?.id === id) return { kind: 'settled', failure: 'none' };
    if (policy !== undefined && this.#isOfUse(policy, entry, id, occasion)) {
      if (await this.#adopt(entry, policy)) return { kind: 'settled', failure: 'none' };
      // It would relax what is held here: this host has to see for itself, whoever else does.
      if (isNewer(policy, entry.policy)) return { ...this.#shared, tell: nothing };
    }
    // An old one that enforces is better than none, should the policy host not answer. It is no reason not to ask. One that does
    // not enforce would let go what waits without any.
    if (policy?.policy.mode === 'enforce' && !isInForce(entry.policy, clock.steady())) {
      await this.#adopt(entry, policy);
      wish.before = heldBy(entry);
    }
    if (failed?.id === id && occasion !== 'last_chance' && this.#counts(failed, entry))
      return { kind: 'settled', failure: failed.failure };
    return 'open';
  }

  /** Whether asking the policy host for `id` would tell no more. */
  #isOfUse(policy: StoredPolicy, entry: CacheEntry, id: string, occasion: Occasion): boolean {
    const age = this.#ageOf(policy);
    if (policy.id !== id || age >= fresh[policy.policy.mode] || !isNewer(policy, entry.policy)) return false;
    return occasion !== 'last_chance' || entry.policy?.stored.id !== id || age < justNow;
  }

  /**
   * Where a policy is in force, the failure of any host spares the others the asking. Where none is, that of another host does not
   * count: whoever can keep one host from the policy host must not gain cleartext from all.
   */
  #counts(failed: NonNullable<SharedEntry['failed']>, entry: CacheEntry): boolean {
    const { clock } = this.#deps;
    const now = clock.steady();
    const state = protection(entry.policy, now);
    if (state === 'unprotected' && failed.of === 'another') return false;
    const backoff = backoffOf(failed, clock);
    if (now >= retryAt(backoff, failed.id, state)) return false;
    entry.fetches = { ...entry.fetches, backoff };
    return true;
  }

  /** @returns whether it is held now */
  async #adopt(entry: CacheEntry, policy: StoredPolicy): Promise<boolean> {
    const { cache, clock } = this.#deps;
    if (clock.wall() >= expiryOf(policy)) return false;
    // Another worker of this host may have taken it in.
    await cache.reread(entry);
    if (entry.policy?.stored.fetchedAt === policy.fetchedAt && entry.policy.stored.id === policy.id)
      return true;
    if (!mayTakeOver(policy, entry.policy, clock.steady())) return false;
    const unusedFor = Math.min(clock.steady() - entry.usedAt, recentlyUsed);
    await cache.put(entry, { ...policy, roots: entry.roots }, clock.wall() - unusedFor);
    return true;
  }

  /** Another process has fetched a policy. Of domains that nothing is known of here, it is news when mail goes there. */
  async #hear(stored: StoredPolicy): Promise<void> {
    const { cache, clock, random, signal, fetch } = this.#deps;
    const entry = cache.known(stored);
    if (entry === undefined || !isNewer(stored, entry.policy)) return;
    // What is not from just now is no news, but something that was kept and is sent again.
    if (this.#ageOf(stored) >= newsFor) return;
    await delay(random() * spread, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const before = entry.policy?.stored.id;
    if (!(await this.#adopt(entry, stored)) && isNewer(stored, entry.policy)) {
      if (isFetchDue(entry, stored.id, 'ahead_of_expiry', clock.steady())) await fetch(entry, stored.id);
    }
    const after = entry.policy?.stored.id;
    if (before !== undefined && after === stored.id && after !== before)
      entry.superseded = { id: before, until: clock.steady() + staleFor };
  }
}

function heldBy({ policy }: CacheEntry): StoredPolicy | undefined {
  return policy?.stored;
}

function backoffOf({ id, failures, failedAt, failure }: SharedFailure, clock: Clock) {
  const ago = Math.max(0, clock.wall() - failedAt);
  return { kind: 'waiting', id, failures, failedAt: clock.steady() - ago, failure } as const;
}
