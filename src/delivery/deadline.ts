/** How long something may take. */
export interface Limit {
  /** Aborted when time is up. Made when it is first asked for: to make one takes longer than to decide from the caches. */
  readonly signal: AbortSignal;
}

class OpenLimit implements Limit {
  #controller: AbortController | undefined;
  #over = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over) this.#controller.abort();
    return this.#controller.signal;
  }

  end(): void {
    this.#over = true;
    this.#controller?.abort();
  }
}

/**
 * Runs `work` with a limit whose signal aborts after `ms`, and rejects at that moment even where `work` does not listen.
 *
 * @throws what `work` throws, or an Error that names `what`
 */
export function withDeadline<T>(ms: number, what: string, work: (limit: Limit) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = new OpenLimit();
    const working = work(limit);
    const timer = setTimeout(() => {
      reject(new Error(`${what} took more than ${ms / 1000} s`));
      limit.end();
    }, ms);
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
