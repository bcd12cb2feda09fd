/** What writers have in common that store in the background: one writing at a time, and one line for each fault of the disk. */
import type { Log } from '../log';
import { printable } from '../text';
import type { Owner } from './owner';
import { hasHungSince } from './patience';

export interface BackgroundOptions {
  /** What the log calls it. */
  readonly name: string;
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  /** Milliseconds until what came in is written. */
  readonly interval: number;
  /** Writes what there is. Never rejects. */
  readonly write: () => Promise<void>;
  /** Whether there is something to write: it came in meanwhile, and nothing else may come. */
  readonly isLeft: () => boolean;
}

export class Background {
  readonly #options: BackgroundOptions;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** When that began, on the clock of this process. */
  #begunAt = 0;
  /** What was said of the disk last; empty where all is well. */
  #said = '';

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  later(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.interval).unref();
  }

  /** Resolves when all that came in before is written, or was tried to be. */
  flush(): Promise<void> {
    this.stop();
    // While the disk is at it, what comes in waits in memory for the next time.
    if (this.#writing === undefined) {
      this.#begunAt = performance.now();
      this.#writing = this.#options.write().finally(() => {
        this.#writing = undefined;
        if (this.#options.isLeft()) this.later();
      });
    }
    return this.#writing;
  }

  /** Nothing is written by itself any more, until `later` is called again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Whether the disk does not answer: nothing may wait for it then. */
  hasHung(): boolean {
    return this.#writing !== undefined && hasHungSince(this.#begunAt);
  }

  /** What root would make, Haraka could not add to. */
  hasItsUser(): boolean {
    return process.geteuid === undefined || process.geteuid() === this.#options.owner.uid;
  }

  /** Why it cannot be written now; empty where all is well. */
  fault(): string {
    return this.#said;
  }

  /** Once for each fault, and once when it is over: an empty one. */
  say(fault: string): void {
    if (fault === this.#said) return;
    const { log, directory, name } = this.#options;
    if (fault === '') log.notice(`${name}: ${printable(directory)} can be written again`);
    else log.warn(`${name}: ${printable(fault, 500)}`);
    this.#said = fault;
  }
}
