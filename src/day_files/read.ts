/** Reads files of counts. What cannot be read is said, and the rest is there. */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { Day } from '../peers/day';
import { isMissing } from '../state/state_fault';
import type { Owner } from '../state/owner';
import { messageOf, printable } from '../text';
import type { FileHeader } from './lines';
import { dayOfCounts } from './names';

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
    const { kind, problem } = await readFile(path.join(directory, name), { day, owner, header, take });
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

const plainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Reader {
  readonly day: Day;
  readonly owner: Owner;
  readonly header: FileHeader;
  readonly take: TakeLine;
}

interface FileRead {
  readonly kind: 'read' | 'unread';
  /** What is wrong with it; empty for nothing. */
  readonly problem: string;
}

const unread = (problem: string): FileRead => ({ kind: 'unread', problem });

async function readFile(file: string, { day, owner, header: expected, take }: Reader): Promise<FileRead> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(file, plainly);
    const found = await handle.stat();
    if (!found.isFile()) return unread('not a plain file');
    if (found.uid !== owner.uid) return unread(`belongs to another user (uid ${found.uid})`);
    let damaged = 0;
    let isFirst = true;
    for await (const line of linesOf(handle)) {
      if (isFirst) {
        isFirst = false;
        const header = expected.parse(line);
        if (header.kind === 'newer')
          return unread(`written by a later release (format ${header.version}), left alone`);
        if (header.kind === 'foreign' || header.day !== day) return unread('no file of this record');
        continue;
      }
      if (line === '') continue;
      if (take(day, line) === 'damaged') damaged += 1;
    }
    // It was made, and the process ended before it wrote into it.
    if (isFirst) return { kind: 'read', problem: 'empty' };
    const lines = damaged === 1 ? '1 damaged line is' : `${damaged} damaged lines are`;
    return { kind: 'read', problem: damaged === 0 ? '' : `${lines} left out` };
  } catch (error) {
    // Its days are over, or it was just put together with others.
    return isMissing(error) ? { kind: 'read', problem: '' } : unread(`cannot be read: ${messageOf(error)}`);
  } finally {
    await handle?.close();
  }
}

/** Characters. Nothing that we write is longer. */
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
