/** Lines of the record added up to what is asked for. Pure. */
import type { Day } from '../peers/day';
import { keyText, parseKey, type PeerKey } from './day_table';
import { isWanted, type DayCounts, type Wanted } from './evidence';
import { parseSighting, type Sighting } from './sighting';

export class ReadingSums {
  readonly #days = new Map<Day, Map<string, Map<string, number>>>();
  readonly #wanted: Wanted;
  #size = 0;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** Rows so far. */
  get size(): number {
    return this.#size;
  }

  add(day: Day, key: PeerKey, counts: readonly (readonly [string, number])[]): void {
    if (!isWanted(this.#wanted, key)) return;
    const rows = this.#days.get(day) ?? new Map<string, Map<string, number>>();
    this.#days.set(day, rows);
    const text = keyText(key);
    let sums = rows.get(text);
    if (sums === undefined) {
      rows.set(text, (sums = new Map<string, number>()));
      this.#size += 1;
    }
    for (const [kind, count] of counts) sums.set(kind, (sums.get(kind) ?? 0) + count);
  }

  /** Each (day, key) once, and what is to be said of kinds that this version does not know. */
  rows(): { readonly rows: DayCounts[]; readonly problems: readonly string[] } {
    const parsed = new Map<string, Sighting | undefined>();
    const sightingOf = (kind: string): Sighting | undefined => {
      if (!parsed.has(kind)) parsed.set(kind, parseSighting(kind));
      return parsed.get(kind);
    };
    const found: DayCounts[] = [];
    let unknown = 0;
    for (const [day, rows] of [...this.#days].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (const [text, counts] of rows) {
        const sightings: [Sighting, number][] = [];
        let strange = 0;
        for (const [kind, count] of counts) {
          const sighting = sightingOf(kind);
          if (sighting === undefined) strange += count;
          else sightings.push([sighting, count]);
        }
        unknown += strange;
        found.push({ day, key: parseKey(text), sightings, strange });
      }
    const problems =
      unknown > 0 ? [`${unknown} messages of kinds that this release does not know are left out`] : [];
    return { rows: found, problems };
  }
}
