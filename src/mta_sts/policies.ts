/**
 * The policies of other domains, as a sender knows them (RFC 8461).
 *
 * A domain that publishes a policy says so in a TXT record at `_mta-sts.<domain>`, whose `id` names the present version
 * (section 3.1). The policy itself is a file at `https://mta-sts.<domain>/.well-known/mta-sts.txt` (section 3.3): which MX hosts
 * mail may go to, and how long that holds. It is fetched over HTTPS with a certificate that PKIX vouches for, which is what makes
 * it worth more than the DNS that names the MX hosts.
 *
 * A policy that was fetched governs until its `max_age` has passed, whatever DNS and HTTPS say meanwhile: only a newer policy
 * replaces it (section 5.1). That is the whole protection, because an attacker at the network can suppress both (section 10.2).
 *
 * `StsPolicies.get` is the way of one question. What it stands on has files of its own: the cache, the background refresh, and,
 * without I/O, when a policy host may be asked (`fetch_schedule`) and what follows from the TXT record (`next_step`).
 */
import { setMaxListeners } from 'node:events';
import { unlessAborted } from '../deadline';
import type { Failure } from '../failure';
import type { Log } from '../log';
import { canonicalDomain } from '../names';
import { StateFault } from '../state/state_fault';
import { messageOf, printable } from '../text';
import { BackgroundRefresh, recentlyUsed } from './background_refresh';
import { retryAt } from './backoff';
import type { CacheEntry } from './cache_entry';
import { isInForce, protection } from './cached_policy';
import { systemClock, type Clock } from './clock';
import type { OpenTls } from './connect';
import { PolicyFetcher, type AddressResolver, type FetchOptions } from './fetch';
import { afterAttempt, afterFailedFetch, afterSuccess, isFetchDue, type Occasion } from './fetch_schedule';
import { atMost, keptRecord, lookUpRecord, type StsLookup, type TxtResolver } from './lookup';
import { factsOf, governedBy, nextStep } from './next_step';
import { idleLines } from './idle_lines';
import { PolicyCache, type StsLimits } from './policy_cache';
import type { SharedPolicies } from './shared_policies';
import { Sharing, unshared, type FetchClaim } from './sharing';
import { SingleFlight } from './single_flight';
import { keyText, type PolicyStore } from './store';
import type { StsFacts } from './types';

export type StsResolver = AddressResolver & TxtResolver;

export interface StsDependencies {
  readonly resolver: StsResolver;
  readonly store: PolicyStore;
  readonly fetchOptions: FetchOptions;
  readonly log: Log;
  readonly clock?: Clock;
  readonly limits?: StsLimits;
  /** 0 to 1, as `Math.random`. */
  readonly random?: () => number;
  /** How a TLS connection is opened. */
  readonly open?: OpenTls;
  /** What other hosts found out; each asks for itself where absent. */
  readonly shared?: SharedPolicies | undefined;
}

export interface Asking {
  /** PEM of roots trusted beside the default ones, empty for none. */
  readonly extraRoots: string;
  /** Ends the waiting, not the work: what is in flight is kept for the next message. */
  readonly signal?: AbortSignal;
}

/** How long mail waits for the TXT record: where a policy is in force it is merely news. Milliseconds. */
const txtPatience = { protected: 3_000, unprotected: 15_000 } as const;
/** For how long a TXT lookup without an answer is not repeated where a policy is in force. */
const unansweredFor = 60_000;

export class StsPolicies {
  readonly #resolver: StsResolver;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fetcher: PolicyFetcher;
  readonly #cache: PolicyCache;
  readonly #background: BackgroundRefresh;
  readonly #sharing: Sharing | undefined;
  readonly #lookups = new SingleFlight<StsFacts>();
  readonly #fetches = new SingleFlight<StsFacts>();
  readonly #closing = new AbortController();

  constructor(deps: StsDependencies) {
    const { resolver, store, log, clock = systemClock, random = Math.random, limits } = deps;
    const { signal } = this.#closing;
    // Every lookup and fetch in flight listens to it.
    setMaxListeners(0, signal);
    this.#resolver = resolver;
    this.#clock = clock;
    this.#log = log;
    this.#fetcher = new PolicyFetcher({ resolver, options: deps.fetchOptions, open: deps.open });
    this.#cache = new PolicyCache({ store, clock, random, log, limits });
    const refresh = (entry: CacheEntry) => this.#find(entry, 'ahead_of_expiry');
    this.#background = new BackgroundRefresh({ cache: this.#cache, clock, refresh, signal });
    const { shared } = deps;
    const fetch = (entry: CacheEntry, id: string) => this.#fetchOnce(entry, id, 'ahead_of_expiry');
    this.#sharing = shared && new Sharing({ shared, cache: this.#cache, clock, random, signal, fetch });
  }

  /** The policy that governs mail to `domain` now. Never rejects. */
  get(domain: string, asking: Asking): Promise<StsFacts> {
    return this.#get(domain, asking, 'message');
  }

  /**
   * The same after looking once more for a newer policy, to be asked before a message is given up for good (RFC 8461
   * section 5.1). Unless the id has changed the host is asked at most three times in five minutes. Never rejects.
   */
  refresh(domain: string, asking: Asking): Promise<StsFacts> {
    return this.#get(domain, asking, 'last_chance');
  }

  /** Loads the store and begins to refresh policies ahead of their expiry. Calls of `get` may come before it has finished. */
  async start(): Promise<void> {
    this.#background.start();
    await this.#cache.load(this.#closing.signal).catch((error: unknown) => {
      if (error instanceof StateFault) return;
      this.#log.error(`MTA-STS policies could not be loaded: ${printable(messageOf(error))}`);
    });
  }

  /** Refreshes, now, the policies that are due: what `start` does every few minutes. */
  refreshDue(): Promise<void> {
    return this.#background.round();
  }

  /** Ends what is in flight; nothing is left behind. */
  async close(): Promise<void> {
    this.#background.stop();
    this.#closing.abort();
    await Promise.all([this.#lookups.settled(), this.#fetches.settled()]);
    await this.#cache.close();
  }

  #get(domain: string, asking: Asking, occasion: Occasion): Promise<StsFacts> {
    const name = canonicalDomain(domain);
    if (name === undefined) return Promise.resolve({ kind: 'no_policy', failure: 'not_published' });
    const entry = this.#cache.entry(name, asking.extraRoots);
    const now = this.#clock.steady();
    entry.usedAt = now;
    const atHand = occasion === 'message' ? this.#atHand(entry, now) : undefined;
    if (atHand !== undefined) {
      this.#cache.noteUse(entry, now);
      return Promise.resolve(atHand);
    }
    const found = this.#find(entry, occasion);
    void found.then(() => this.#cache.noteUse(entry, this.#clock.steady()));
    return unlessAborted(found, asking.signal, async () => {
      // A policy on disk governs also the message that cannot wait for the rest.
      await this.#cache.recall(entry);
      return this.#facts(entry, outOfTime(name));
    });
  }

  /** As `#lookUp`, where nothing has to be waited for: neither the store, nor DNS, nor the policy host. */
  #atHand(entry: CacheEntry, now: number): StsFacts | undefined {
    if (this.#cache.isRecallDue(entry, now)) return undefined;
    const lookup = keptRecord(this.#resolver, entry.domain);
    if (lookup === undefined || lookup.kind === 'unanswered') return undefined;
    if (mayBeStored(entry, lookup, now) && this.#cache.isRereadDue(entry, now)) return undefined;
    const step = nextStep(entry, lookup, 'message', now);
    return step.kind === 'settled' ? factsOf(entry, step.failure, now) : undefined;
  }

  /** Never rejects. Questions for the same domain on the same occasion are coalesced. */
  #find(entry: CacheEntry, occasion: Occasion): Promise<StsFacts> {
    return this.#lookups.do(`${occasion} ${keyText(entry)}`, () =>
      this.#lookUp(entry, occasion).catch((error: unknown) => {
        const text = `MTA-STS policy of ${entry.domain}: ${printable(messageOf(error))}`;
        this.#log.error(text);
        return this.#facts(entry, { reason: 'internal-error', text });
      }),
    );
  }

  /** The TXT record, the store where that may help, and the policy host where it is to be asked. */
  async #lookUp(entry: CacheEntry, occasion: Occasion): Promise<StsFacts> {
    const lookup = await this.#record(entry, occasion);
    if (mayBeStored(entry, lookup, this.#clock.steady())) await this.#cache.reread(entry);
    if (lookup.kind === 'unanswered') await this.#sharing?.recall(entry);
    const step = nextStep(entry, lookup, occasion, this.#clock.steady());
    if (step.kind === 'settled') return this.#facts(entry, step.failure);
    return this.#fetchOnce(entry, step.id, occasion);
  }

  #fetchOnce(entry: CacheEntry, id: string, occasion: Occasion): Promise<StsFacts> {
    return this.#fetches.do(keyText(entry), () => this.#fetchInTurn(entry, id, occasion));
  }

  /** Asks DNS while the store is read: what is found there only says how long an answer is worth waiting for. */
  async #record(entry: CacheEntry, occasion: Occasion): Promise<StsLookup> {
    const { domain, unanswered } = entry;
    const { signal } = this.#closing;
    const isProtected = () => isInForce(entry.policy, this.#clock.steady());
    const wasLately = unanswered !== undefined && this.#clock.steady() < unanswered.at + unansweredFor;
    if (wasLately && occasion === 'message' && isProtected()) return unanswered.lookup;
    const asked = lookUpRecord(this.#resolver, domain, txtPatience.unprotected, signal);
    // Where nothing waits for it yet, a rejection must not end the process.
    asked.catch(() => undefined);
    await this.#cache.recall(entry);
    const lookup = await (isProtected() ? atMost(txtPatience.protected, asked, domain, signal) : asked);
    entry.unanswered = lookup.kind === 'unanswered' ? { at: this.#clock.steady(), lookup } : undefined;
    return lookup;
  }

  /** Unless another process has done so meanwhile. */
  async #fetchInTurn(entry: CacheEntry, id: string, occasion: Occasion): Promise<StsFacts> {
    if (await this.#wasFetchedElsewhere(entry, id)) return this.#facts(entry, 'none');
    const claim = (await this.#sharing?.claim(entry, id, occasion)) ?? unshared;
    if (claim.kind === 'settled') return this.#facts(entry, claim.failure);
    return this.#fetch(entry, id, occasion, claim).finally(claim.release);
  }

  async #fetch(entry: CacheEntry, id: string, occasion: Occasion, claim: FetchClaim): Promise<StsFacts> {
    const { domain, roots, extraRoots } = entry;
    const clock = this.#clock;
    const fetched = await this.#fetcher.fetch(domain, { extraRoots, signal: this.#closing.signal });
    // For want of a place or an address that answers: the host itself has not failed, and is asked for the next message.
    if (fetched.kind === 'not_asked') return this.#facts(entry, fetched.failure);
    entry.fetches = afterAttempt(entry.fetches, clock.steady());
    if (fetched.kind === 'failed') {
      const facts = this.#notFetched(entry, id, occasion, fetched.failure);
      if (!this.#closing.signal.aborted) claim.tellFailure(entry);
      return facts;
    }
    const stored = { domain, roots, id, fetchedAt: clock.wall(), policy: fetched.policy };
    entry.fetches = afterSuccess(entry.fetches);
    const unusedFor = occasion === 'ahead_of_expiry' ? clock.steady() - entry.usedAt : 0;
    await this.#cache.put(entry, stored, clock.wall() - Math.min(unusedFor, recentlyUsed));
    claim.tell(stored);
    this.#log.info(`MTA-STS policy of ${domain}: mode ${stored.policy.mode}, id ${id}`);
    if (fetched.idle.length > 0) this.#log.notice(idleLines(domain, id, fetched.idle));
    return governedBy(stored, 'none');
  }

  /** Whether another process on the same store has fetched the policy meanwhile. */
  async #wasFetchedElsewhere(entry: CacheEntry, id: string): Promise<boolean> {
    const before = entry.policy;
    await this.#cache.reread(entry);
    return entry.policy !== before && !isFetchDue(entry, id, 'message', this.#clock.steady());
  }

  #notFetched(entry: CacheEntry, id: string, occasion: Occasion, failure: Failure): StsFacts {
    // A fetch that was cut short says nothing about the host.
    if (this.#closing.signal.aborted) return this.#facts(entry, failure);
    const now = this.#clock.steady();
    entry.fetches = afterFailedFetch(entry.fetches, id, failure, now);
    const state = protection(entry.policy, now);
    const minutes = Math.round((retryAt(entry.fetches.backoff, id, state) - now) / 60_000);
    const meanwhile = state === 'protected' ? 'the policy of before stays in force' : 'no policy is in force';
    this.#log.notice(
      `MTA-STS policy of ${entry.domain}, id ${id} (${occasion}): ${failure.reason}: ${failure.text}; ` +
        `${meanwhile}, next attempt in ${minutes} min`,
    );
    return this.#facts(entry, failure);
  }

  #facts(entry: CacheEntry, failure: Failure | 'none'): StsFacts {
    return factsOf(entry, failure, this.#clock.steady());
  }
}

/** Whether another worker may have stored a policy that is missing here: where none is published, nobody has. */
function mayBeStored({ policy }: CacheEntry, lookup: StsLookup, now: number): boolean {
  return lookup.kind !== 'not_published' && !isInForce(policy, now);
}

function outOfTime(domain: string): Failure {
  return { reason: 'sts-policy-fetch-error', text: `the MTA-STS policy of ${domain} was not there in time` };
}
