/**
 * How many reports of a day's allowance are taken, over restarts. They are taken on disk first, several at a time: a crash can
 * only make it fewer that are sent. For whoever has the duty to send.
 */
import path from 'node:path';
import type { Day } from '../../peers/day';
import { fieldsIn } from '../../json_lines';
import { useStateDirectory } from '../../state/directory';
import { isMissing } from '../../state/state_fault';
import { readPlainFile, replaceFile } from '../../state/files';
import type { JournalPlace } from './journal';

const name = 'sent.json';

/** Of so many parts of the allowance one is taken at a time, and never more than `largestStep`: a crash loses one. */
const steps = 100;
const largestStep = 100;

interface Taken {
  readonly day: Day;
  /** As it is on disk. */
  noted: number;
  used: number;
}

export class SentCount {
  readonly #place: () => JournalPlace;
  #taken: Taken | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(place: () => JournalPlace) {
    this.#place = place;
  }

  /**
   * Takes one of `most` for `day`.
   *
   * @returns whether there was one
   * @throws Error where that cannot be noted
   */
  take(day: Day, most: number): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#taken?.day !== day) this.#taken = await this.#read(day);
      const taken = this.#taken;
      if (taken.used >= most) return false;
      if (taken.used >= taken.noted) {
        const noted = Math.min(most, taken.used + Math.min(largestStep, Math.ceil(most / steps)));
        await this.#write(day, noted);
        taken.noted = noted;
      }
      taken.used += 1;
      return true;
    });
  }

  /** Gives back what was not used; another process may have the duty next. */
  settle(): Promise<void> {
    return this.#inTurn(async () => {
      const taken = this.#taken;
      this.#taken = undefined;
      if (taken !== undefined && taken.used < taken.noted) await this.#write(taken.day, taken.used);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #read(day: Day): Promise<Taken> {
    const { directory, owner } = this.#place();
    const none: Taken = { day, noted: 0, used: 0 };
    try {
      const text = await readPlainFile(path.join(directory, name), { uid: owner.uid, atMost: 4096 });
      const { day: of, count } = fieldsIn(text) ?? {};
      if (of !== day || typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return none;
      return { day, noted: count, used: count };
    } catch (error) {
      if (isMissing(error)) return none;
      throw error;
    }
  }

  async #write(day: Day, count: number): Promise<void> {
    const { directory, owner } = this.#place();
    await useStateDirectory(directory, owner);
    await replaceFile(directory, name, JSON.stringify({ day, count }), { owner });
  }
}
