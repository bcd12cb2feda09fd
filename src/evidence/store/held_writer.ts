/**
 * Notes why messages wait, and forgets them with their queue files. No delivery waits for it: what is told is kept in memory,
 * and written every few seconds. A disk that is full, slow or not there costs the reasons in `tls-peers held` until it is
 * back, and nothing else.
 */
import type { Log } from '../../log';
import { keyOf } from '../../queue/file_name';
import { Background } from '../../state/background';
import { useStateDirectory } from '../../state/directory';
import type { Owner } from '../../state/owner';
import { messageOf } from '../../text';
import { causeOf, isRule, type Cause, type HeldNote, type Told } from '../held_note';
import { HeldFile } from './held_file';
import { earlierNotes, removeStale } from './held_orphans';

export interface HeldWriter {
  /**
   * A message was deferred.
   *
   * @param file the name of its queue file, now or after any other attempt
   * @param attempts deferrals so far, this one included
   */
  deferred(file: string, attempts: number, whose: Pick<Cause, 'managed' | 'peer'>, told: Told): void;
  /** A message that was deferred before was delivered or returned. */
  settled(file: string): void;
  /** Resolves when all that was told is stored, or was tried to be. */
  flush(): Promise<void>;
  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void;
}

export interface HeldWriterOptions {
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  /** Haraka's outbound queue. */
  readonly queue: string;
  readonly now: () => Date;
  /** Milliseconds between two writings. */
  readonly interval?: number;
  /** Milliseconds between two looks at what others left behind; more where a look takes long. */
  readonly tidyEvery?: number;
  /** Messages whose reason is noted at a time, in this process. */
  readonly most?: number;
}

const usual = { interval: 2_000, tidyEvery: 60_000, most: 200_000 } as const;

/** How many times as long as a look took until the next: a large queue is not looked through all the time. */
const restFactor = 200;

/** Causes that are kept as one: mostly those of one peer are word for word the same. */
const mostCauses = 256;

export function createHeldWriter(options: HeldWriterOptions): HeldWriter {
  return new Writer(options);
}

class Writer implements HeldWriter {
  readonly #options: HeldWriterOptions;
  /** What the file is to hold. */
  readonly #notes = new Map<string, HeldNote>();
  readonly #causes = new Map<string, Cause>();
  readonly #file: HeldFile;
  /** Messages that an earlier process may have noted already: since when is asked of its file. */
  readonly #inherits = new Set<string>();
  /** Whether messages were settled that others may have noted. */
  #othersAreOld = true;
  #nextTidy = Number.NEGATIVE_INFINITY;
  readonly #background: Background;
  #tidyTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #saidFull = false;

  constructor(options: HeldWriterOptions) {
    this.#options = options;
    this.#file = new HeldFile(options, this.#notes);
    this.#background = new Background({
      ...options,
      name: 'held',
      interval: options.interval ?? usual.interval,
      write: () => this.#write(),
      isLeft: () => !this.#isClosed && !this.#file.isStored(),
    });
  }

  deferred(file: string, attempts: number, whose: Pick<Cause, 'managed' | 'peer'>, told: Told): void {
    const key = keyOf(file);
    if (key === '') return;
    const cause = withoutReply(causeOf(told, whose));
    const before = this.#notes.get(key);
    if (before === undefined && this.#notes.size >= (this.#options.most ?? usual.most)) {
      this.#sayFull();
      return;
    }
    const at = this.#options.now().getTime();
    const since = before?.why === cause.why ? before.since : at;
    if (before === undefined && attempts > 1) this.#inherits.add(key);
    this.#notes.set(key, { ...this.#shared(cause), key, attempts, at, since });
    this.#file.changed(key);
    this.#later();
  }

  settled(file: string): void {
    const key = keyOf(file);
    if (this.#notes.delete(key)) this.#file.removed(key);
    else this.#othersAreOld = true;
    this.#inherits.delete(key);
    this.#later();
  }

  flush(): Promise<void> {
    return this.#background.flush();
  }

  close(): void {
    this.#background.stop();
    clearTimeout(this.#tidyTimer);
    this.#isClosed = true;
    if (!this.#background.hasItsUser()) return;
    if (this.#background.hasHung()) {
      this.#background.say('why messages wait was not written: the disk does not answer');
      return;
    }
    try {
      this.#file.storeNow(this.#background.isWriting());
    } catch (error) {
      this.#background.say(`why messages wait could not be written: ${messageOf(error)}`);
    }
  }

  /** The same texts are kept once, however many messages wait for them. */
  #shared(cause: Cause): Cause {
    const text = JSON.stringify(cause);
    const known = this.#causes.get(text);
    if (known !== undefined) return known;
    if (this.#causes.size >= mostCauses) this.#causes.clear();
    this.#causes.set(text, cause);
    return cause;
  }

  #later(): void {
    if (!this.#isClosed) this.#background.later();
  }

  async #write(): Promise<void> {
    const { directory, owner } = this.#options;
    if (!this.#background.hasItsUser()) {
      this.#later();
      return;
    }
    try {
      if (this.#notes.size > 0) await useStateDirectory(directory, owner);
      await this.#inherit();
      await this.#file.store();
      this.#background.say('');
      await this.#tidy();
    } catch (error) {
      this.#background.say(
        `why messages wait is in memory alone, ${directory} cannot be used: ${messageOf(error)}`,
      );
      // Also where no further message comes.
      this.#later();
    }
  }

  /** A process that takes over a queue does not know since when its messages wait. */
  async #inherit(): Promise<void> {
    if (this.#inherits.size === 0) return;
    const wanted = new Set(this.#inherits);
    this.#inherits.clear();
    for (const earlier of await earlierNotes(this.#options, this.#file.name, wanted)) {
      const note = this.#notes.get(earlier.key);
      if (note === undefined || note.why !== earlier.why || note.since <= earlier.since) continue;
      this.#notes.set(earlier.key, { ...note, since: earlier.since });
      this.#file.changed(earlier.key);
    }
  }

  /** What others left behind, and messages that were taken out of the queue without anybody telling. */
  async #tidy(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#isWorthALook() && performance.now() >= this.#nextTidy) {
      const began = performance.now();
      this.#nextTidy = Number.POSITIVE_INFINITY;
      this.#othersAreOld = false;
      // A queue that cannot be read is Haraka's to complain of.
      const gone = await removeStale(this.#options, this.#file.name, this.#notes).catch(() => []);
      for (const key of gone) if (this.#notes.delete(key)) this.#file.removed(key);
      const took = performance.now() - began;
      const { tidyEvery = usual.tidyEvery } = this.#options;
      this.#nextTidy = began + (tidyEvery === 0 ? 0 : Math.max(tidyEvery, took * restFactor));
    }
    if (!this.#isWorthALook() || this.#mayBeClosed()) return;
    const left = Math.max(usual.interval, this.#nextTidy - performance.now());
    this.#tidyTimer ??= setTimeout(() => {
      this.#tidyTimer = undefined;
      void this.flush();
    }, left).unref();
  }

  /** Also while others were looked at. */
  #mayBeClosed(): boolean {
    return this.#isClosed;
  }

  #isWorthALook(): boolean {
    return this.#othersAreOld || this.#notes.size > 0;
  }

  #sayFull(): void {
    if (!this.#saidFull)
      this.#options.log.warn(
        'held: more messages wait than reasons are noted for: tls-peers held counts them',
      );
    this.#saidFull = true;
  }
}

/** What a host answers may name an address, and nobody asks for it. */
function withoutReply(cause: Cause): Cause {
  return isRule(cause.why) ? cause : { ...cause, host: '', text: '' };
}
