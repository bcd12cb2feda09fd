/** Keeps answers for as long as they say, and coalesces identical questions in flight. */
import { LRUCache } from 'lru-cache';
import type { Question } from './question';
import type { FailedLookup } from './types';

export interface CacheOptions {
  /** Answers kept at most; 0 keeps none. */
  readonly maxEntries: number;
  /** Octets of record data kept at most, estimated. */
  readonly maxSize: number;
  /** Bounds (s) on how long records are kept; they go before their TTL. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** The longest (s) that a denial is kept (RFC 2308 section 5). */
  readonly maxNegativeTtl: number;
  /** For how long (s) a failure is kept (RFC 2308 section 7). */
  readonly failureTtl: number;
}

export const defaultCacheOptions: CacheOptions = {
  maxEntries: 20_000,
  maxSize: 32 * 1024 * 1024,
  minTtl: 5,
  maxTtl: 86_400,
  maxNegativeTtl: 3_600,
  failureTtl: 5,
};

/** No answer counts for fewer octets than this. */
export const leastSize = 200;

type Cacheable = { readonly kind: 'records' | 'denied'; readonly ttl: number } | FailedLookup;

interface InFlight<A> {
  readonly answer: Promise<A>;
  readonly controller: AbortController;
  waiting: number;
}

/** `A`: what is cached. All answers of one cache have one shape; each question has one type of record. */
export class AnswerCache<A extends Cacheable> {
  readonly #kept: LRUCache<string, A>;
  readonly #inFlight = new Map<string, InFlight<A>>();
  readonly #options: CacheOptions;
  hits = 0;
  misses = 0;
  /** Questions that were coalesced with one in flight. */
  coalesced = 0;

  /** `now`: a monotonic clock in ms. */
  constructor(
    options: CacheOptions,
    sizeOf: (answer: A) => number,
    now: () => number = () => performance.now(),
  ) {
    this.#options = options;
    this.#kept = new LRUCache({
      // lru-cache makes room for all of them at once, and more than would fit by size are never kept.
      max: Math.max(1, Math.min(options.maxEntries, Math.ceil(options.maxSize / leastSize))),
      maxSize: options.maxSize,
      sizeCalculation: (answer, key) => key.length + Math.max(leastSize, sizeOf(answer)),
      // Every entry brings its own; this one only switches expiry on. Resolution 0: no timer of its own.
      ttl: 1000,
      ttlResolution: 0,
      perf: { now },
    });
  }

  get entries(): number {
    return this.#kept.size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** How long (s) records with this TTL are kept. */
  recordsTtl(ttl: number): number {
    return Math.min(Math.max(ttl, this.#options.minTtl), this.#options.maxTtl);
  }

  /** How long (s) a denial is kept; one without an SOA as briefly as a failure. */
  denialTtl(ttl: number | undefined): number {
    if (ttl === undefined) return this.#options.failureTtl;
    return Math.min(Math.max(ttl, this.#options.minTtl), this.#options.maxNegativeTtl);
  }

  /** The answer to `question`, where it is kept: the same object each time. */
  kept(question: Question): A | undefined {
    const kept = this.#kept.get(keyOf(question));
    if (kept !== undefined) this.hits++;
    return kept;
  }

  /**
   * The answer to `question`: kept, or that of the same question in flight, or from `ask`. `signal` ends this caller's wait only;
   * `ask` is aborted when nothing waits for it any more. Never rejects as long as `ask` does not.
   */
  get(
    question: Question,
    signal: AbortSignal | undefined,
    ask: (signal: AbortSignal) => Promise<A>,
    onCancel: () => A,
  ): Promise<A> {
    if (signal?.aborted === true) return Promise.resolve(onCancel());
    const kept = this.kept(question);
    if (kept !== undefined) return Promise.resolve(kept);
    const key = keyOf(question);
    let inFlight = this.#inFlight.get(key);
    if (inFlight === undefined) {
      this.misses++;
      inFlight = this.#launch(key, ask);
    } else this.coalesced++;
    return this.#wait(key, inFlight, signal, onCancel);
  }

  /** Forgets what is kept. A question in flight is still answered to those that wait for it, and to nothing else. */
  forget(): void {
    this.#inFlight.clear();
    this.#kept.clear();
  }

  /** Aborts all questions in flight and forgets everything. */
  clear(): void {
    for (const { controller } of this.#inFlight.values()) controller.abort();
    this.#inFlight.clear();
    this.#kept.clear();
  }

  #launch(key: string, ask: (signal: AbortSignal) => Promise<A>): InFlight<A> {
    const controller = new AbortController();
    const answer = ask(controller.signal).then((outcome) => {
      if (this.#inFlight.get(key) === inFlight) {
        this.#inFlight.delete(key);
        this.#keep(key, outcome);
      }
      return outcome;
    });
    const inFlight: InFlight<A> = { answer, controller, waiting: 0 };
    this.#inFlight.set(key, inFlight);
    return inFlight;
  }

  #wait(key: string, inFlight: InFlight<A>, signal: AbortSignal | undefined, onCancel: () => A): Promise<A> {
    inFlight.waiting++;
    if (signal === undefined) return inFlight.answer;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#leave(key, inFlight);
        resolve(onCancel());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      inFlight.answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #leave(key: string, inFlight: InFlight<A>): void {
    if (--inFlight.waiting > 0) return;
    // Out of the map at once: the next one to ask must not be coalesced with a question that was given up.
    if (this.#inFlight.get(key) === inFlight) this.#inFlight.delete(key);
    inFlight.controller.abort();
  }

  #keep(key: string, answer: A): void {
    if (answer.kind === 'failed' && (answer.cause === 'cancelled' || answer.cause === 'no_resolver')) return;
    if (this.#options.maxEntries === 0) return;
    const seconds = answer.kind === 'failed' ? this.#options.failureTtl : answer.ttl;
    if (seconds > 0) this.#kept.set(key, answer, { ttl: seconds * 1000 });
  }
}

/** Answers that came from few resolvers and from all are kept apart. */
function keyOf({ name, type, resolvers }: Question): string {
  return resolvers === undefined ? `${type} ${name}` : `${type} ${name} ${resolvers}`;
}
