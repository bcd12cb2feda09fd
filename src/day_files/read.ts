/** Reads files of counts. What cannot be read is said, and the rest is there. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Day } from '../peers/day';
import { isMissing } from '../state/state_fault';
import type { Owner } from '../state/owner';
import { messageOf, printable } from '../text';
import type { FileHeader } from './lines';
import { dayOfCounts } from './names';
import { readLines } from './text_lines';

export interface DayFilesWanted {
  readonly directory: string;
  /** Whose files they must be: what others have put there was not counted by us. */
  readonly owner: Owner;
  readonly today: Day;
  readonly from: Day;
  readonly to: Day;
}

/** Takes one line behind the first. */
export type TakeLine = (day: Day, line: string) => 'read' | 'damaged';

export interface DayFilesRead {
  /** One line each. */
  readonly problems: readonly string[];
  /** How many files were left out whole; 1 where nobody knows which there are. */
  readonly unread: number;
}

export async function readDayFiles(
  wanted: DayFilesWanted,
  header: FileHeader,
  take: TakeLine,
): Promise<DayFilesRead> {
  const { directory, owner, today, from, to } = wanted;
  const problems: string[] = [];
  let unread = 0;
  const files = await filesIn(directory, problems);
  if (files === 'unreadable') return { problems, unread: 1 };
  for (const [name, day] of files) {
    if (day > today) problems.push(`${name}: is dated in the future`);
    if (day < from || day > to) continue;
    const { kind, problem } = await readLines({
      file: path.join(directory, name),
      owner,
      encoding: 'latin1',
      header: (line) => headerProblem(header, day, line),
      line: (line) => take(day, line),
    });
    if (problem !== '') problems.push(`${name}: ${printable(problem)}`);
    if (kind === 'unread') unread += 1;
  }
  return { problems, unread };
}

async function filesIn(
  directory: string,
  problems: string[],
): Promise<(readonly [string, Day])[] | 'unreadable'> {
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
    if (isMissing(error)) return [];
    problems.push(`cannot be read: ${printable(messageOf(error))}`);
    return 'unreadable';
  }
}

/** @returns what is wrong with the file; empty for nothing */
function headerProblem(expected: FileHeader, day: Day, line: string): string {
  const header = expected.parse(line);
  if (header.kind === 'newer') return `written by a later release (format ${header.version}), left alone`;
  return header.kind === 'foreign' || header.day !== day ? 'no file of this record' : '';
}
