/**
 * The record as the page looks at it, held in columns: a hundred thousand peers over thirty days are three million counts, which
 * as objects would not fit. Days that are over are read once, the present one when it has changed.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { keyText, parseKey, type PeerKey } from '../../evidence/day_table';
import { isWanted, type DayCounts, type EvidenceReader, type Wanted } from '../../evidence/evidence';
import { dayOfCounts } from '../../day_files/names';
import { dayAfter, type Day } from '../../peers/day';
import { Kinds } from './kinds';
import { countsIn, sliceOf, type Slice } from './slice';

export interface CubeOptions {
  readonly directory: string;
  readonly reader: (today: Day) => EvidenceReader;
}

/** Peers that are numbered; beyond, everything is read anew. */
const mostPeers = 2_000_000;

interface Loaded {
  readonly stamp: string;
  readonly slice: Slice;
  readonly problems: readonly string[];
}

export class Cube {
  readonly #options: CubeOptions;
  #kinds = new Kinds();
  #numbers = new Map<string, number>();
  #keys: PeerKey[] = [];
  readonly #days = new Map<Day, Loaded>();
  /** Counts up whenever something was read. */
  version = 0;

  constructor(options: CubeOptions) {
    this.#options = options;
  }

  get kinds(): Kinds {
    return this.#kinds;
  }

  /** By number. */
  get keys(): readonly PeerKey[] {
    return this.#keys;
  }

  numberOf(key: PeerKey): number | undefined {
    return this.#numbers.get(keyText(key));
  }

  /** The number of a peer, which may never have been seen. */
  number(key: PeerKey): number {
    const text = keyText(key);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#keys.length;
    this.#numbers.set(text, number);
    this.#keys.push(parseKey(text));
    return number;
  }

  /** Takes in what has changed on disk. @returns what could not be read */
  async refresh(from: Day, to: Day): Promise<readonly string[]> {
    if (this.#keys.length > mostPeers) this.#forget();
    const stamps = await this.#stamps(from, to);
    for (const day of this.#days.keys()) if (!stamps.has(day) && day >= from) this.#drop(day);
    for (const [day, stamp] of stamps) {
      if (this.#days.get(day)?.stamp === stamp) continue;
      const { rows, problems } = await this.#options.reader(to).read({ from: day, to: day });
      const numbering = { numberOf: (key: PeerKey) => this.number(key) };
      this.#days.set(day, { stamp, slice: sliceOf(rows, numbering, this.#kinds), problems });
      this.version += 1;
    }
    return [...new Set([...this.#days.values()].flatMap(({ problems }) => problems))];
  }

  /** The days from `from` to `to` that something was counted on. */
  *slices(from: Day, to: Day): Generator<readonly [Day, Slice]> {
    for (let day = from; day <= to; day = dayAfter(day)) {
      const loaded = this.#days.get(day);
      if (loaded !== undefined) yield [day, loaded.slice];
    }
  }

  /** As the store reads it, for views over the record: what is wanted, by day. */
  *rows(wanted: Wanted): Generator<DayCounts> {
    const numbers = this.wantedNumbers(wanted);
    for (const [day, slice] of this.slices(wanted.from, wanted.to))
      for (const number of numbers) {
        const sightings = [...countsIn(slice, number)].map(
          ([kind, count]) => [this.#kinds.kind(kind).sighting, count] as const,
        );
        const key = this.#keys[number];
        if (sightings.length > 0 && key !== undefined) yield { day, key, sightings, strange: 0 };
      }
  }

  /** The same, with all days of a peer in one, under the last on which it was seen. */
  *merged(wanted: Wanted): Generator<DayCounts> {
    for (const number of this.wantedNumbers(wanted)) {
      const sums = new Map<number, number>();
      let last: Day | undefined;
      for (const [day, slice] of this.slices(wanted.from, wanted.to))
        for (const [kind, count] of countsIn(slice, number)) {
          sums.set(kind, (sums.get(kind) ?? 0) + count);
          last = day;
        }
      const key = this.#keys[number];
      if (key === undefined || last === undefined) continue;
      const sightings = [...sums].map(([kind, count]) => [this.#kinds.kind(kind).sighting, count] as const);
      yield { day: last, key, sightings, strange: 0 };
    }
  }

  wantedNumbers(wanted: Wanted): number[] {
    const { managed, direction, peer } = wanted;
    if (managed !== undefined && direction !== undefined && peer !== undefined && !peer.startsWith('*.')) {
      const number = this.numberOf({ managed, direction, peer });
      return number === undefined ? [] : [number];
    }
    return this.#keys.flatMap((key, number) => (isWanted(wanted, key) ? [number] : []));
  }

  #drop(day: Day): void {
    this.#days.delete(day);
    this.version += 1;
  }

  #forget(): void {
    this.#kinds = new Kinds();
    this.#numbers = new Map();
    this.#keys = [];
    this.#days.clear();
    this.version += 1;
  }

  /** Names, sizes and times of the files of each day. */
  async #stamps(from: Day, to: Day): Promise<Map<Day, string>> {
    const { directory } = this.#options;
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
}
