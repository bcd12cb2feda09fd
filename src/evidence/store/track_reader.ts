/** Reads the log of messages line by line: what is asked for comes in the order of time, and nothing else is kept. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { dayAfter, utcDay, type Day } from '../../peers/day';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import { parseTrackLine, trackHeaderProblem, type TrackRow } from '../track';
import { damagedText, linesOf, openOurs } from '../../day_files/text_lines';
import { dayOfTrack } from './track_files';

export interface TrackReading {
  readonly directory: string;
  readonly owner: Owner;
  readonly from: Day;
  readonly to: Day;
  readonly isWanted: (row: TrackRow) => boolean;
  /** Takes what could not be read, one line each. The rest is there. */
  readonly onProblem: (problem: string) => void;
}

/** Whether there is any such log, whatever is in it. @throws Error where the directory cannot be read */
export async function hasTrack(directory: string): Promise<boolean> {
  return (await fs.readdir(directory)).some((name) => dayOfTrack(name) !== undefined);
}

/** @throws Error where the directory cannot be read */
export async function* trackRows(reading: TrackReading): AsyncGenerator<TrackRow> {
  const { directory, from, to } = reading;
  const days = new Map<Day, string[]>();
  for (const name of (await fs.readdir(directory)).sort()) {
    const day = dayOfTrack(name);
    // What happened just before midnight may be written just after it.
    if (day !== undefined && day >= from && day <= dayAfter(to))
      days.set(day, [...(days.get(day) ?? []), name]);
  }
  for (const names of days.values()) yield* merged(names.map((name) => rowsIn(reading, name)));
}

/** Each in its own order, all of them in the order of time. */
async function* merged(sources: readonly AsyncGenerator<TrackRow>[]): AsyncGenerator<TrackRow> {
  const heads: { row: TrackRow; readonly source: AsyncGenerator<TrackRow> }[] = [];
  for (const source of sources) {
    const next = await source.next();
    if (next.done !== true) heads.push({ row: next.value, source });
  }
  while (heads.length > 0) {
    let first = 0;
    for (const [at, { row }] of heads.entries()) if (row.at < (heads[first]?.row.at ?? 0)) first = at;
    const head = heads[first];
    if (head === undefined) return;
    yield head.row;
    const next = await head.source.next();
    if (next.done === true) heads.splice(first, 1);
    else head.row = next.value;
  }
}

async function* rowsIn(
  { directory, owner, from, to, isWanted, onProblem }: TrackReading,
  name: string,
): AsyncGenerator<TrackRow> {
  const complain = (problem: string): void => {
    if (problem !== '') onProblem(`${name}: ${printable(problem)}`);
  };
  const opened = await openOurs(path.join(directory, name), owner);
  if ('problem' in opened) {
    complain(opened.problem);
    return;
  }
  let [isFirst, damaged, dropped] = [true, 0, 0];
  try {
    for await (const line of linesOf(opened.handle, 'utf8')) {
      if (isFirst) {
        isFirst = false;
        const problem = trackHeaderProblem(line);
        complain(problem);
        if (problem !== '') return;
        continue;
      }
      if (line === '') continue;
      const entry = parseTrackLine(line);
      if (entry.kind === 'damaged') damaged += 1;
      else if (entry.kind === 'dropped') dropped += entry.rows;
      else {
        const day = utcDay(new Date(entry.row.at));
        if (day >= from && day <= to && isWanted(entry.row)) yield entry.row;
      }
    }
    complain(damagedText(damaged));
    if (dropped > 0) complain(`${dropped} lines are missing: the disk was slow or full`);
  } catch (error) {
    complain(`cannot be read: ${messageOf(error)}`);
  } finally {
    await opened.handle.close();
  }
}
