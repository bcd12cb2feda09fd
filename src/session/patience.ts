/** How long a session waits in each of its states, within what is left for all hosts. */
import type { State } from '../smtp/session';
import { waitFor, type Timeouts } from '../smtp/timeouts';
import type { TimeBudget } from './time_budget';

export const outOfTime = 'the time for this attempt was up';

export class Patience {
  #timer: NodeJS.Timeout | undefined;

  /** @param lost told when the time is up; `timeout`: the peer's for one answer, `attempt`: ours for the message */
  constructor(
    private readonly timeouts: Timeouts,
    private readonly budget: TimeBudget,
    private readonly lost: (by: 'timeout' | 'attempt', text: string) => void,
  ) {}

  /** Begins to wait anew: the state is another one, or the peer made progress. */
  wait(state: State): void {
    clearTimeout(this.#timer);
    const { name } = state;
    const counted = name !== 'message' && name !== 'final_dot' && name !== 'empty_dot' && name !== 'leaving';
    if (counted) this.budget.resume();
    else this.budget.pause();
    if (name === 'over') return;
    const wait = waitFor(state);
    const left = counted ? this.budget.left() : Number.POSITIVE_INFINITY;
    // Also where it is not the peer's turn, nothing lasts for ever.
    this.#timer =
      wait === 'nothing' || left < this.timeouts[wait.timeout]
        ? setTimeout(() => this.lost('attempt', outOfTime), Math.max(0, left))
        : setTimeout(() => this.lost('timeout', wait.text), this.timeouts[wait.timeout]);
    // The message is done with: what is left must not keep a process from ending.
    if (name === 'leaving') this.#timer.unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
