/** A disk that hangs: whoever waits for it stands still, and with it the whole process. Nothing may. */

/** Milliseconds after which a disk that is being written to counts as one that hangs. */
export const patience = 2_000;

/** @param begunAt when the writing began that is not done yet, on the clock of this process */
export function hasHungSince(begunAt: number): boolean {
  return performance.now() - begunAt > patience;
}

/** What stores in the background, and at the end of a process at once. */
export interface Storing {
  flush(): Promise<void>;
  close(): void;
}

/**
 * Closes what this process does not use any more, and goes on itself. What was stored before is not written at once, and what the disk
 * does not answer for is given up.
 */
export function closeLater(storing: Storing): void {
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, patience + 100).unref();
  });
  void Promise.race([storing.flush(), late]).then(() => storing.close());
}
