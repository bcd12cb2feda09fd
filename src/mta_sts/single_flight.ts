/** Work of which one of a kind is in flight at a time: requests for it meanwhile are coalesced, and share its outcome. */
export class SingleFlight<T> {
  readonly #inFlight = new Map<string, Promise<T>>();

  /** The outcome of the work in flight for `key`; of `work`, which is begun, where there is none. */
  do(key: string, work: () => Promise<T>): Promise<T> {
    const inFlight = this.#inFlight.get(key);
    if (inFlight !== undefined) return inFlight;
    const outcome = work().finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, outcome);
    return outcome;
  }

  /** The outcome of the work in flight for `key`, if there is any. */
  inFlight(key: string): Promise<T> | undefined {
    return this.#inFlight.get(key);
  }

  /** Resolves when all that is in flight now has come to its end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inFlight.values());
  }
}
