/**
 * Counts what happened, and writes it to disk every few seconds. Nothing waits for it: counting is in memory alone, and
 * a disk that is slow, full or not there leaves what was counted in memory, which is bounded, until it is back.
 */
import type { Log } from '../log';
import { utcDay, type Day } from '../peers/day';
import { Background } from '../state/background';
import { useStateDirectory } from '../state/directory';
import type { Owner } from '../state/owner';
import { messageOf } from '../text';
import { DayFile, type Format, type Table } from './day_file';
import { Keeping } from './keeping';

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
  readonly #background: Background;

  constructor(options: DayWriterOptions, format: Format<T>) {
    this.#options = options;
    this.#format = format;
    this.#keeping = new Keeping(options);
    this.#background = new Background({
      ...options,
      interval: options.interval ?? usualInterval,
      write: () => this.#write(),
      isLeft: () => [...this.#open.values()].some((file) => file.hasFresh()),
    });
  }

  /** Has `add` count into today's file; of what it throws nothing is. */
  count(add: (file: DayFile<T>) => void): void {
    try {
      add(this.#today());
      this.#background.later();
    } catch (error) {
      // not covered: a second line of defence.
      this.#background.say(`something could not be counted: ${messageOf(error)}`);
    }
  }

  /** Resolves when all that was counted is stored, or was tried to be. */
  flush(): Promise<void> {
    return this.#background.flush();
  }

  /** Why what was counted cannot be stored now; empty where all is well. */
  fault(): string {
    return this.#background.fault();
  }

  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void {
    this.#background.stop();
    if (!this.#background.hasItsUser()) return;
    if (this.#background.hasHung()) {
      this.#background.say('what was counted last is given up: the disk does not answer');
      return;
    }
    for (const file of this.#open.values()) {
      try {
        if (file.hasFresh() || this.#background.isWriting()) file.storeNow(this.#options.directory);
      } catch (error) {
        this.#background.say(`what was counted last could not be written: ${messageOf(error)}`);
      }
    }
    this.#open.clear();
  }

  #today(): DayFile<T> {
    const day = utcDay(this.#options.now());
    let file = this.#open.get(day);
    if (file !== undefined) return file;
    if (this.#open.size >= mostDays) {
      const [[oldest, given] = []] = this.#open;
      if (given?.hasFresh() === true)
        this.#background.say(
          `what was counted on ${oldest ?? ''} is given up: ${mostDays} days wait already`,
        );
      if (oldest !== undefined) this.#open.delete(oldest);
    }
    file = new DayFile(day, this.#format);
    this.#open.set(day, file);
    return file;
  }

  async #write(): Promise<void> {
    const { directory, owner } = this.#options;
    if (!this.#background.hasItsUser()) {
      this.#background.later();
      return;
    }
    try {
      await useStateDirectory(directory, owner);
      const today = utcDay(this.#options.now());
      for (const [day, file] of this.#open) {
        if (file.hasFresh()) await file.store(directory);
        if (day !== today && !file.hasFresh()) this.#open.delete(day);
      }
      this.#background.say('');
      await this.#keeping.tidy(today);
    } catch (error) {
      this.#background.say(
        `what happened is kept in memory, and cannot be written to ${directory}: ${messageOf(error)}`,
      );
      // Also where no further message comes.
      this.#background.later();
    }
  }
}
