/**
 * The file of one process for one day. What was added is appended; where the file cannot be known to hold what was counted,
 * it is replaced whole, so that no failure loses or doubles a count.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Day } from '../../peers/day';
import { temporaryIn } from '../../state/files';
import { DayTable, type DayTableOptions } from '../day_table';
import { countsLine, headerLine } from '../lines';
import { countsName } from './names';

const ownersAlone = 0o600;

/** Octets up to which a file only grows; beyond, it is written anew where it has become four times as large as it was then. */
const smallFile = 1 << 20;
const growth = 4;

/** Peers that are written at a time: in between, others have their turn. */
const atATime = 500;

export class DayFile {
  readonly day: Day;
  readonly #name: string;
  readonly #options: DayTableOptions;
  /** What the file holds, as soon as it is what it should be. */
  readonly #stored: DayTable;
  /** What is not in the file. */
  #fresh: DayTable;
  /** What is being written. */
  #batch: DayTable | undefined;
  #state: 'none' | 'good' | 'doubtful' = 'none';
  #octets = 0;
  #octetsWhenWhole = 0;

  constructor(day: Day, options: DayTableOptions) {
    this.day = day;
    this.#name = countsName(day);
    this.#options = options;
    this.#stored = new DayTable(day, options);
    this.#fresh = new DayTable(day, options);
  }

  /** Where the next counts go. */
  get fresh(): DayTable {
    return this.#fresh;
  }

  knows(key: Parameters<DayTable['has']>[0]): boolean {
    return this.#stored.has(key) || this.#fresh.has(key) || this.#batch?.has(key) === true;
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
    this.#fresh = new DayTable(this.day, this.#options);
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
    for (const table of [this.#batch, this.#fresh]) if (table !== undefined) merge(this.#stored, table);
    this.#batch = undefined;
    this.#fresh = new DayTable(this.day, this.#options);
    const temporary = temporaryIn(directory);
    const fd = openSync(temporary, 'wx', ownersAlone);
    try {
      for (const text of textOf(this.day, this.#stored)) writeSync(fd, text);
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
    if (this.#batch !== undefined) merge(this.#stored, this.#batch);
    this.#batch = undefined;
    return this.#stored.evicted === before ? 'none_left_out' : 'some_left_out';
  }

  async #append(file: string, batch: DayTable): Promise<void> {
    let text = '';
    for (const [key, counts] of batch.rows()) text += countsLine(key, counts);
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
        for (const text of textOf(this.day, this.#stored)) {
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
}

function merge(into: DayTable, from: DayTable): void {
  for (const [key, counts] of from.rows()) for (const [kind, count] of counts) into.add(key, kind, count);
}

/** The whole file, in pieces. */
function* textOf(day: Day, table: DayTable): Generator<string> {
  let text = headerLine(day);
  let lines = 0;
  for (const [key, counts] of table.rows()) {
    text += countsLine(key, counts);
    if (++lines % atATime !== 0) continue;
    yield text;
    text = '';
  }
  yield text;
}
