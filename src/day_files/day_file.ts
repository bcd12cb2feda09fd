/**
 * The file of one process for one day. What was added is appended; where the file cannot be known to hold what was counted,
 * it is replaced whole, so that no failure loses or doubles a count.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Day } from '../peers/day';
import { temporaryIn } from '../state/files';
import { countsName } from './names';

/** What is counted in a day, as far as its file is concerned. */
export interface Table {
  /** 0 where nothing was counted. */
  readonly size: number;
  /** How often something was put out to stay within the bounds. */
  readonly evicted: number;
}

/** How tables are made, put together and written. Lines that are alike add up when they are read. */
export interface Format<T extends Table> {
  /** The first line, with its end. */
  header(day: Day): string;
  empty(day: Day): T;
  merge(into: T, from: T): void;
  /** One after the other, with their ends. */
  lines(table: T): Iterable<string>;
}

const ownersAlone = 0o600;

/** Octets up to which a file only grows; beyond, it is written anew where it has become four times as large as it was then. */
const smallFile = 1 << 20;
const growth = 4;

/** Lines that are written at a time: in between, others have their turn. */
const atATime = 500;

export class DayFile<T extends Table> {
  readonly day: Day;
  readonly #name: string;
  readonly #format: Format<T>;
  /** What the file holds, as soon as it is what it should be. */
  readonly #stored: T;
  /** What is not in the file. */
  #fresh: T;
  /** What is being written. */
  #batch: T | undefined;
  #state: 'none' | 'good' | 'doubtful' = 'none';
  #octets = 0;
  #octetsWhenWhole = 0;

  constructor(day: Day, format: Format<T>) {
    this.day = day;
    this.#name = countsName(day);
    this.#format = format;
    this.#stored = format.empty(day);
    this.#fresh = format.empty(day);
  }

  /** Where the next counts go. */
  get fresh(): T {
    return this.#fresh;
  }

  /** Whether `test` holds of what was counted before, stored or not. */
  some(test: (table: T) => boolean): boolean {
    return test(this.#stored) || test(this.#fresh) || (this.#batch !== undefined && test(this.#batch));
  }

  hasFresh(): boolean {
    return this.#fresh.size > 0 || this.#state === 'doubtful';
  }

  /**
   * Stores what is fresh; not to be called again before it is done.
   *
   * @throws Error where it cannot be written now. Nothing is lost by that: the next time writes it.
   */
  async store(directory: string): Promise<void> {
    const batch = this.#fresh;
    this.#fresh = this.#format.empty(this.day);
    this.#batch = batch;
    try {
      if (this.#state === 'good' && this.#octets < Math.max(smallFile, growth * this.#octetsWhenWhole)) {
        this.#state = 'doubtful';
        await this.#append(path.join(directory, this.#name), batch);
        if (this.#take() === 'none_left_out') this.#state = 'good';
        else await this.#replace(directory);
        return;
      }
      this.#state = 'doubtful';
      this.#take();
      await this.#replace(directory);
    } finally {
      this.#take();
    }
  }

  /** Writes everything, in one go: for a process that ends. @throws Error as `store` */
  storeNow(directory: string): void {
    for (const table of [this.#batch, this.#fresh])
      if (table !== undefined) this.#format.merge(this.#stored, table);
    this.#batch = undefined;
    this.#fresh = this.#format.empty(this.day);
    const temporary = temporaryIn(directory);
    const fd = openSync(temporary, 'wx', ownersAlone);
    try {
      for (const text of this.#text()) writeSync(fd, text);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path.join(directory, this.#name));
    this.#state = 'good';
  }

  /** The batch counts as stored from here on: what is not in the file yet is written with the whole. */
  #take(): 'none_left_out' | 'some_left_out' {
    const before = this.#stored.evicted;
    if (this.#batch !== undefined) this.#format.merge(this.#stored, this.#batch);
    this.#batch = undefined;
    return this.#stored.evicted === before ? 'none_left_out' : 'some_left_out';
  }

  async #append(file: string, batch: T): Promise<void> {
    let text = '';
    for (const line of this.#format.lines(batch)) text += line;
    // Not made anew: whoever took the file away has taken what was in it, and the whole is written under its name again.
    const handle = await fs.open(file, 'r+');
    try {
      const { size } = await handle.stat();
      if (size !== this.#octets) throw new Error(`${path.basename(file)} was changed by somebody else`);
      const octets = Buffer.from(text);
      for (let written = 0; written < octets.length;) {
        written += (await handle.write(octets, written, undefined, size + written)).bytesWritten;
      }
      await handle.datasync();
      this.#octets = size + octets.length;
    } finally {
      await handle.close();
    }
  }

  async #replace(directory: string): Promise<void> {
    const temporary = temporaryIn(directory);
    const handle = await fs.open(temporary, 'wx', ownersAlone);
    let octets = 0;
    try {
      try {
        for (const text of this.#text()) {
          const piece = Buffer.from(text);
          await handle.writeFile(piece);
          octets += piece.length;
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temporary, path.join(directory, this.#name));
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    this.#octets = octets;
    this.#octetsWhenWhole = octets;
    this.#state = 'good';
  }

  /** The whole file, in pieces. */
  *#text(): Generator<string> {
    let text = this.#format.header(this.day);
    let lines = 0;
    for (const line of this.#format.lines(this.#stored)) {
      text += line;
      if (++lines % atATime !== 0) continue;
      yield text;
      text = '';
    }
    yield text;
  }
}
