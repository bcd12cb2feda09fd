/** Keeps answers for as long as they say, and lets identical questions in the air share one answer. */
import { LRUCache } from 'lru-cache';
import type { Question } from './question';
import type { FailedLookup } from './types';

export interface CacheOptions {
  /** Answers kept at most; 0 keeps none. */
  readonly maxEntries: number;
  /** Octets of record data kept at most, estimated. */
  readonly maxSize: number;
  /** Bounds (s) on how long records are kept, whatever their TTL. */
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

interface Flight<A> {
  readonly answer: Promise<A>;
  readonly controller: AbortController;
  waiting: number;
}

/** `A`: what is cached. All answers of one cache have one shape; each question has one type of record. */
export class AnswerCache<A extends Cacheable> {
  readonly #kept: LRUCache<string, A>;
  readonly #flights = new Map<string, Flight<A>>();
  readonly #options: CacheOptions;
  hits = 0;
  misses = 0;
  /** Questions that joined one in the air. */
  joined = 0;

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
    return this.#flights.size;
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
   * The answer to `question`: kept, or already being asked for, or from `ask`. `signal` ends this caller's wait only;
   * `ask` is aborted when nobody waits any more. Never rejects as long as `ask` does not.
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
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      this.misses++;
      flight = this.#launch(key, ask);
    } else this.joined++;
    return this.#wait(key, flight, signal, onCancel);
  }

  /** Forgets what is kept. Who waits for a question in the air gets its answer, and nobody else does. */
  forget(): void {
    this.#flights.clear();
    this.#kept.clear();
  }

  /** Aborts all questions in the air and forgets everything. */
  clear(): void {
    for (const { controller } of this.#flights.values()) controller.abort();
    this.#flights.clear();
    this.#kept.clear();
  }

  #launch(key: string, ask: (signal: AbortSignal) => Promise<A>): Flight<A> {
    const controller = new AbortController();
    const answer = ask(controller.signal).then((outcome) => {
      if (this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        this.#keep(key, outcome);
      }
      return outcome;
    });
    const flight: Flight<A> = { answer, controller, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #wait(key: string, flight: Flight<A>, signal: AbortSignal | undefined, onCancel: () => A): Promise<A> {
    flight.waiting++;
    if (signal === undefined) return flight.answer;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#leave(key, flight);
        resolve(onCancel());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      flight.answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #leave(key: string, flight: Flight<A>): void {
    if (--flight.waiting > 0) return;
    // Out of the map at once: whoever asks next must not join a question that was given up.
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    flight.controller.abort();
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
