/**
 * A semaphore with fair queues: one for each `key`, and each queue has its turn. A key for which much is asked waits for itself.
 */
export class FairSemaphore {
  #free: number;
  /** None is empty; the first is next. */
  readonly #queues = new Map<string, Set<() => void>>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes a place, which `release` gives back. An abort while waiting takes none. */
  acquire(key: string, signal: AbortSignal): Promise<'acquired' | 'aborted'> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve('acquired');
    }
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#remove(key, admit);
        resolve('aborted');
      };
      const admit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve('acquired');
      };
      this.#queues.set(key, (this.#queues.get(key) ?? new Set()).add(admit));
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  release(): void {
    for (const [key, queue] of this.#queues) {
      this.#queues.delete(key);
      for (const admit of queue) {
        queue.delete(admit);
        if (queue.size > 0) this.#queues.set(key, queue);
        admit();
        return;
      }
    }
    this.#free++;
  }

  #remove(key: string, admit: () => void): void {
    const queue = this.#queues.get(key);
    queue?.delete(admit);
    if (queue?.size === 0) this.#queues.delete(key);
  }
}
