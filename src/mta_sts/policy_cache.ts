/**
 * Policies in memory, with the store behind it. Memory may drop a policy at any time; the store is read again then, and for
 * what another worker has fetched.
 */
import { LRUCache } from 'lru-cache';
import { unlessAborted, withDeadline } from '../deadline';
import type { Log } from '../log';
import { StateFault } from '../state/state_fault';
import { canonicalDomain, type DomainName } from '../names';
import { messageOf, printable } from '../text';
import { rootsDigest } from '../tls/roots';
import { emptyEntry, keysOf, sizeOf, type CacheEntry } from './cache_entry';
import { cachePolicy, isInForce, isNewer, type CachedPolicy } from './cached_policy';
import type { Clock } from './clock';
import { SingleFlight } from './single_flight';
import { keyText, type PolicyKey, type PolicyStore, type StoredEntry, type StoredPolicy } from './store';

export interface StsLimits {
  /** Domains known in memory, with or without a policy. Default 10,000. */
  readonly memoryEntries?: number;
  /** About what their policies may take in memory. Default 32 MB. */
  readonly memoryBytes?: number;
}

const minute = 60_000;
const storePatience = 5_000;
/** How often the store is read for a domain of which memory holds no policy in force. */
const readInterval = minute;
/** And for a domain that publishes one: another worker may have had more luck with its policy host. */
const rereadInterval = 1_000;
/** How often the store is told that a policy is in use. */
const useInterval = 24 * 60 * minute;

export class PolicyCache {
  readonly #store: PolicyStore;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #memory: LRUCache<string, CacheEntry>;
  /** Reading of the store. Beside the memory, which may drop a domain meanwhile. */
  readonly #reads = new SingleFlight<void>();

  constructor(deps: {
    readonly store: PolicyStore;
    readonly clock: Clock;
    /** 0 to 1. */
    readonly random: () => number;
    readonly log: Log;
    readonly limits?: StsLimits | undefined;
  }) {
    const { limits = {} } = deps;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#memory = new LRUCache({
      max: limits.memoryEntries ?? 10_000,
      maxSize: limits.memoryBytes ?? 32 * 1024 * 1024,
      sizeCalculation: sizeOf,
    });
  }

  /** What is known of `domain`, a new entry where nothing is. */
  entry(domain: DomainName, extraRoots: string): CacheEntry {
    const key = { domain, roots: rootsDigest(extraRoots) };
    const known = this.#memory.get(keyText(key));
    if (known !== undefined) return known;
    const fresh = emptyEntry({ ...key, extraRoots });
    this.#memory.set(keyText(key), fresh);
    return fresh;
  }

  /** As `entry`, where there is one. It is no use of it. */
  known(key: PolicyKey): CacheEntry | undefined {
    return this.#memory.peek(keyText(key));
  }

  entries(): CacheEntry[] {
    return [...this.#memory.values()];
  }

  /** Reads the store where memory has no policy in force, once a minute. Never rejects. */
  recall(entry: CacheEntry): Promise<void> {
    const inFlight = this.#reads.inFlight(keyText(entry));
    if (inFlight !== undefined) return inFlight;
    if (!this.isRecallDue(entry, this.#clock.steady())) return Promise.resolve();
    return this.#reads.do(keyText(entry), () => this.#read(entry));
  }

  isRecallDue({ policy, storeReadAt }: CacheEntry, now: number): boolean {
    return !isInForce(policy, now) && now >= storeReadAt + readInterval;
  }

  /** Reads the store again, unless that was done within a second. Never rejects. */
  async reread(entry: CacheEntry): Promise<void> {
    if (this.isRereadDue(entry, this.#clock.steady())) await this.#read(entry);
  }

  isRereadDue({ storeReadAt }: CacheEntry, now: number): boolean {
    return now >= storeReadAt + rereadInterval;
  }

  /**
   * Takes in a policy that was just fetched. On disk first: a policy that a message was held to must not be forgotten because
   * the process is killed. Never rejects: a store that cannot be written costs persistence, not mail.
   *
   * @param usedAt when mail was last held to it, milliseconds since 1970
   */
  async put(entry: CacheEntry, stored: StoredPolicy, usedAt: number): Promise<void> {
    await inTime(() => this.#store.write(stored, usedAt)).catch((error: unknown) => {
      // The store itself says what is wrong with it, once for all domains.
      if (error instanceof StateFault) return;
      this.#log.error(
        `MTA-STS policy of ${stored.domain} could not be written: ${printable(messageOf(error))}`,
      );
    });
    entry.unreadable = undefined;
    this.#adopt(entry, cachePolicy(stored, this.#clock, this.#random()));
  }

  /** Puts off the refresh of a policy. */
  postponeRefresh(entry: CacheEntry, refreshAt: number): void {
    if (entry.policy !== undefined) entry.policy = { ...entry.policy, refreshAt };
  }

  /** At most once a day, so that what is used all the time is not written all the time. Nothing waits for it. */
  noteUse(entry: CacheEntry, now: number): void {
    if (!isInForce(entry.policy, now) || now < entry.useNotedAt + useInterval) return;
    entry.useNotedAt = now;
    // Where it cannot be noted, it could not be read either, and that was said.
    for (const key of keysOf(entry)) void inTime(() => this.#store.noteUse(key)).catch(() => undefined);
  }

  /** Takes in what the store holds, as far as there is room. @throws what the store throws */
  async load(signal: AbortSignal): Promise<void> {
    for await (const stored of this.#store.all()) {
      if (signal.aborted || this.#memory.size >= this.#memory.max) return;
      // Under added roots the policy is read when it is asked for: only then are the roots themselves known.
      if (stored.roots !== rootsDigest('')) continue;
      const domain = canonicalDomain(stored.domain);
      if (domain !== undefined) this.#restore(this.entry(domain, ''), stored);
    }
  }

  async close(): Promise<void> {
    await this.#reads.settled();
    await this.#store.close();
  }

  async #read(entry: CacheEntry): Promise<void> {
    const found = await Promise.all(keysOf(entry).map((key) => this.#readKey(key)));
    entry.storeReadAt = this.#clock.steady();
    entry.unreadable = found.find((one) => one.kind === 'unreadable')?.why;
    for (const one of found)
      if (one.kind === 'stored') this.#restore(entry, { ...one.stored, roots: entry.roots });
  }

  #readKey(key: PolicyKey): Promise<StoredEntry> {
    return inTime(() => this.#store.read(key)).catch((error: unknown) => {
      const why = printable(messageOf(error));
      this.#log.error(`MTA-STS policy of ${key.domain} could not be read: ${why}`);
      return { kind: 'unreadable', why } as const;
    });
  }

  /** Takes over a policy from the store, unless memory has a newer one or the policy has expired. */
  #restore(entry: CacheEntry, stored: StoredPolicy): void {
    if (!isNewer(stored, entry.policy)) return;
    const policy = cachePolicy(stored, this.#clock, this.#random());
    // An expired one is looked at anew next time: the clock that says so may yet be put right.
    if (isInForce(policy, this.#clock.steady())) this.#adopt(entry, policy);
  }

  #adopt(entry: CacheEntry, policy: CachedPolicy): void {
    entry.policy = policy;
    // Anew, because the cache measures an entry only when it comes in.
    this.#memory.delete(keyText(entry));
    this.#memory.set(keyText(entry), entry);
  }
}

function inTime<T>(task: () => Promise<T>): Promise<T> {
  return withDeadline(storePatience, undefined, (limit) =>
    unlessAborted(task(), limit, () => Promise.reject<T>(new Error('the store does not answer'))),
  );
}
