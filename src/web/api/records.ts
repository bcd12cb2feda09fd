/** Whose record the page shows: that of the fleet, or of this host. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { loadFleet } from '../../cli/fleet';
import { aloneBecause, unknownSecret } from '../../cli/fleet_record';
import { within } from '../../deadline';
import { dayOfCounts } from '../../day_files/names';
import { createFileReader } from '../../evidence/store/file_reader';
import type { Fleet } from '../../fleet/fleet';
import { silent } from '../../log';
import type { Day } from '../../peers/day';
import type { SettingsSource } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import type { Owner } from '../../state/owner';
import { messageOf } from '../../text';
import type { Cube } from './cube';
import { KeptRecord } from './kept_record';

/** Milliseconds until Redis must be there; and until what it has must be read, which goes on behind that. */
const patience = 1_000;
const readingPatience = 10_000;

export interface RecordsOptions {
  readonly directory: string;
  readonly owner: () => Owner;
  readonly settings: () => Settings;
  readonly files: SettingsSource;
  readonly readingPatience?: number;
}

export interface Asked {
  readonly from: Day;
  readonly to: Day;
  readonly isEarlier: boolean;
  /** As of commands; `host`: of this host alone. */
  readonly use: RecordUse;
}

export type RecordUse = 'looked_at' | 'decided_on' | 'host';

export class Records {
  readonly #options: RecordsOptions;
  readonly #host: KeptRecord;
  #joined: Fleet | undefined;
  #fleet: KeptRecord | undefined;

  constructor(options: RecordsOptions) {
    this.#options = options;
    const { directory, owner } = options;
    this.#host = new KeptRecord({
      stamps: (from, to) => fileStamps(directory, from, to),
      reader: (today) => createFileReader({ directory, owner: owner(), today }),
    });
  }

  /** @returns what was read, and why that is not the fleet where it should be */
  async upToDate({ from, to, isEarlier, use }: Asked): Promise<{ cube: Cube; problems: readonly string[] }> {
    let why: string[] = [];
    if (this.#options.settings().global.fleet.redis && use !== 'host')
      try {
        const fleet = await this.#ofFleet(use);
        if (fleet !== undefined) {
          const ms = this.#options.readingPatience ?? readingPatience;
          const cube = await within(ms, 'reading it', () => fleet.upToDate(from, to, isEarlier));
          return { cube, problems: cube.problems };
        }
      } catch (error) {
        why = [aloneBecause(messageOf(error))];
      }
    const cube = await this.#host.upToDate(from, to, isEarlier);
    return { cube, problems: [...why, ...cube.problems] };
  }

  async close(): Promise<void> {
    await this.#joined?.close();
  }

  /** `undefined` where it is no ground for what is asked. @throws Error where it cannot be read now */
  async #ofFleet(use: RecordUse): Promise<KeptRecord | undefined> {
    const { directory, owner, settings: rules, files } = this.#options;
    const settings = rules().global.fleet;
    this.#joined ??= loadFleet().openFleet({ settings, rules, files, log: silent });
    const { record, redis } = this.#joined;
    if (record === undefined) throw new Error(unknownSecret);
    if (use === 'decided_on' && record.trust === 'unsigned') return undefined;
    if (!(await redis.ready(patience))) throw new Error('Redis is away');
    const reader = (today: Day) => record.reader({ directory, owner: owner(), today });
    this.#fleet ??= new KeptRecord({
      stamps: async (from, to) =>
        joined(await fileStamps(directory, from, to), await reader(to).stamps(from, to)),
      reader,
    });
    return this.#fleet;
  }
}

function joined(one: ReadonlyMap<Day, string>, other: ReadonlyMap<Day, string>): ReadonlyMap<Day, string> {
  const days = [...new Set([...one.keys(), ...other.keys()])].sort();
  return new Map(days.map((day) => [day, `${one.get(day) ?? ''}${other.get(day) ?? ''}`]));
}

/** Names, sizes and times of the files of each day. */
export async function fileStamps(directory: string, from: Day, to: Day): Promise<Map<Day, string>> {
  const names = (await readdir(directory).catch(() => [])).sort();
  const stamps = new Map<Day, string>();
  for (const name of names) {
    const day = dayOfCounts(name);
    if (day === undefined || day < from || day > to) continue;
    const found = await stat(path.join(directory, name)).catch(() => undefined);
    if (found === undefined) continue;
    stamps.set(day, `${stamps.get(day) ?? ''}${name} ${found.size} ${found.mtimeMs}\n`);
  }
  return new Map([...stamps].sort(([a], [b]) => (a < b ? -1 : 1)));
}
