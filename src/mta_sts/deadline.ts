/** Time limits that leave no timer and no listener behind. */

/**
 * Runs `task` with a signal that is aborted after `ms`, or when `parent` is. What `task` returns is passed on; whether it
 * heeds the signal is its own affair.
 */
export async function withDeadline<T>(
  ms: number,
  parent: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort(new Error('out of time'));
  const timer = setTimeout(stop, ms);
  parent?.addEventListener('abort', stop, { once: true });
  if (parent?.aborted === true) stop();
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', stop);
  }
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
