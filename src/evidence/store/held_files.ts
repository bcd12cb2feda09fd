/** The files of notes: their names, and what is in them. Every process has one of its own. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../../state/state_fault';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import { parseHeldHeader, parseHeldLine, type HeldNote } from '../held_note';
import { readLines } from '../../day_files/text_lines';

/** With the process, so that others can tell whether it still runs. */
export function heldName(pid: number): string {
  return `${pid}.${randomBytes(8).toString('hex')}.held.jsonl`;
}

/** The process whose file it is; `undefined` for any other file. */
export function processOf(name: string): number | undefined {
  const [, pid] = /^(\d{1,10})\.[0-9a-f]{16}\.held\.jsonl$/.exec(name) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

export interface ReadNotes {
  readonly directory: string;
  readonly owner: Owner;
}

/** @param take is told of every note, and the queue that it is about. @returns what is wrong with the file; empty for nothing */
export async function readNotes(
  { directory, owner }: ReadNotes,
  name: string,
  take: (note: HeldNote, queue: string) => void,
): Promise<string> {
  let queue = '';
  const { problem } = await readLines({
    file: path.join(directory, name),
    owner,
    header: (line) => {
      const header = parseHeldHeader(line);
      if ('problem' in header) return header.problem;
      ({ queue } = header);
      return '';
    },
    line: (line) => {
      const note = parseHeldLine(line);
      if (note === undefined) return 'damaged';
      take(note, queue);
      return 'read';
    },
    encoding: 'utf8',
  });
  return problem;
}

/** The last note of each message, by key. What cannot be read is said, and the rest is there. */
export async function lastNotes(
  of: ReadNotes,
): Promise<{ readonly notes: ReadonlyMap<string, HeldNote>; readonly problems: readonly string[] }> {
  const notes = new Map<string, HeldNote>();
  const problems: string[] = [];
  for (const name of await namesIn(of.directory, problems)) {
    const problem = await readNotes(of, name, (note) => {
      const other = notes.get(note.key);
      if (other === undefined || isLater(note, other)) notes.set(note.key, note);
    });
    if (problem !== '') problems.push(`${name}: ${printable(problem)}`);
  }
  return { notes, problems };
}

function isLater(a: HeldNote, b: HeldNote): boolean {
  return a.attempts === b.attempts ? a.at >= b.at : a.attempts > b.attempts;
}

async function namesIn(directory: string, problems: string[]): Promise<string[]> {
  try {
    return (await fs.readdir(directory)).filter((name) => processOf(name) !== undefined);
  } catch (error) {
    // Nothing was ever held up.
    if (!isMissing(error)) problems.push(`${directory}: cannot be read: ${printable(messageOf(error))}`);
    return [];
  }
}
