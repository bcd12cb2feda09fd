/** Settings that follow their files. */
import cluster from 'node:cluster';
import type { Log } from '../../log';
import { utcDay, type Day } from '../../peers/day';
import { messageOf } from '../../text';
import { findingsForLog } from '../checks/logged';
import { loadSettings, type Loaded } from '../load/load';
import { afterRemoval } from '../load/lost';
import { isNews } from '../load/remembered';
import { globalFile, type SettingsSource } from '../load/source';
import { formatFault, type Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import { changes } from './changes';
import { inForceInstead, validAgain } from './in_force';
import { Reminder } from './reminder';

export interface SettingsStore {
  /** The settings in force; the object changes when any rule does. */
  current(): Settings;
  /** What is wrong in the files as they are now, which may be newer than the settings in force. */
  faults(): readonly Fault[];
  /**
   * From now on writes down which files there are, so that a process that starts later knows of those that vanished
   * meanwhile. To be called once this process is the user that it will be.
   */
  remember(): void;
  /**
   * Reads everything as a process that starts now would. To be called once this process has become another user: what only the
   * one before could read does not count, or a change would be the first to show it.
   */
  readAnew(): void;
  /** Stops watching. */
  close(): void;
}

/** How often the files are looked at, in milliseconds. A change is in force after at most two looks. */
const lookInterval = 1_000;

export interface Following {
  /** Called after the settings in force were replaced, not for the first loading. */
  readonly onChange?: (settings: Settings, changed: readonly string[]) => void;
  /** Milliseconds between two looks. */
  readonly interval?: number;
  /** Tells the day; ends of exemptions are announced when it changes. */
  readonly now?: () => Date;
}

const faultsLogged = 50;
const changesLogged = 200;

/**
 * Loads the settings and keeps them up to date without a restart.
 *
 * The files are looked at, rather than waiting for notices from the file system: those miss directories that appear
 * later, files replaced through links, and network file systems. A change counts once the files look the same
 * twice, so that a half-written file is not read.
 */
export function openSettings(source: SettingsSource, log: Log, following: Following = {}): SettingsStore {
  return new WatchedSettings(source, log, following);
}

class WatchedSettings implements SettingsStore {
  #loaded: Loaded;
  /** Of the files as they were read. */
  #stamp: string;
  /** Of files that have changed, and may still be changing. */
  #pending: string | undefined;
  /** For which findings were announced. */
  #day: Day;
  #memoryStamp: string | undefined;
  readonly #reminder: Reminder;
  readonly #announced = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #onChange: NonNullable<Following['onChange']>;
  readonly #now: () => Date;

  readonly #source: SettingsSource;
  readonly #log: Log;

  constructor(
    source: SettingsSource,
    log: Log,
    { onChange = () => undefined, interval = lookInterval, now = () => new Date() }: Following,
  ) {
    this.#source = source;
    this.#log = log;
    this.#onChange = onChange;
    this.#now = now;
    this.#stamp = source.stamp([]);
    this.#day = utcDay(now());
    this.#reminder = new Reminder(source.memory, log);
    this.#loaded = loadSettings(source);
    this.#reportFaults(this.#loaded.faults);
    this.#reportRemoved();
    this.#announce();
    this.#timer = setInterval(() => this.#tick(), interval);
    this.#timer.unref();
  }

  current(): Settings {
    return this.#loaded.settings;
  }

  faults(): readonly Fault[] {
    return this.#loaded.faults;
  }

  remember(): void {
    this.#reminder.begin(this.#loaded);
  }

  readAnew(): void {
    const before = this.#loaded;
    this.#pending = undefined;
    this.#stamp = this.#source.stamp(namedFiles(before));
    this.#loaded = loadSettings(this.#source);
    const said = new Set(before.faults.map(formatFault));
    this.#reportFaults(this.#loaded.faults.filter((one) => !said.has(formatFault(one))));
    const changed = changes(before.settings, this.#loaded.settings);
    if (changed.length > 0) this.#onChange(this.#loaded.settings, changed);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#reminder.end();
  }

  #tick(): void {
    try {
      const seen = this.#look();
      if (seen === this.#stamp) this.#pending = undefined;
      else if (seen === this.#pending) this.#reload(seen);
      else this.#pending = seen;
      if (seen === this.#stamp) this.#lookAtMemory();
      if (this.#day !== utcDay(this.#now())) this.#announce();
    } catch (error) {
      this.#log.error(
        `the settings could not be looked at again, the last ones stay in force: ${messageOf(error)}`,
      );
    }
  }

  #look(): string {
    return this.#source.stamp(namedFiles(this.#loaded));
  }

  /**
   * What is gone may meanwhile be meant to be gone. What this process wrote down itself, and what others did who see the
   * same files, is no news.
   */
  #lookAtMemory(): void {
    const { recollection, stateDirectory } = this.#loaded;
    const stamp = this.#source.memory.stamp(stateDirectory);
    if (stamp !== this.#memoryStamp) {
      this.#memoryStamp = stamp;
      if (isNews(this.#source.memory.read(stateDirectory), recollection)) this.#reload(this.#stamp);
    }
    this.#reminder.remind(this.#loaded);
  }

  #reload(stamp: string): void {
    const before = this.#loaded;
    this.#pending = undefined;
    // As seen before the files are read: what changes meanwhile is noticed at the next look.
    this.#stamp = stamp;
    this.#loaded = loadSettings(this.#source, before);
    this.#reportFaults(newFaults(before, this.#loaded));
    for (const line of validAgain(before, this.#loaded).slice(0, faultsLogged)) this.#log.notice(line);
    if (before.faults.length > 0 && this.#loaded.faults.length === 0)
      this.#log.notice('every file is valid again');
    this.#reminder.remind(this.#loaded);
    this.#reportRemoved();
    const changed = changes(before.settings, this.#loaded.settings);
    if (changed.length === 0) return;
    this.#reportChanges(changed);
    this.#announce();
    this.#onChange(this.#loaded.settings, changed);
  }

  #reportFaults(faults: readonly Fault[]): void {
    for (const one of faults.slice(0, faultsLogged)) this.#log.error(formatFault(one));
    if (faults.length > faultsLogged) this.#log.error(`and ${faults.length - faultsLogged} more faults`);
    for (const line of inForceInstead(this.#loaded, faults).slice(0, faultsLogged)) this.#log.error(line);
  }

  /** With workers the master says it for all. */
  #reportRemoved(): void {
    if (!cluster.isPrimary) return;
    const { settings, removed } = this.#loaded;
    const today = utcDay(this.#now());
    for (const domain of removed.slice(0, changesLogged))
      this.#log.warn(afterRemoval(settings, domain, today));
    if (removed.length > changesLogged)
      this.#log.warn(`and ${removed.length - changesLogged} more domains are not managed any more`);
  }

  /**
   * A rule that is weaker for a while must not become a strict one unforeseen. The line names the days that are left, so
   * it is said daily; what stays the same is said once. With workers the master says it for all.
   */
  #announce(): void {
    this.#day = utcDay(this.#now());
    if (!cluster.isPrimary) return;
    const files = { settings: this.#loaded.settings, source: this.#source, today: this.#day };
    const lines = findingsForLog({ files }).map(({ fault }) => formatFault(fault));
    for (const line of lines) if (!this.#announced.has(line)) this.#log.warn(line);
    this.#announced.clear();
    for (const line of lines) this.#announced.add(line);
  }

  #reportChanges(changed: readonly string[]): void {
    for (const line of changed.slice(0, changesLogged)) this.#log.notice(line);
    if (changed.length > changesLogged)
      this.#log.notice(`and ${changed.length - changesLogged} more changes`);
  }
}

/** Faults that were not there before, and all those of a file that was written anew: whoever wrote it wants to know. */
function newFaults(before: Loaded, now: Loaded): Fault[] {
  const said = new Set(before.faults.map(formatFault));
  return now.faults.filter((one) => !said.has(formatFault(one)) || wasWrittenAnew(one.file, before, now));
}

function wasWrittenAnew(file: string, before: Loaded, now: Loaded): boolean {
  if (file === globalFile) return before.global !== now.global;
  const outcome = now.domains.get(file);
  // Some files are refused for their names, without being read.
  return outcome !== undefined && outcome.inputs.size > 0 && outcome !== before.domains.get(file);
}

/** Files that the configuration names, such as those of `ca_file`. */
function namedFiles(loaded: Loaded): string[] {
  const inputs = [loaded.global, ...loaded.domains.values()].flatMap((outcome) => [...outcome.inputs.keys()]);
  return [...new Set(inputs)].filter((name) => name !== globalFile && !loaded.domains.has(name));
}
