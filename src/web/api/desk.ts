/** What the routes work with: the settings as their files say, the record, the clock, and how often others may be asked. */
import path from 'node:path';
import { createFileReader } from '../../evidence/store/file_reader';
import { silent } from '../../log';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import type { Place } from '../../cli/explain_now';
import { ownerOfState } from '../../cli/install';
import { openSettings, type SettingsStore } from '../../settings/reload/settings_store';
import { directorySource, type SettingsSource } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import { Budget } from '../shared/budget';
import { Cube } from './cube';
import { TooOften } from './reply';

/** Days that the page looks back. */
export const monthDays = 30;
export const weekDays = 7;

/** The record is not read again before so many milliseconds have passed, nor before so many times as long as it took. */
const leastPauseMs = 5_000;
const pauseFactor = 10;

/** What DNS or a peer is asked for. */
const asking = { explain: { burst: 20, perSecond: 0.5 }, test: { burst: 4, perSecond: 0.1 } };

export class Desk {
  readonly configDirectory: string;
  readonly source: SettingsSource;
  readonly #store: SettingsStore;
  #cube: { readonly directory: string; readonly cube: Cube } | undefined;
  #refreshing: Promise<void> | undefined;
  #notBefore = 0;
  #problems: readonly string[] = [];
  readonly #budgets = { explain: new Budget(asking.explain), test: new Budget(asking.test) };

  constructor(configDirectory: string) {
    this.configDirectory = configDirectory;
    this.source = directorySource(configDirectory);
    this.#store = openSettings(this.source, silent);
  }

  settings(): Settings {
    return this.#store.current();
  }

  now(): Date {
    return new Date();
  }

  today(): Day {
    return utcDay(this.now());
  }

  /** What could not be read of the record. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** The install, as commands know it. */
  get place(): Place {
    const directory = this.configDirectory;
    return { directory, source: directorySource(directory), today: this.today() };
  }

  /** @throws TooOften */
  spend(on: keyof typeof asking): void {
    const seconds = this.#budgets[on].take(performance.now());
    if (seconds > 0) throw new TooOften(seconds);
  }

  /** The record with what has come to it. @param from earlier than 30 days ago, where that is wanted */
  async record(from?: Day): Promise<Cube> {
    const { directory } = this.settings().global.evidence;
    const whole = path.resolve(this.configDirectory, '..', directory);
    if (this.#cube?.directory !== whole) {
      const owner = ownerOfState(this.configDirectory);
      const reader = (today: Day) => createFileReader({ directory: whole, owner, today });
      this.#cube = { directory: whole, cube: new Cube({ directory: whole, reader }) };
      this.#notBefore = 0;
    }
    const { cube } = this.#cube;
    const usual = dayBefore(this.today(), monthDays - 1);
    const isEarlier = from !== undefined && from < usual;
    if (isEarlier || performance.now() >= this.#notBefore)
      this.#refreshing ??= this.#refresh(cube, isEarlier ? from : usual).finally(() => {
        this.#refreshing = undefined;
      });
    await this.#refreshing;
    return cube;
  }

  async #refresh(cube: Cube, from: Day): Promise<void> {
    const begun = performance.now();
    this.#problems = await cube.refresh(from, this.today());
    const took = performance.now() - begun;
    this.#notBefore = performance.now() + Math.max(leastPauseMs, pauseFactor * took);
  }
}
