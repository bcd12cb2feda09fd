/**
 * The time that one attempt at one message may take over all its hosts, so that no peer can hold a delivery for ever. What
 * a peer takes while it makes progress is not counted: see `pause`.
 */
export class TimeBudget {
  #left: number;
  #running: number | 'paused' = 'paused';

  readonly #clock: () => number;

  /** @param limit milliseconds. @param clock milliseconds, never going back */
  constructor(limit: number, clock: () => number) {
    this.#clock = clock;
    this.#left = limit;
  }

  resume(): void {
    if (this.#running === 'paused') this.#running = this.#clock();
  }

  pause(): void {
    this.#left = this.left();
    this.#running = 'paused';
  }

  /** Milliseconds; zero or below where it is used up. */
  left(): number {
    return this.#running === 'paused' ? this.#left : this.#left - (this.#clock() - this.#running);
  }
}
