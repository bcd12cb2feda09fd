/**
 * Writes the log of messages. No delivery waits for it: lines are kept in memory, which is bounded, and appended every second,
 * one write for all of them. Where the disk is slower than the mail, or full, lines are dropped, and the log says how many.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../../log';
import { utcDay, type Day } from '../../peers/day';
import { useStateDirectory } from '../../state/directory';
import type { Owner } from '../../state/owner';
import { messageOf } from '../../text';
import { droppedLine, trackHeader, trackLine, type TrackRow } from '../track';
import { Keeping } from '../../day_files/keeping';
import { Background } from '../../state/background';
import { dayOfTrack, keepBelow, trackName } from './track_files';

export interface TrackWriter {
  /** Nothing waits for it, and nothing it does is thrown. */
  add(row: TrackRow): void;
  /** Resolves when all that was added is stored, or was tried to be. */
  flush(): Promise<void>;
  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void;
}

export interface TrackWriterOptions {
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  /** How long files are kept. */
  readonly days: number;
  /** Octets of all files, of all processes: the oldest go. */
  readonly mostOctets: number;
  readonly now: () => Date;
  /** Milliseconds between two writings. */
  readonly interval?: number;
  /** Octets of one file. */
  readonly fileOctets?: number;
  /** Characters that wait in memory for the disk. */
  readonly mostWaiting?: number;
}

const usual = { interval: 1_000, fileOctets: 64 << 20, mostWaiting: 8 << 20 } as const;

/** Milliseconds between two looks at how large all files are, in a file that does not fill up. */
const sizeEvery = 600_000;

const ownersAlone = 0o600;
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

export function createTrackWriter(options: TrackWriterOptions): TrackWriter {
  return new Writer(options);
}

/** Lines of one day that wait. */
interface Waiting {
  readonly day: Day;
  text: string;
}

class Writer implements TrackWriter {
  readonly #options: TrackWriterOptions;
  readonly #keeping: Keeping;
  #waiting: Waiting[] = [];
  #characters = 0;
  #dropped = 0;
  /** The file that is written to. `octets`: what is in it for certain. */
  #file: { readonly day: Day; readonly name: string; octets: number } | undefined;
  /** What is being written to it, or could not be. */
  #rest: Buffer = Buffer.alloc(0);
  readonly #background: Background;
  #nextSize = Number.NEGATIVE_INFINITY;

  constructor(options: TrackWriterOptions) {
    this.#options = options;
    this.#keeping = new Keeping({ ...options, name: 'track', dayOf: dayOfTrack });
    this.#background = new Background({
      ...options,
      name: 'track',
      interval: options.interval ?? usual.interval,
      write: () => this.#write(),
      isLeft: () => this.#waiting.length > 0 || this.#rest.length > 0,
    });
  }

  add(row: TrackRow): void {
    const line = trackLine(row);
    this.#background.later();
    if (this.#characters + line.length > (this.#options.mostWaiting ?? usual.mostWaiting)) {
      this.#dropped += 1;
      return;
    }
    this.#characters += line.length;
    const day = utcDay(this.#options.now());
    const last = this.#waiting.at(-1);
    if (last?.day === day) last.text += line;
    else this.#waiting.push({ day, text: line });
  }

  flush(): Promise<void> {
    return this.#background.flush();
  }

  close(): void {
    this.#background.stop();
    if (!this.#background.hasItsUser()) return;
    if (this.#background.hasHung()) {
      this.#background.say('the last lines are given up: the disk does not answer');
      return;
    }
    try {
      if (this.#rest.length > 0) this.#writeNow();
      while (this.#take()) this.#writeNow();
    } catch (error) {
      this.#background.say(`the last lines could not be written: ${messageOf(error)}`);
    }
  }

  async #write(): Promise<void> {
    const { directory, owner } = this.#options;
    if (!this.#background.hasItsUser()) return;
    try {
      await useStateDirectory(directory, owner);
      await this.#tidy();
      while (this.#rest.length > 0 || this.#take()) await this.#append();
      this.#background.say('');
    } catch (error) {
      this.#background.say(
        `lines wait in memory, up to a bound, and cannot be written to ${directory}: ${messageOf(error)}`,
      );
    }
  }

  /** Takes up what waits for one file. @returns whether there was anything */
  #take(): boolean {
    const next = this.#waiting.shift();
    if (next === undefined) return false;
    this.#characters -= next.text.length;
    const fileOctets = this.#options.fileOctets ?? usual.fileOctets;
    if (this.#file?.day !== next.day || this.#file.octets >= fileOctets)
      this.#file = { day: next.day, name: trackName(next.day), octets: 0 };
    const header = this.#file.octets === 0 ? trackHeader() : '';
    const dropped = this.#dropped;
    if (dropped > 0) this.#options.log.warn(`track: ${dropped} lines were dropped: the disk is slow or full`);
    this.#dropped = 0;
    const missing = dropped > 0 ? droppedLine(this.#options.now().getTime(), dropped) : '';
    this.#rest = Buffer.from(header + next.text + missing);
    return true;
  }

  /** After a write that the disk took half of, the next one goes on where it ended. */
  async #append(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    const handle = await fs.open(this.#path(file.name), appending, ownersAlone);
    try {
      while (this.#rest.length > 0) {
        const { bytesWritten } = await handle.write(this.#rest);
        file.octets += bytesWritten;
        this.#rest = this.#rest.subarray(bytesWritten);
      }
    } finally {
      await handle.close();
    }
  }

  #writeNow(): void {
    const file = this.#file;
    if (file === undefined) return;
    const fd = openSync(this.#path(file.name), appending, ownersAlone);
    try {
      // What is being written may have arrived meanwhile.
      this.#rest = this.#rest.subarray(Math.max(0, fstatSync(fd).size - file.octets));
      while (this.#rest.length > 0) this.#rest = this.#rest.subarray(writeSync(fd, this.#rest));
      file.octets = fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  }

  async #tidy(): Promise<void> {
    const { directory, mostOctets, now } = this.#options;
    await this.#keeping.tidy(utcDay(now()));
    const isFull = (this.#file?.octets ?? 0) >= (this.#options.fileOctets ?? usual.fileOctets);
    if (!isFull && performance.now() < this.#nextSize) return;
    this.#nextSize = performance.now() + sizeEvery;
    await keepBelow(directory, mostOctets, this.#file?.name ?? '');
  }

  #path(name: string): string {
    return path.join(this.#options.directory, name);
  }
}
