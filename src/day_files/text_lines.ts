/** Lines of a file that may be large, half written, and not ours at all. */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { isMissing } from '../state/state_fault';
import type { Owner } from '../state/owner';
import { messageOf } from '../text';

/** Characters: nothing that we write is longer. */
const longestLine = 16_384;

const plainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** `latin1`: octets as they are. */
type Encoding = 'utf8' | 'latin1';

export interface LinesOf {
  readonly file: string;
  /** Whose it must be: what others have put there was not written by us. */
  readonly owner: Owner;
  /** Takes the first line. @returns what is wrong with the file; empty for nothing */
  readonly header: (line: string) => string;
  /** Takes every other line. */
  readonly line: (line: string) => 'read' | 'damaged';
  readonly encoding: Encoding;
}

export interface FileRead {
  /** `unread`: nothing of it counts. */
  readonly kind: 'read' | 'unread';
  /** What is wrong with it; empty for nothing, and where it is gone. */
  readonly problem: string;
}

export async function readLines({ file, owner, header, line: take, encoding }: LinesOf): Promise<FileRead> {
  const unread = (problem: string): FileRead => ({ kind: 'unread', problem });
  const opened = await openOurs(file, owner);
  if ('problem' in opened)
    return opened.problem === '' ? { kind: 'read', problem: '' } : unread(opened.problem);
  try {
    let [damaged, isFirst] = [0, true];
    for await (const line of linesOf(opened.handle, encoding)) {
      if (isFirst) {
        isFirst = false;
        const problem = header(line);
        if (problem !== '') return unread(problem);
      } else if (line !== '' && take(line) === 'damaged') damaged += 1;
    }
    // It was made, and the process ended before it wrote into it.
    return { kind: 'read', problem: isFirst ? 'empty' : damagedText(damaged) };
  } catch (error) {
    return unread(`cannot be read: ${messageOf(error)}`);
  } finally {
    await opened.handle.close();
  }
}

/** `problem`: what is wrong with the file; empty where it is gone. */
export async function openOurs(
  file: string,
  owner: Owner,
): Promise<{ readonly handle: fs.FileHandle } | { readonly problem: string }> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(file, plainly);
    const found = await handle.stat();
    if (found.isFile() && found.uid === owner.uid) return { handle };
    await handle.close();
    return {
      problem: found.isFile() ? `belongs to another user (uid ${found.uid})` : 'not a plain file',
    };
  } catch (error) {
    await handle?.close().catch(() => undefined);
    return { problem: isMissing(error) ? '' : `cannot be read: ${messageOf(error)}` };
  }
}

export function damagedText(lines: number): string {
  if (lines === 0) return '';
  return `${lines === 1 ? '1 damaged line is' : `${lines} damaged lines are`} left out`;
}

/** What is longer than a line of ours comes in pieces, none of which is one. */
export async function* linesOf(handle: fs.FileHandle, encoding: Encoding): AsyncGenerator<string> {
  const stream = handle.createReadStream({ encoding, autoClose: false, highWaterMark: 1 << 16 });
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
