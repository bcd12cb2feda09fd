/**
 * Lets at most `places` in at one time. The others wait in lines, one for each `whose`, and each line has its turn: whoever asks
 * for much waits for himself.
 */
export class Gate {
  #free: number;
  /** None is empty; the first is next. */
  readonly #lines = new Map<string, Set<() => void>>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes a place, which `leave` gives back. An abort while waiting takes none. */
  enter(whose: string, signal: AbortSignal): Promise<'entered' | 'aborted'> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve('entered');
    }
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#remove(whose, admit);
        resolve('aborted');
      };
      const admit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve('entered');
      };
      this.#lines.set(whose, (this.#lines.get(whose) ?? new Set()).add(admit));
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  leave(): void {
    for (const [whose, line] of this.#lines) {
      this.#lines.delete(whose);
      for (const admit of line) {
        line.delete(admit);
        if (line.size > 0) this.#lines.set(whose, line);
        admit();
        return;
      }
    }
    this.#free++;
  }

  #remove(whose: string, admit: () => void): void {
    const line = this.#lines.get(whose);
    line?.delete(admit);
    if (line?.size === 0) this.#lines.delete(whose);
  }
}
