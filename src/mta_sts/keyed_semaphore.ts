/**
 * A semaphore with two bounds: on the policy fetches that are connected at a time in all, and on those to one address. The second
 * keeps a dead host that many domains point at from using up the first, so that fetches for other domains go on.
 */
export interface SemaphoreLimits {
  readonly total: number;
  readonly perKey: number;
}

interface Waiting {
  readonly key: string;
  readonly admit: () => void;
}

export class KeyedSemaphore {
  readonly #limits: SemaphoreLimits;
  readonly #taken = new Map<string, number>();
  readonly #queue = new Set<Waiting>();
  #total = 0;

  constructor(limits: SemaphoreLimits) {
    this.#limits = limits;
  }

  /**
   * Waits for a place.
   *
   * @returns what gives the place back; calling it again does nothing.
   * @throws the reason of `signal` where that is aborted first.
   */
  async acquire(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    return this.#isFree(key) ? this.#take(key) : this.#waitFor(key, signal);
  }

  #isFree(key: string): boolean {
    const { total, perKey } = this.#limits;
    return this.#total < total && (this.#taken.get(key) ?? 0) < perKey;
  }

  #take(key: string): () => void {
    this.#total++;
    this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#release(key);
      isTaken = false;
    };
  }

  #release(key: string): void {
    this.#total--;
    const left = (this.#taken.get(key) ?? 1) - 1;
    if (left === 0) this.#taken.delete(key);
    else this.#taken.set(key, left);
    for (const waiting of this.#queue) {
      if (this.#total >= this.#limits.total) return;
      if (this.#isFree(waiting.key)) waiting.admit();
    }
  }

  #waitFor(key: string, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#queue.delete(waiting);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        key,
        admit: () => {
          this.#queue.delete(waiting);
          signal.removeEventListener('abort', giveUp);
          resolve(this.#take(key));
        },
      };
      this.#queue.add(waiting);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}
