/** What the routes work with: the settings as their files say, the record, the clock, and how often others may be asked. */
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { silent } from '../../log';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import type { Place } from '../../cli/explain_now';
import { ownerOfState } from '../../cli/install';
import { openSettings, type SettingsStore } from '../../settings/reload/settings_store';
import { directorySource, type SettingsSource } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import { Budget } from '../shared/budget';
import type { Cube } from './cube';
import { Records, type RecordUse } from './records';
import { TooOften } from './reply';

/** Days that the page looks back. */
export const monthDays = 30;
export const weekDays = 7;

/** What DNS or a peer is asked for. */
const asking = { explain: { burst: 20, perSecond: 0.5 }, test: { burst: 4, perSecond: 0.1 } };

export class Desk {
  readonly configDirectory: string;
  readonly source: SettingsSource;
  readonly #store: SettingsStore;
  #records: { readonly of: readonly unknown[]; readonly records: Records } | undefined;
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

  /**
   * The record with what has come to it, and what could not be read of it.
   *
   * @param from earlier than 30 days ago, where that is wanted
   */
  async record(
    use: RecordUse,
    from?: Day,
  ): Promise<{ readonly cube: Cube; readonly problems: readonly string[] }> {
    const today = this.today();
    const usual = dayBefore(today, monthDays - 1);
    const isEarlier = from !== undefined && from < usual;
    return await this.#recordsNow().upToDate({ from: isEarlier ? from : usual, to: today, isEarlier, use });
  }

  #recordsNow(): Records {
    const { evidence, fleet } = this.settings().global;
    const of = [evidence.directory, fleet];
    if (this.#records !== undefined && isDeepStrictEqual(this.#records.of, of)) return this.#records.records;
    void this.#records?.records.close();
    const records = new Records({
      directory: path.resolve(this.configDirectory, '..', evidence.directory),
      owner: () => ownerOfState(this.configDirectory),
      settings: () => this.settings(),
      files: this.source,
    });
    this.#records = { of, records };
    return records;
  }
}
