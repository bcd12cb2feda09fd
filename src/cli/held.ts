/** What waits in Haraka's queue, and why: the data, for whatever shows it. Nothing in the queue is opened for writing. */
import path from 'node:path';
import { lastNotes } from '../evidence/store/held_files';
import { heldOf, type Held, type HeldMessage, type HeldWanted, type Waiting } from '../evidence/views/held';
import { readEnvelope, type Envelope, type EnvelopeReading } from '../queue/envelope';
import { listQueue } from '../queue/list';
import type { Owner } from '../state/owner';
import { inTurns } from './in_turns';

export interface HeldSources {
  /** Haraka's outbound queue. */
  readonly queue: string;
  /** `[evidence] directory`, absolute. */
  readonly notes: string;
  readonly owner: Owner;
}

export interface HeldReading extends Held {
  /** All messages in the queue, whatever they wait for. */
  readonly waiting: readonly Waiting[];
  /** Files that Haraka set aside because it could not read them, and what is no message of its own. */
  readonly setAside: number;
  readonly foreign: number;
  /** What could not be read, one line each. The rest is there. */
  readonly problems: readonly string[];
}

/** By the names of queue files, and what was noted. @throws Error where the queue cannot be read */
export async function readHeld(sources: HeldSources, wanted: HeldWanted = {}): Promise<HeldReading> {
  const { notes, problems } = await lastNotes({ directory: sources.notes, owner: sources.owner });
  const { messages, setAside, foreign } = await listQueue(sources.queue);
  return { ...heldOf(messages, notes, wanted), waiting: messages, setAside, foreign, problems };
}

/** A message with its envelope; without one where it cannot be read. */
export type Enveloped = HeldMessage & ({ readonly envelope: Envelope } | { readonly problem: string });

/** Files that are open at a time. */
const atATime = 16;

/**
 * The envelopes of `messages`, in their order. Messages that have left the queue since they were listed are left out; those
 * that were renamed meanwhile are found again.
 *
 * @param onEach called for each that was looked at
 */
export async function withEnvelopes(
  queue: string,
  messages: readonly HeldMessage[],
  onEach: (file: string) => void = () => undefined,
): Promise<Enveloped[]> {
  const readings = new Map<HeldMessage, EnvelopeReading>();
  const look = async (message: HeldMessage, file: string): Promise<void> => {
    readings.set(message, await readEnvelope(path.join(queue, file)));
    onEach(file);
  };
  await inTurns(messages, atATime, (message) => look(message, message.file));
  const gone = messages.filter((message) => readings.get(message)?.kind === 'gone');
  if (gone.length > 0) {
    const names = new Map((await listQueue(queue)).messages.map(({ key, file }) => [key, file]));
    await inTurns(gone, atATime, async (message) => {
      const file = names.get(message.key);
      if (file !== undefined) await look(message, file);
    });
  }
  return messages.flatMap((message): Enveloped[] => {
    const reading = readings.get(message);
    switch (reading?.kind) {
      case 'envelope':
        return [{ ...message, envelope: reading.envelope }];
      case 'unreadable':
        return [{ ...message, problem: reading.problem }];
      case 'gone':
      case undefined:
        return [];
    }
  });
}
