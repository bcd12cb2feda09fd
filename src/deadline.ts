/** Time limits that leave no timer and no listener behind. */

import { setMaxListeners } from 'node:events';

/** The abort reason where time ran out. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/**
 * Runs `task` with a signal that is aborted after `ms` (with `DeadlinePassed`), or when `parent` is (with its reason).
 * What `task` comes to is passed on; whether it heeds the signal is its own affair.
 */
export async function withDeadline<T>(
  ms: number,
  parent: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = openController();
  const onParent = (): void => controller.abort(parent?.reason);
  const timer = setTimeout(() => controller.abort(new DeadlinePassed(`no answer within ${ms} ms`)), ms);
  parent?.addEventListener('abort', onParent, { once: true });
  if (parent?.aborted === true) onParent();
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', onParent);
  }
}

/** As many listen as a destination has hosts; Node warns of more than ten. */
function openController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** The outcome of `promise`, or `otherwise` as soon as `signal` is aborted. The promise itself goes on. */
export function unlessAborted<T, U>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  otherwise: () => U | Promise<U>,
): Promise<T | U> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => resolve(otherwise());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** How long something may take. */
export interface Limit {
  /** Aborted when time is up. Made when it is first asked for: to make one takes longer than to decide from the caches. */
  readonly signal: AbortSignal;
}

class OpenLimit implements Limit {
  #controller: AbortController | undefined;
  #over: DeadlinePassed | undefined;

  get signal(): AbortSignal {
    this.#controller ??= openController();
    if (this.#over !== undefined) this.#controller.abort(this.#over);
    return this.#controller.signal;
  }

  end(reason: DeadlinePassed): void {
    this.#over = reason;
    this.#controller?.abort(reason);
  }
}

/** Work that heeds its limit has so much of its time left to answer with what it has. */
const lastWords = (ms: number): number => Math.min(1000, ms / 10);

/**
 * Runs `work` for no longer than `ms`: rejects at that moment, even where `work` does not listen. Its limit ends a little
 * earlier, so that what is known by then is not lost.
 *
 * @throws what `work` throws, or `DeadlinePassed` that names `what`
 */
export function within<T>(ms: number, what: string, work: (limit: Limit) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = new OpenLimit();
    const working = work(limit);
    const passed = (): DeadlinePassed => new DeadlinePassed(`${what} took more than ${ms / 1000} s`);
    let timer = setTimeout(
      () => {
        timer = setTimeout(() => reject(passed()), lastWords(ms));
        limit.end(passed());
      },
      ms - lastWords(ms),
    );
    working.then(
      (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
