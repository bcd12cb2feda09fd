/** Which messages are in Haraka's outbound queue, by the names of their files alone. Nothing is opened or changed. */
import * as fs from 'node:fs/promises';
import { readName, type QueueName } from './file_name';

export interface QueuedFile extends QueueName {
  readonly file: string;
}

export interface QueueListing {
  readonly messages: readonly QueuedFile[];
  /** Files that Haraka set aside because it could not read them. */
  readonly setAside: number;
  /** Files and directories that Haraka leaves alone: they are no messages of its own. */
  readonly foreign: number;
}

/**
 * A file that is renamed meanwhile may be met under both names, and counts once; or, seldom, under neither.
 *
 * @throws Error where the directory cannot be read, or is not there: Haraka makes it when it first starts
 */
export async function listQueue(directory: string): Promise<QueueListing> {
  const known = new Map<string, QueuedFile>();
  let [setAside, foreign] = [0, 0];
  for await (const { name: file, isMessage } of entriesOf(directory)) {
    const reading = isMessage ? readName(file) : ({ kind: 'foreign' } as const);
    if (reading.kind === 'set_aside') setAside += 1;
    else if (reading.kind === 'foreign') foreign += 1;
    else if (reading.kind === 'message') {
      const id = reading.name.key === '' ? file : reading.name.key;
      const other = known.get(id);
      if (other === undefined || other.attempts <= reading.name.attempts)
        known.set(id, { file, ...reading.name });
    }
  }
  return { messages: [...known.values()], setAside, foreign };
}

async function* entriesOf(directory: string): AsyncGenerator<{ name: string; isMessage: boolean }> {
  // A link may lead to a message, as far as Haraka cares.
  for await (const entry of await fs.opendir(directory, { bufferSize: 1024 }))
    yield { name: entry.name, isMessage: !entry.isDirectory() && !entry.isFIFO() && !entry.isSocket() };
}
