/** Reads the record from its files. What cannot be read is said, and the rest is there. */
import { readDayFiles } from '../../day_files/read';
import type { Day } from '../../peers/day';
import type { Owner } from '../../state/owner';
import { keyText, parseKey, type PeerKey } from '../day_table';
import { isWanted, type DayCounts, type EvidenceReader, type Reading, type Wanted } from '../evidence';
import { evidenceHeader, parseCountsLine } from '../lines';
import { parseSighting, type Sighting } from '../sighting';

export interface FileReaderOptions {
  readonly directory: string;
  /** Whose files they must be: what others have put there was not counted by us. */
  readonly owner: Owner;
  readonly today: Day;
}

export function createFileReader({ directory, owner, today }: FileReaderOptions): EvidenceReader {
  return {
    async read(wanted): Promise<Reading> {
      const sums = new Sums(wanted);
      const { from, to } = wanted;
      const read = await readDayFiles({ directory, owner, today, from, to }, evidenceHeader, (day, line) => {
        const parsed = parseCountsLine(line);
        if (parsed === undefined) return 'damaged';
        sums.add(day, parsed.key, parsed.counts);
        return 'read';
      });
      const rows = sums.rows();
      const strange = rows.reduce((sum, row) => sum + row.strange, 0);
      const unknown =
        strange > 0 ? [`${strange} messages of kinds that this release does not know are left out`] : [];
      return { rows, problems: [...read.problems, ...unknown], unread: read.unread };
    },
  };
}

/** Adds up what is wanted. */
class Sums {
  readonly #days = new Map<Day, Map<string, Map<string, number>>>();
  readonly #wanted: Wanted;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  add(day: Day, key: PeerKey, counts: readonly (readonly [string, number])[]): void {
    if (!isWanted(this.#wanted, key)) return;
    const rows = this.#days.get(day) ?? new Map<string, Map<string, number>>();
    this.#days.set(day, rows);
    const text = keyText(key);
    const sums = rows.get(text) ?? new Map<string, number>();
    rows.set(text, sums);
    for (const [kind, count] of counts) sums.set(kind, (sums.get(kind) ?? 0) + count);
  }

  rows(): DayCounts[] {
    const parsed = new Map<string, Sighting | undefined>();
    const sightingOf = (kind: string): Sighting | undefined => {
      if (!parsed.has(kind)) parsed.set(kind, parseSighting(kind));
      return parsed.get(kind);
    };
    const found: DayCounts[] = [];
    for (const [day, rows] of [...this.#days].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (const [text, counts] of rows) {
        const sightings: [Sighting, number][] = [];
        let strange = 0;
        for (const [kind, count] of counts) {
          const sighting = sightingOf(kind);
          if (sighting === undefined) strange += count;
          else sightings.push([sighting, count]);
        }
        found.push({ day, key: parseKey(text), sightings, strange });
      }
    return found;
  }
}
