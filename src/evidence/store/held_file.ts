/**
 * The file of notes of one process. What changed is appended, and a note replaces those before it; where too many are out of
 * date, or the file cannot be known to be what it should, it is written anew and takes the place of the old one. Without a
 * note there is no file.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { temporaryIn } from '../../state/files';
import { heldHeader, heldLine, type HeldNote } from '../held_note';
import { heldName } from './held_files';

export interface HeldFileOptions {
  readonly directory: string;
  readonly queue: string;
}

const ownersAlone = 0o600;

/** Octets up to which a file with anything out of date in it is written anew at once. Beyond, one in so many lines may be. */
const smallFile = 1 << 18;
const staleShare = 4;

/** Notes that are written at a time: in between, others have their turn. */
const atATime = 500;

export class HeldFile {
  readonly name = heldName(process.pid);
  readonly #options: HeldFileOptions;
  readonly #notes: ReadonlyMap<string, HeldNote>;
  /** What has changed since it was written. */
  #fresh = new Set<string>();
  /** Lines that do not count any more, and all of them. */
  #stale = 0;
  #lines = 0;
  #octets = 0;
  #state: 'none' | 'good' | 'doubtful' = 'none';

  /** @param notes what it is to hold; changed from outside */
  constructor(options: HeldFileOptions, notes: ReadonlyMap<string, HeldNote>) {
    this.#options = options;
    this.#notes = notes;
  }

  changed(key: string): void {
    this.#fresh.add(key);
  }

  removed(key: string): void {
    this.#fresh.delete(key);
    this.#stale += 1;
  }

  isStored(): boolean {
    return this.#fresh.size === 0 && !this.#isOutOfDate() && this.#state !== 'doubtful';
  }

  /** @throws Error where it cannot be written now. The next time writes it whole. */
  async store(): Promise<void> {
    if (this.isStored()) return;
    if (this.#notes.size === 0) {
      this.#begin();
      if (this.#state !== 'none') {
        this.#state = 'doubtful';
        await fs.rm(this.#path(), { force: true });
      }
      this.#state = 'none';
      return;
    }
    if (this.#state === 'good' && !this.#isOutOfDate()) {
      this.#state = 'doubtful';
      await this.#append();
    } else {
      this.#state = 'doubtful';
      await this.#replace();
    }
    this.#state = 'good';
  }

  /** In one go: for a process that ends. @throws Error as `store` */
  storeNow(isBeingWritten: boolean): void {
    if (!isBeingWritten && this.isStored()) return;
    if (this.#notes.size === 0) {
      if (this.#state !== 'none') rmSync(this.#path(), { force: true });
      return;
    }
    const temporary = temporaryIn(this.#options.directory);
    const fd = openSync(temporary, 'wx', ownersAlone);
    try {
      for (const text of this.#pieces()) writeSync(fd, text);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.#path());
  }

  #path(): string {
    return path.join(this.#options.directory, this.name);
  }

  #isOutOfDate(): boolean {
    return this.#stale > 0 && (this.#octets < smallFile || this.#stale > this.#lines / staleShare);
  }

  #begin(): void {
    this.#fresh = new Set();
    [this.#stale, this.#lines, this.#octets] = [0, 0, 0];
  }

  async #append(): Promise<void> {
    const fresh = this.#fresh;
    this.#fresh = new Set();
    let text = '';
    for (const key of fresh) {
      const note = this.#notes.get(key);
      if (note !== undefined) text += heldLine(note);
    }
    // Not made anew: whoever took the file away has taken what was in it, and the whole is written under its name again.
    const handle = await fs.open(this.#path(), 'r+');
    try {
      const { size } = await handle.stat();
      if (size !== this.#octets) throw new Error(`${this.name} was changed by somebody else`);
      const octets = Buffer.from(text);
      for (let written = 0; written < octets.length;)
        written += (await handle.write(octets, written, undefined, size + written)).bytesWritten;
      this.#octets = size + octets.length;
      this.#lines += fresh.size;
      // A message that was noted before has two lines now.
      this.#stale += Math.max(0, this.#lines - this.#notes.size - this.#stale);
    } finally {
      await handle.close();
    }
  }

  async #replace(): Promise<void> {
    const { directory } = this.#options;
    const temporary = temporaryIn(directory);
    const handle = await fs.open(temporary, 'wx', ownersAlone);
    this.#begin();
    let [octets, lines] = [0, 0];
    try {
      try {
        for (const text of this.#pieces((count) => (lines += count))) {
          const piece = Buffer.from(text);
          await handle.writeFile(piece);
          octets += piece.length;
        }
      } finally {
        await handle.close();
      }
      await fs.rename(temporary, this.#path());
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    [this.#octets, this.#lines] = [octets, lines];
  }

  *#pieces(counted: (lines: number) => void = () => undefined): Generator<string> {
    let text = heldHeader(this.#options.queue);
    let lines = 0;
    for (const note of this.#notes.values()) {
      text += heldLine(note);
      if (++lines % atATime !== 0) continue;
      yield text;
      text = '';
    }
    yield text;
    counted(lines);
  }
}
