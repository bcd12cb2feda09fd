/** Reads the record from its files. What cannot be read is said, and the rest is there. */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Day } from '../../peers/day';
import { isMissing } from '../../state/state_fault';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import { keyText, parseKey, type PeerKey } from '../day_table';
import type { DayCounts, EvidenceReader, Reading, Wanted } from '../evidence';
import { parseCountsLine, parseHeader } from '../lines';
import { parseSighting, type Sighting } from '../sighting';
import { dayOfCounts } from './names';

export interface FileReaderOptions {
  readonly directory: string;
  /** Whose files they must be: what others have put there was not counted by us. */
  readonly owner: Owner;
  readonly today: Day;
}

export function createFileReader({ directory, owner, today }: FileReaderOptions): EvidenceReader {
  return {
    async read(wanted): Promise<Reading> {
      const problems: string[] = [];
      const sums = new Sums(wanted);
      for (const [name, day] of await filesIn(directory, problems)) {
        if (day > today) problems.push(`${name}: is dated in the future`);
        if (day < wanted.from || day > wanted.to) continue;
        const problem = await readFile(path.join(directory, name), { day, owner, sums });
        if (problem !== '') problems.push(`${name}: ${printable(problem)}`);
      }
      return { rows: sums.rows(), problems };
    },
  };
}

async function filesIn(directory: string, problems: string[]): Promise<(readonly [string, Day])[]> {
  try {
    const names = (await fs.readdir(directory)).sort();
    return names.flatMap((name) => {
      const day = dayOfCounts(name);
      if (day === undefined && name.endsWith('.counts'))
        problems.push(`${printable(name)}: no file of this record`);
      return day === undefined ? [] : [[name, day] as const];
    });
  } catch (error) {
    // Nothing has happened yet.
    if (!isMissing(error)) problems.push(`cannot be read: ${printable(messageOf(error))}`);
    return [];
  }
}

const plainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Reader {
  readonly day: Day;
  readonly owner: Owner;
  readonly sums: Sums;
}

/** @returns what is wrong with it; empty for nothing */
async function readFile(file: string, { day, owner, sums }: Reader): Promise<string> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(file, plainly);
    const found = await handle.stat();
    if (!found.isFile()) return 'not a plain file';
    if (found.uid !== owner.uid) return `belongs to another user (uid ${found.uid})`;
    let damaged = 0;
    let isFirst = true;
    for await (const line of linesOf(handle)) {
      if (isFirst) {
        isFirst = false;
        const header = parseHeader(line);
        if (header.kind === 'newer')
          return `written by a later release (format ${header.version}), left alone`;
        if (header.kind === 'foreign' || header.day !== day) return 'no file of this record';
        continue;
      }
      if (line === '') continue;
      const parsed = parseCountsLine(line);
      if (parsed === undefined) damaged += 1;
      else sums.add(day, parsed.key, parsed.counts);
    }
    if (isFirst) return 'empty';
    return damaged === 0
      ? ''
      : `${damaged === 1 ? '1 damaged line is' : `${damaged} damaged lines are`} left out`;
  } catch (error) {
    // Its days are over, or it was just put together with others.
    return isMissing(error) ? '' : `cannot be read: ${messageOf(error)}`;
  } finally {
    await handle?.close();
  }
}

/** Characters. A peer has at most 64 kinds; nothing that we write is longer. */
const longestLine = 16_384;

/** What is longer comes in pieces, none of which is a line of ours. */
async function* linesOf(handle: fs.FileHandle): AsyncGenerator<string> {
  const stream = handle.createReadStream({ encoding: 'latin1', autoClose: false, highWaterMark: 1 << 18 });
  let rest = '';
  for await (const piece of stream as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length <= longestLine) continue;
    yield rest;
    rest = '';
  }
  if (rest !== '') yield rest;
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

export function isWanted(wanted: Pick<Wanted, 'managed' | 'direction' | 'peer'>, key: PeerKey): boolean {
  if (wanted.managed !== undefined && wanted.managed !== key.managed) return false;
  if (wanted.direction !== undefined && wanted.direction !== key.direction) return false;
  const { peer } = wanted;
  if (peer === undefined) return true;
  return peer.startsWith('*.') ? key.peer.endsWith(peer.slice(1)) : peer === key.peer;
}
