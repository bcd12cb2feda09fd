/** How long files of counts are kept: `days`, and no longer. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../log';
import { dayBefore, type Day } from '../peers/day';
import { isTemporary } from '../state/files';
import { dayOfCounts } from './names';

export interface KeepingOptions {
  readonly directory: string;
  readonly log: Log;
  readonly days: number;
  /** What the log calls it. */
  readonly name: string;
  /** The day of a file that is kept so; those of the counts where absent. */
  readonly dayOf?: (name: string) => Day | undefined;
}

/** Milliseconds. */
const hour = 3_600_000;

/** Files that are removed at a time: a clock that is wrong must not take everything in one go. */
const mostRemoved = 100;

export class Keeping {
  readonly #options: KeepingOptions;
  readonly #clockWas = clockOffset();
  #next = Number.NEGATIVE_INFINITY;
  #saidJump = false;

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  /** Once an hour. */
  async tidy(today: Day): Promise<void> {
    if (performance.now() < this.#next) return;
    this.#next = performance.now() + hour;
    if (!this.#isSteady()) return;
    const { directory, days, dayOf = dayOfCounts } = this.#options;
    const oldest = dayBefore(today, days - 1);
    const names = await fs.readdir(directory);
    const old = names.filter((name) => {
      const day = dayOf(name);
      return day !== undefined && day < oldest;
    });
    for (const name of old.sort().slice(0, mostRemoved))
      await fs.rm(path.join(directory, name), { force: true });
    for (const name of names.filter(isTemporary)) await this.#removeLeftover(path.join(directory, name));
  }

  /** A clock that was set while this runs says nothing of how old files are. */
  #isSteady(): boolean {
    if (Math.abs(clockOffset() - this.#clockWas) < hour) return true;
    if (!this.#saidJump)
      this.#options.log.notice(
        `${this.#options.name}: the clock was set; old files stay until the next start`,
      );
    this.#saidJump = true;
    return false;
  }

  async #removeLeftover(file: string): Promise<void> {
    const found = await fs.lstat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > hour) await fs.rm(file, { force: true });
  }
}

/** Between the clock and the time that this process runs, milliseconds. */
function clockOffset(): number {
  return Date.now() - performance.now();
}
