/**
 * Counts what happened, and writes it to disk every few seconds. Nothing waits for it: counting is in memory alone, and
 * a disk that is slow, full or not there leaves what was counted in memory, which is bounded, until it is back.
 */
import type { Log } from '../log';
import { utcDay, type Day } from '../peers/day';
import { useStateDirectory } from '../state/directory';
import type { Owner } from '../state/owner';
import { messageOf, printable } from '../text';
import { DayFile, type Format, type Table } from './day_file';
import { Keeping } from './keeping';
import { hasHungSince } from '../state/patience';

export interface DayWriterOptions {
  /** What the log calls it. */
  readonly name: string;
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  /** How long files are kept. */
  readonly days: number;
  readonly now: () => Date;
  /** Milliseconds between two writings. */
  readonly interval?: number;
}

const usualInterval = 5_000;

/** Days that a process has in memory: of those that cannot be written, and where the clock jumps. */
const mostDays = 3;

export class DayWriter<T extends Table> {
  readonly #options: DayWriterOptions;
  readonly #format: Format<T>;
  readonly #keeping: Keeping;
  readonly #open = new Map<Day, DayFile<T>>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** When that began, on the clock of this process. */
  #begunAt = 0;
  /** What was said of the disk last; empty where all is well. */
  #said = '';

  constructor(options: DayWriterOptions, format: Format<T>) {
    this.#options = options;
    this.#format = format;
    this.#keeping = new Keeping(options);
  }

  /** Has `add` count into today's file; of what it throws nothing is. */
  count(add: (file: DayFile<T>) => void): void {
    try {
      add(this.#today());
      this.#later();
    } catch (error) {
      // not covered: a second line of defence.
      this.#say(`something could not be counted: ${messageOf(error)}`);
    }
  }

  /** Resolves when all that was counted is stored, or was tried to be. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // While the disk is at it, what comes in waits in memory for the next time.
    if (this.#writing === undefined) {
      this.#begunAt = performance.now();
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        // It came in meanwhile, and nothing else may come.
        if ([...this.#open.values()].some((file) => file.hasFresh())) this.#later();
      });
    }
    return this.#writing;
  }

  /** Why what was counted cannot be stored now; empty where all is well. */
  fault(): string {
    return this.#said;
  }

  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void {
    clearTimeout(this.#timer);
    if (!this.#hasItsUser()) return;
    if (this.#writing !== undefined && hasHungSince(this.#begunAt)) {
      this.#say('what was counted last is given up: the disk does not answer');
      return;
    }
    for (const file of this.#open.values()) {
      try {
        if (file.hasFresh() || this.#writing !== undefined) file.storeNow(this.#options.directory);
      } catch (error) {
        this.#say(`what was counted last could not be written: ${messageOf(error)}`);
      }
    }
    this.#open.clear();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.interval ?? usualInterval).unref();
  }

  #today(): DayFile<T> {
    const day = utcDay(this.#options.now());
    let file = this.#open.get(day);
    if (file !== undefined) return file;
    if (this.#open.size >= mostDays) {
      const [[oldest, given] = []] = this.#open;
      if (given?.hasFresh() === true)
        this.#say(`what was counted on ${oldest ?? ''} is given up: ${mostDays} days wait already`);
      if (oldest !== undefined) this.#open.delete(oldest);
    }
    file = new DayFile(day, this.#format);
    this.#open.set(day, file);
    return file;
  }

  async #write(): Promise<void> {
    const { directory, owner } = this.#options;
    // What root would make, Haraka could not add to.
    if (!this.#hasItsUser()) {
      this.#later();
      return;
    }
    try {
      await useStateDirectory(directory, owner);
      const today = utcDay(this.#options.now());
      for (const [day, file] of this.#open) {
        if (file.hasFresh()) await file.store(directory);
        if (day !== today && !file.hasFresh()) this.#open.delete(day);
      }
      this.#say('');
      await this.#keeping.tidy(today);
    } catch (error) {
      this.#say(
        `what happened is kept in memory, and cannot be written to ${directory}: ${messageOf(error)}`,
      );
      // Also where no further message comes.
      this.#later();
    }
  }

  #hasItsUser(): boolean {
    return process.geteuid === undefined || process.geteuid() === this.#options.owner.uid;
  }

  /** Once for each fault, and once when it is over. */
  #say(fault: string): void {
    if (fault === this.#said) return;
    const { log, directory, name } = this.#options;
    if (fault === '') log.notice(`${name}: ${printable(directory)} can be written again`);
    else log.warn(`${name}: ${printable(fault, 500)}`);
    this.#said = fault;
  }
}
