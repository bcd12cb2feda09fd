/** Says how far a long task has come, to whoever waits for it. */

/** Milliseconds after which somebody who waits wonders. */
const patience = 3_000;

export interface Meter {
  /** One more is done: `what`. */
  advance(what: string): void;
  stop(): void;
}

/** Says nothing about a task that is done soon. @param task such as `checking hosted policies` */
export function startMeter(task: string, all: number, progress: (line: string) => void): Meter {
  let done = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    progress(`${task}: ${done} of ${all}`);
  }, patience);
  return {
    advance(what) {
      done++;
      if (late) progress(`${task}: ${done} of ${all}: ${what}`);
    },
    stop: () => clearTimeout(timer),
  };
}
