/**
 * The policies of other domains, as a sender knows them (RFC 8461 sections 3.3, 5.1 and 10.2).
 *
 * A policy that was fetched governs until its `max_age` has passed, whatever DNS and HTTPS say meanwhile: only a newer
 * policy replaces it. That is the whole protection, because an attacker at the network can suppress both.
 */
import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import type { Failure } from '../failure';
import type { Log } from '../log';
import { canonicalDomain } from '../names';
import { StateFault } from '../state/directory';
import { messageOf, printable } from '../text';
import { afterFailure, noBackoff, retryAt } from './backoff';
import { systemClock } from './clock';
import type { Clock } from './clock';
import type { OpenTls } from './connect';
import { unlessAborted, withDeadline } from '../deadline';
import { createPolicyFetcher } from './fetch';
import type { AddressResolver, FetchOptions } from './fetch';
import type { PolicyFault } from './policy';
import { hold, inForce, isNewer } from './cached_policy';
import type { Held } from './cached_policy';
import { isFetchDue, lastFailure, noteAttempt, protection, sizeOf, unknown } from './fetch_schedule';
import type { Known, Occasion } from './fetch_schedule';
import { atMost, keptRecord, lookUpRecord } from './lookup';
import type { StsLookup, TxtResolver } from './lookup';
import { rootsDigest } from '../tls/roots';
import { keyText } from './store';
import type { PolicyKey, PolicyStore, StoredEntry, StoredPolicy } from './store';
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
}

export interface StsLimits {
  /** Domains known in memory, with or without a policy. Default 10,000. */
  readonly memoryEntries?: number;
  /** About what their policies may take in memory. Default 32 MB. */
  readonly memoryBytes?: number;
}

export interface Asking {
  /** PEM of roots trusted beside the default ones, empty for none. */
  readonly extraRoots: string;
  /** Ends the waiting, not the work: what is under way is kept for the next message. */
  readonly signal?: AbortSignal;
}

export interface StsPolicies {
  /** The policy that governs mail to `domain` now. Never rejects. */
  facts(domain: string, asking: Asking): Promise<StsFacts>;
  /**
   * The same after looking once more for a newer policy, to be asked before a message is given up for good
   * (RFC 8461 section 5.1). Unless the id has changed the host is asked at most three times in five minutes. Never rejects.
   */
  refresh(domain: string, asking: Asking): Promise<StsFacts>;
  /** Loads the store and begins to refresh policies ahead of their expiry. Calls may come before it has finished. */
  start(): Promise<void>;
  /** Refreshes, now, the policies that are due: what `start` does every few minutes. */
  refreshDue(): Promise<void>;
  /** Ends what is under way; nothing is left behind. */
  close(): Promise<void>;
}

const minute = 60_000;
/** How long mail waits for the TXT record: where a policy is in force it is merely news. */
const txtPatience = { protected: 3_000, unprotected: 15_000 } as const;
/** For how long a TXT lookup without an answer is not repeated where a policy is in force. */
const unansweredFor = minute;
/** How often the store is consulted for a domain of which memory holds no policy in force. */
const storeInterval = minute;
/** And for a domain that publishes one: another worker may have had more luck with its policy host. */
const secondLook = 1_000;
const storePatience = 5_000;
/** How often the store is told that a policy is in use. */
const useInterval = 24 * 60 * minute;
const sweepInterval = 5 * minute;
const sweepConcurrency = 2;
/** After a refresh ahead of expiry that brought nothing. */
const nextRefresh = 60 * minute;
/** A domain to which no mail went for so long is not refreshed. */
const recentlyUsed = 7 * 24 * 60 * minute;

export function createStsPolicies(deps: StsDependencies): StsPolicies {
  const { resolver, store, log, clock = systemClock, random = Math.random, limits = {} } = deps;
  const fetcher = createPolicyFetcher({
    resolver,
    options: deps.fetchOptions,
    ...(deps.open === undefined ? {} : { open: deps.open }),
  });
  const memory = new LRUCache<string, Known>({
    max: limits.memoryEntries ?? 10_000,
    maxSize: limits.memoryBytes ?? 32 * 1024 * 1024,
    sizeCalculation: sizeOf,
  });
  // What is under way, one of a kind per domain. Beside the memory, which may drop a domain meanwhile.
  const looks = new Map<string, Promise<StsFacts>>();
  const recalls = new Map<string, Promise<void>>();
  const fetches = new Map<string, Promise<StsFacts>>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let sweeper: NodeJS.Timeout | undefined;

  function ask(domain: string, asking: Asking, occasion: Occasion): Promise<StsFacts> {
    const name = canonicalDomain(domain);
    if (name === undefined) return Promise.resolve({ kind: 'no_policy', failure: 'not_published' });
    const known = knownOf(name, asking.extraRoots);
    known.usedAt = clock.steady();
    const atHand = occasion === 'message' ? factsAtHand(known, known.usedAt) : undefined;
    if (atHand !== undefined) {
      noteUse(known, known.usedAt);
      return Promise.resolve(atHand);
    }
    const looked = look(known, occasion);
    void looked.then(() => noteUse(known, clock.steady()));
    return unlessAborted(looked, asking.signal, async () => {
      // A policy on disk governs also the message that cannot wait for the rest.
      await recall(known);
      return standing(known, outOfTime(name));
    });
  }

  /** The same as `lookThrough`, where nothing has to be waited for: neither the store, nor DNS, nor the policy host. */
  function factsAtHand(known: Known, now: number): StsFacts | undefined {
    if (isRecallDue(known, now)) return undefined;
    const lookup = keptRecord(resolver, known.domain);
    if (lookup === undefined || lookup.kind === 'unanswered') return undefined;
    if (isSecondLookDue(known, lookup, now)) return undefined;
    const next = conclude(known, lookup, 'message', now);
    return next.kind === 'known' ? next.facts : undefined;
  }

  function look(known: Known, occasion: Occasion): Promise<StsFacts> {
    return together(looks, `${occasion} ${keyText(known)}`, () =>
      lookThrough(known, occasion).catch((error: unknown) => {
        const text = `MTA-STS policy of ${known.domain}: ${printable(messageOf(error))}`;
        log.error(text);
        return standing(known, { reason: 'internal-error', text });
      }),
    );
  }

  async function lookThrough(known: Known, occasion: Occasion): Promise<StsFacts> {
    const lookup = await askRecord(known, occasion);
    if (isSecondLookDue(known, lookup, clock.steady())) await consultStore(known);
    const next = conclude(known, lookup, occasion, clock.steady());
    if (next.kind === 'known') return next.facts;
    return together(fetches, keyText(known), () => obtain(known, next.id, occasion));
  }

  /** What follows from the record: the facts, or that the policy host is to be asked first. */
  function conclude(known: Known, lookup: StsLookup, occasion: Occasion, now: number): Conclusion {
    if (lookup.kind !== 'found') {
      const id = idToRenew(known, occasion, now);
      if (id !== undefined) return { kind: 'fetch_due', id };
      const failure = recordFailure(known.domain, lookup, protection(known, now));
      return { kind: 'known', facts: standing(known, failure) };
    }
    if (isFetchDue(known, lookup.id, occasion, now)) return { kind: 'fetch_due', id: lookup.id };
    return { kind: 'known', facts: standing(known, lastFailure(known)) };
  }

  /**
   * Ahead of expiry the policy host has the last word, whatever became of the record: who withholds it would outlive the
   * policy otherwise (RFC 8461 section 10.2).
   */
  function idToRenew(known: Known, occasion: Occasion, now: number): string | undefined {
    const { held } = known;
    if (occasion !== 'ahead_of_expiry' || !inForce(held, now) || held.stored.policy.mode === 'none')
      return undefined;
    return isFetchDue(known, held.stored.id, occasion, now) ? held.stored.id : undefined;
  }

  /**
   * The policy in force, or that there is none, or that nobody can tell. `failure`: what stood in the way of a newer one;
   * `none` without a policy in force means that nothing is published.
   */
  function standing({ domain, held, unread }: Known, failure: Failure | 'none'): StsFacts {
    if (inForce(held, clock.steady())) return governed(held.stored, failure);
    if (failure === 'none') return { kind: 'no_policy', failure: 'not_published' };
    return unread === ''
      ? { kind: 'no_policy', failure }
      : { kind: 'unknown', failure: cannotTell(domain, unread, failure) };
  }

  /** Asks DNS while the store is read: what is found there only says how long an answer is worth waiting for. */
  async function askRecord(known: Known, occasion: Occasion): Promise<StsLookup> {
    const { domain, unanswered } = known;
    const isProtected = () => protection(known, clock.steady()) === 'protected';
    const unansweredLately = unanswered !== undefined && clock.steady() < unanswered.at + unansweredFor;
    if (unansweredLately && occasion === 'message' && isProtected()) return unanswered.lookup;
    const asked = lookUpRecord(resolver, domain, txtPatience.unprotected, closing.signal);
    // Where nobody waits for it yet, a rejection must not end the process.
    asked.catch(() => undefined);
    await recall(known);
    const lookup = await (isProtected()
      ? atMost(txtPatience.protected, asked, domain, closing.signal)
      : asked);
    known.unanswered = lookup.kind === 'unanswered' ? { at: clock.steady(), lookup } : undefined;
    return lookup;
  }

  async function obtain(known: Known, id: string, occasion: Occasion): Promise<StsFacts> {
    if (await otherWorkerHas(known, id)) return standing(known, 'none');
    const { domain, roots, extraRoots } = known;
    const fetched = await fetcher.fetch(domain, { extraRoots, signal: closing.signal });
    // For want of a place or an address that answers: the host itself has not failed, and is asked for the next message.
    if (fetched.kind === 'not_asked') return standing(known, fetched.failure);
    noteAttempt(known, clock.steady());
    if (fetched.kind === 'failed') return notObtained(known, id, occasion, fetched.failure);
    const stored = { domain, roots, id, fetchedAt: clock.wall(), policy: fetched.policy };
    known.backoff = noBackoff;
    // On disk first: a policy that a message was held to must not be forgotten because the process is killed.
    await keep(stored, clock.wall() - (occasion === 'ahead_of_expiry' ? sinceUse(known) : 0));
    known.unread = '';
    adopt(known, hold(stored, clock, random()));
    log.info(`MTA-STS policy of ${domain}: mode ${stored.policy.mode}, id ${id}`);
    if (fetched.idle.length > 0) log.notice(idleLines(domain, id, fetched.idle));
    return governed(stored, 'none');
  }

  /** Whether another process on the same store has fetched the policy meanwhile. */
  async function otherWorkerHas(known: Known, id: string): Promise<boolean> {
    const before = known.held;
    if (clock.steady() >= known.lookedInStoreAt + secondLook) await consultStore(known);
    return known.held !== before && !isFetchDue(known, id, 'message', clock.steady());
  }

  function notObtained(known: Known, id: string, occasion: Occasion, failure: Failure): StsFacts {
    // A fetch that was cut short says nothing about the host.
    if (closing.signal.aborted) return standing(known, failure);
    const now = clock.steady();
    known.backoff = afterFailure(known.backoff, id, failure, now);
    const state = protection(known, now);
    const minutes = Math.round((retryAt(known.backoff, id, state) - now) / minute);
    const meanwhile = state === 'protected' ? 'the policy of before stays in force' : 'no policy is in force';
    log.notice(
      `MTA-STS policy of ${known.domain}, id ${id} (${occasion}): ${failure.reason}: ${failure.text}; ` +
        `${meanwhile}, next attempt in ${minutes} min`,
    );
    return standing(known, failure);
  }

  // ---- memory and store

  function knownOf(domain: string, extraRoots: string): Known {
    const key = { domain, roots: rootsDigest(extraRoots) };
    const found = memory.get(keyText(key));
    if (found !== undefined) return found;
    const fresh = unknown(key, extraRoots);
    memory.set(keyText(key), fresh);
    return fresh;
  }

  /** Takes over a policy from the store, unless memory has a newer one or the policy has expired. */
  function restore(known: Known, stored: StoredPolicy): void {
    if (!isNewer(stored, known.held)) return;
    const held = hold(stored, clock, random());
    // An expired one is looked at anew next time: the clock that says so may yet be put right.
    if (inForce(held, clock.steady())) adopt(known, held);
  }

  function adopt(known: Known, held: Held): void {
    known.held = held;
    // Anew, because the cache measures an entry only when it comes in.
    memory.delete(keyText(known));
    memory.set(keyText(known), known);
  }

  /** Looks for the policy in the store where memory has none: evicted, or fetched by another worker. */
  function recall(known: Known): Promise<void> {
    const underWay = recalls.get(keyText(known));
    if (underWay !== undefined) return underWay;
    if (!isRecallDue(known, clock.steady())) return Promise.resolve();
    return together(recalls, keyText(known), () => consultStore(known));
  }

  function isRecallDue({ held, lookedInStoreAt }: Known, now: number): boolean {
    return !inForce(held, now) && now >= lookedInStoreAt + storeInterval;
  }

  function isSecondLookDue({ held, lookedInStoreAt }: Known, lookup: StsLookup, now: number): boolean {
    return lookup.kind !== 'not_published' && !inForce(held, now) && now >= lookedInStoreAt + secondLook;
  }

  async function consultStore(known: Known): Promise<void> {
    const found = await Promise.all(keysFor(known).map(readEntry));
    known.lookedInStoreAt = clock.steady();
    known.unread = found.find((entry) => entry.kind === 'unreadable')?.why ?? '';
    for (const entry of found)
      if (entry.kind === 'stored') restore(known, { ...entry.stored, roots: known.roots });
  }

  function readEntry(key: PolicyKey): Promise<StoredEntry> {
    return inTime(() => store.read(key)).catch((error: unknown) => {
      const why = printable(messageOf(error));
      log.error(`MTA-STS policy of ${key.domain} could not be read: ${why}`);
      return { kind: 'unreadable', why } as const;
    });
  }

  /** A store that cannot be written costs persistence, not mail. */
  async function keep(stored: StoredPolicy, usedAt: number): Promise<void> {
    await inTime(() => store.write(stored, usedAt)).catch((error: unknown) => {
      // The store itself says what is wrong with it, once for all domains.
      if (error instanceof StateFault) return;
      log.error(`MTA-STS policy of ${stored.domain} could not be written: ${printable(messageOf(error))}`);
    });
  }

  /** At most once a day, so that what is used all the time is not written all the time. Nobody waits for it. */
  function noteUse(known: Known, now: number): void {
    if (!inForce(known.held, now) || now < known.notedAt + useInterval) return;
    known.notedAt = now;
    // Where it cannot be noted, it could not be read either, and that was said.
    for (const key of keysFor(known)) void inTime(() => store.noteUse(key)).catch(() => undefined);
  }

  /** Milliseconds. */
  function sinceUse({ usedAt }: Known): number {
    return Math.min(clock.steady() - usedAt, recentlyUsed);
  }

  function inTime<T>(task: () => Promise<T>): Promise<T> {
    return withDeadline(storePatience, undefined, (limit) =>
      unlessAborted(task(), limit, () => Promise.reject<T>(new Error('the store does not answer'))),
    );
  }

  // ---- ahead of expiry

  async function load(): Promise<void> {
    for await (const stored of store.all()) {
      if (closing.signal.aborted || memory.size >= memory.max) return;
      // Under added roots the policy is read when it is asked for: only then are the roots themselves known.
      if (stored.roots !== rootsDigest('')) continue;
      restore(knownOf(stored.domain, ''), stored);
    }
  }

  async function refreshDue(): Promise<void> {
    const queue = [...memory.values()].filter(isRefreshDue).values();
    await Promise.all(Array.from({ length: sweepConcurrency }, () => refreshEach(queue)));
  }

  function isRefreshDue({ held, usedAt }: Known): boolean {
    const now = clock.steady();
    return inForce(held, now) && now >= held.refreshAt && now < usedAt + recentlyUsed;
  }

  async function refreshEach(queue: Iterable<Known>): Promise<void> {
    for (const known of queue) {
      if (closing.signal.aborted) return;
      // Where hosts are slow, the next sweep may have come to it before.
      if (!isRefreshDue(known)) continue;
      if (known.held !== undefined) known.held = { ...known.held, refreshAt: clock.steady() + nextRefresh };
      await look(known, 'ahead_of_expiry');
    }
  }

  return {
    facts: (domain, asking) => ask(domain, asking, 'message'),
    refresh: (domain, asking) => ask(domain, asking, 'last_chance'),
    refreshDue,
    async start() {
      sweeper = setInterval(() => void refreshDue(), sweepInterval).unref();
      await load().catch((error: unknown) => {
        if (error instanceof StateFault) return;
        log.error(`MTA-STS policies could not be loaded: ${printable(messageOf(error))}`);
      });
    },
    async close() {
      clearInterval(sweeper);
      closing.abort();
      await Promise.allSettled([...looks.values(), ...recalls.values(), ...fetches.values()]);
      await store.close();
    },
  };
}

type Conclusion =
  { readonly kind: 'known'; readonly facts: StsFacts } | { readonly kind: 'fetch_due'; readonly id: string };

/** The promise under way for `key`, or that of `task`, which is then the one under way. */
function together<T>(underWay: Map<string, Promise<T>>, key: string, task: () => Promise<T>): Promise<T> {
  const present = underWay.get(key);
  if (present !== undefined) return present;
  const promise = task().finally(() => underWay.delete(key));
  underWay.set(key, promise);
  return promise;
}

/** Where a policy may be kept: whoever adds roots trusts the default ones as before. */
function keysFor({ domain, roots }: Known): PolicyKey[] {
  const byDefault = rootsDigest('');
  return roots === byDefault
    ? [{ domain, roots }]
    : [
        { domain, roots },
        { domain, roots: byDefault },
      ];
}

function governed({ policy, id }: StoredPolicy, refreshFailure: Failure | 'none'): StsFacts {
  return { kind: 'policy', policy, id, refreshFailure };
}

/** What the absence of a record means for the policy: news where one is in force, nothing where none is. */
function recordFailure(
  domain: string,
  lookup: Exclude<StsLookup, { kind: 'found' }>,
  state: 'protected' | 'unprotected',
): Failure | 'none' {
  if (lookup.kind !== 'not_published') return lookup.failure;
  if (state === 'unprotected') return 'none';
  const text = `_mta-sts.${domain} has no record any more; the policy stays until its max_age has passed`;
  return { reason: 'sts-policy-fetch-error', text };
}

/** A policy may have thousands of lines. */
const idleNamed = 3;

/** What its publisher wrote and did not mean, for the log. */
function idleLines(domain: string, id: string, idle: readonly PolicyFault[]): string {
  const named = idle
    .slice(0, idleNamed)
    .map(({ line, content, rule }) => `line ${line} "${content}": ${rule}`);
  const others = idle.length > idleNamed ? [`and ${idle.length - idleNamed} more such lines`] : [];
  return `MTA-STS policy of ${domain}, id ${id}: ${[...named, ...others].join('; ')}`;
}

/** Our own fault must not be an attacker's chance: he has only to keep the policy host out of reach. */
function cannotTell(domain: string, unread: string, failure: Failure): Failure {
  const text = `whether an MTA-STS policy of ${domain} is in force cannot be told: ${unread}; ${failure.text}`;
  return { reason: 'sts-policy-fetch-error', text };
}

function outOfTime(domain: string): Failure {
  return { reason: 'sts-policy-fetch-error', text: `the MTA-STS policy of ${domain} was not there in time` };
}
