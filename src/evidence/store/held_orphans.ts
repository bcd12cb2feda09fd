/**
 * What other processes noted: those that have ended leave their file behind, and whoever takes over the queue goes on from
 * it. A note is of use as long as its message waits, and until the attempt after the next at most.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { listQueue } from '../../queue/list';
import { isMissing } from '../../state/state_fault';
import { isTemporary, replaceFile } from '../../state/files';
import type { Owner } from '../../state/owner';
import { heldHeader, heldLine, type HeldNote } from '../held_note';
import { processOf, readNotes } from './held_files';
import { isRunning } from '../../state/running';

export interface OrphanOptions {
  readonly directory: string;
  readonly owner: Owner;
  readonly queue: string;
}

/** Milliseconds after which what somebody has not finished is removed. */
const hour = 3_600_000;

/** What others noted of these messages before. */
export async function earlierNotes(
  options: OrphanOptions,
  own: string,
  keys: ReadonlySet<string>,
): Promise<HeldNote[]> {
  const found: HeldNote[] = [];
  for (const name of await namesBeside(options.directory, own)) {
    await readNotes(options, name, (note) => {
      if (keys.has(note.key)) found.push(note);
    });
  }
  return found;
}

/**
 * Forgets what processes that have ended noted of messages that are gone, or that `notes` knows better.
 *
 * @returns keys in `notes` of messages that are not in the queue any more, without anybody having told
 */
export async function removeStale(
  options: OrphanOptions,
  own: string,
  notes: ReadonlyMap<string, HeldNote>,
): Promise<string[]> {
  const { directory, queue } = options;
  const attempts = new Map<string, number>();
  for (const message of (await listQueue(queue)).messages) attempts.set(message.key, message.attempts);
  for (const name of await namesBeside(directory, own)) {
    const pid = processOf(name);
    if (pid === undefined || isAnothers(pid)) continue;
    await keepIn(options, name, (note) => {
      const now = attempts.get(note.key);
      // One generation back: whoever has just tried it again may still want to know since when it waits.
      return now !== undefined && now <= note.attempts + 1 && !notes.has(note.key);
    });
  }
  await removeUnfinished(directory);
  const missing = [...notes.keys()].filter((key) => !attempts.has(key));
  if (missing.length === 0) return [];
  // A file that was renamed while the directory was read may have been met under neither name.
  const again = new Set((await listQueue(queue)).messages.map(({ key }) => key));
  return missing.filter((key) => !again.has(key));
}

/** Rewrites a file without the notes that are of no use; removes one that has none left. */
async function keepIn(
  options: OrphanOptions,
  name: string,
  isWanted: (note: HeldNote) => boolean,
): Promise<void> {
  const { directory, owner, queue } = options;
  let [kept, dropped, isOfOthers] = ['', 0, false];
  const problem = await readNotes(options, name, (note, itsQueue) => {
    // Another Haraka keeps its notes here as well: which of its messages wait is not known.
    if (itsQueue !== queue) isOfOthers = true;
    else if (isWanted(note)) kept += heldLine(note);
    else dropped += 1;
  });
  const isWhole = problem === '' || problem === 'empty' || problem.endsWith('left out');
  if (!isWhole || isOfOthers) return;
  if (kept === '') await fs.rm(path.join(directory, name), { force: true });
  else if (dropped > 0 || problem !== '')
    await replaceFile(directory, name, heldHeader(queue) + kept, { owner });
}

/** Be it another one by now: then its file waits for that to end. */
function isAnothers(pid: number): boolean {
  // A file of this process's number that is not this process's own is of one before it.
  return pid !== process.pid && isRunning(pid);
}

async function namesBeside(directory: string, own: string): Promise<string[]> {
  try {
    const names = await fs.readdir(directory);
    return names.filter((name) => name !== own && processOf(name) !== undefined);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return [];
  }
}

async function removeUnfinished(directory: string): Promise<void> {
  const names = await fs.readdir(directory).catch(() => []);
  for (const name of names.filter(isTemporary)) {
    const file = path.join(directory, name);
    const found = await fs.lstat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > hour) await fs.rm(file, { force: true });
  }
}
