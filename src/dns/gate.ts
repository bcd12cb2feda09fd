/** Lets at most `places` in at one time; the others wait in line. */
export class Gate {
  #free: number;
  readonly #line = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes a place, which `leave` gives back. An abort while waiting takes none. */
  enter(signal: AbortSignal): Promise<'entered' | 'aborted'> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve('entered');
    }
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#line.delete(admit);
        resolve('aborted');
      };
      const admit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve('entered');
      };
      this.#line.add(admit);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  leave(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#line.delete(next);
    next();
  }
}
