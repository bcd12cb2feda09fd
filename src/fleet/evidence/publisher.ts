/**
 * Keeps a copy of this host's record in Redis, where the other hosts read it.
 *
 * The files are written as they are without Redis, and are the only thing that is read for it: there is nothing to queue while
 * Redis is away, and whatever it has lost comes from them again. One process of a host does this for all.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { dayOfCounts } from '../../day_files/names';
import type { Log } from '../../log';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import type { FleetRedis } from '../connection';
import type { Secrets } from '../secret';
import { hostWord } from './copy_state';
import { FileCopy, type CopyTarget } from './file_copy';
import { fileId, indexKey, piecesKey, secondsLeft } from './keys';
import { mostFiles, publish, remove, states } from './scripts';

export interface PublisherOptions {
  readonly redis: FleetRedis;
  /** Of the files of the record. */
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  /** How long files are kept. */
  readonly days: number;
  readonly now: () => Date;
  /** What this host is called. */
  readonly host: string;
  /** The first signs what is sent. */
  readonly secrets?: Secrets | undefined;
  /** Milliseconds between two looks at the files. */
  readonly interval?: number;
}

const usualInterval = 5_000;

/** Milliseconds after which Redis is asked for all that it has of this host; by chance up to a half more. */
const checkInterval = 300_000;

/** Milliseconds for one step. Nothing waits for it. */
const patience = 2_000;

/** Of days that are over: a fleet that has it all to send must not fill the network. */
const octetsPerMs = 256;

export class EvidencePublisher {
  readonly #options: PublisherOptions;
  readonly #copies = new Map<string, FileCopy>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #nextCheck = Number.NEGATIVE_INFINITY;
  #said = '';
  #isClosed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    options.redis.onUp(() => this.#askAnew());
    this.#later();
  }

  /**
   * Resolves when what is in the files now is in Redis, or was tried to be.
   *
   * @param how `all`: Redis is asked for what it has of each file; else of those alone of which that is not known
   */
  async flush(how: 'all' | 'changed' = 'all'): Promise<void> {
    await this.#running;
    if (how === 'all') this.#askAnew();
    await this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  get #interval(): number {
    return this.#options.interval ?? usualInterval;
  }

  /** It may be another server by now, or the same without its memory. */
  #askAnew(): void {
    this.#nextCheck = Number.NEGATIVE_INFINITY;
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#later()), this.#interval).unref();
  }

  #look(): Promise<void> {
    this.#running ??= this.#lookNow().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #lookNow(): Promise<void> {
    if (!this.#options.redis.isUp) return;
    try {
      const days = await this.#daysOnDisk();
      const isCheck = performance.now() >= this.#nextCheck;
      if (isCheck) this.#nextCheck = performance.now() + checkInterval * (1 + Math.random() / 2);
      const today = utcDay(this.#options.now());
      let room = this.#interval * octetsPerMs;
      for (const [day, copies] of days) {
        if (this.#isClosed) return;
        await this.#ask(day, isCheck ? copies : copies.filter(({ known }) => known === undefined));
        for (const copy of copies) if (day === today || room > 0) room -= await this.#send(copy, day < today);
      }
      this.#say('');
    } catch (error) {
      this.#say(messageOf(error));
    }
  }

  /** The files of each day, the present one first. */
  async #daysOnDisk(): Promise<Map<Day, FileCopy[]>> {
    const { directory, days, now } = this.#options;
    const today = utcDay(now());
    const oldest = dayBefore(today, days - 1);
    const names = await fs.readdir(directory).catch(() => 'unknown' as const);
    if (names === 'unknown') return new Map();
    const present = new Set(names);
    for (const [name, copy] of this.#copies) if (!present.has(name)) await this.#drop(name, copy, oldest);
    const found = new Map<Day, FileCopy[]>();
    let files = 0;
    for (const name of names.sort().reverse()) {
      const day = dayOfCounts(name);
      if (day === undefined || day > today || day < oldest || ++files > mostFiles) continue;
      const source = { path: path.join(directory, name), id: fileId(name), day };
      const copy = this.#copies.get(name) ?? new FileCopy(source);
      this.#copies.set(name, copy);
      found.set(day, [...(found.get(day) ?? []), copy]);
    }
    return found;
  }

  /** Somebody took it away. Days that are over for good go from Redis by themselves. */
  async #drop(name: string, { source: { day, id } }: FileCopy, oldest: Day): Promise<void> {
    const { redis } = this.#options;
    if (day >= oldest) {
      const which = { index: indexKey(redis, day), list: piecesKey(redis, day, id), file: id };
      await redis.run(patience, (client) => remove(client, which));
    }
    this.#copies.delete(name);
  }

  async #ask(day: Day, copies: readonly FileCopy[]): Promise<void> {
    const { redis } = this.#options;
    const most = 500;
    for (let at = 0; at < copies.length; at += most) {
      const some = copies.slice(at, at + most);
      const files = some.map(({ source: { id } }) => ({ file: id, list: piecesKey(redis, day, id) }));
      const found = await redis.run(patience, (client) => states(client, indexKey(redis, day), files));
      for (const [nth, copy] of some.entries()) copy.known = found[nth] ?? '';
    }
  }

  /** @returns octets that were sent */
  async #send(copy: FileCopy, isOver: boolean): Promise<number> {
    const stamp = await stampOf(copy.source.path);
    if (stamp === undefined || copy.isInStep(stamp, isOver)) return 0;
    return await copy.send(this.#target(copy), stamp, isOver);
  }

  #target({ source: { day, id: file } }: FileCopy): CopyTarget {
    const { redis, owner, host, secrets, days, now } = this.#options;
    const where = { index: indexKey(redis, day), list: piecesKey(redis, day, file), file };
    return {
      owner,
      host: hostWord(host),
      secrets,
      publish: (one) =>
        redis.run(patience, (client) =>
          publish(client, { ...where, ...one, ttl: secondsLeft(day, days, now()) }),
        ),
    };
  }

  /** Once for each fault, and once when it is over. That Redis is away is said by the connection. */
  #say(fault: string): void {
    const { redis, log } = this.#options;
    if (fault === this.#said || (fault !== '' && !redis.isUp)) return;
    if (fault === '') log.notice('fleet: what is counted is shared again');
    else log.warn(`fleet: what is counted is not shared now, and will be later: ${printable(fault)}`);
    this.#said = fault;
  }
}

/** Of a file that is there; whether it may have changed. */
async function stampOf(file: string): Promise<string | undefined> {
  const found = await fs.lstat(file).catch(() => undefined);
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeMs}`;
}
