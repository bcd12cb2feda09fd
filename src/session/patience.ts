/** How long a session waits in each of its states, within what is left for all hosts. */
import type { State, StateName } from '../smtp/session';
import { isBeginningAnew, staleAfter, waitFor, type Timeouts } from '../smtp/timeouts';
import type { TimeBudget } from './time_budget';

export const outOfTime = 'the time for this attempt was up';

/** While the message goes and is answered for, and when it is done with. */
const notCounted: ReadonlySet<StateName> = new Set(['message', 'final_dot', 'empty_dot', 'idle', 'leaving']);

export class Patience {
  #timer: NodeJS.Timeout | undefined;

  readonly #timeouts: Timeouts;
  readonly #budget: () => TimeBudget;
  readonly #lost: (by: 'timeout' | 'attempt', text: string) => void;

  /**
   * @param budget that of the message at hand
   * @param lost told when the time is up; `timeout`: the peer's for one answer, `attempt`: ours for the message
   */
  constructor(
    timeouts: Timeouts,
    budget: () => TimeBudget,
    lost: (by: 'timeout' | 'attempt', text: string) => void,
  ) {
    this.#timeouts = timeouts;
    this.#budget = budget;
    this.#lost = lost;
  }

  /** Begins to wait anew: the state is another one, or the peer made progress. */
  wait(state: State): void {
    clearTimeout(this.#timer);
    const { name } = state;
    const counted = !notCounted.has(name);
    const budget = this.#budget();
    if (counted) budget.resume();
    else budget.pause();
    // Nothing is waited for: whoever keeps an idle session sees to its end.
    if (name === 'over' || name === 'idle') return;
    const wait = waitFor(state);
    const left = counted ? budget.left() : Number.POSITIVE_INFINITY;
    const limit = wait === 'nothing' ? Number.POSITIVE_INFINITY : this.#limit(state, wait.timeout);
    // Also where it is not the peer's turn, nothing lasts for ever.
    this.#timer =
      wait === 'nothing' || left < limit
        ? setTimeout(() => this.#lost('attempt', outOfTime), Math.max(0, left))
        : setTimeout(() => this.#lost('timeout', wait.text), limit);
    // The message is done with: what is left must not keep a process from ending.
    if (name === 'leaving') this.#timer.unref();
  }

  #limit(state: State, timeout: keyof Timeouts): number {
    const limit = this.#timeouts[timeout];
    return isBeginningAnew(state) ? Math.min(limit, staleAfter) : limit;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
