/** How much may be asked in a time, whoever asks: deliveries come first. Pure. */

export interface BudgetOptions {
  /** So many at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
}

export class Budget {
  #left: number;
  #at = Number.NEGATIVE_INFINITY;
  readonly #options: BudgetOptions;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#left = options.burst;
  }

  /** Takes one. @param now milliseconds of a clock that only goes on. @returns seconds to wait, 0 where it was granted */
  take(now: number): number {
    const { burst, perSecond } = this.#options;
    const since = this.#at === Number.NEGATIVE_INFINITY ? 0 : now - this.#at;
    this.#left = Math.min(burst, this.#left + (since / 1000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return Math.max(1, Math.ceil((1 - this.#left) / perSecond));
    this.#left -= 1;
    return 0;
  }
}
