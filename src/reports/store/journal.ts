/**
 * What became of the reports of one day, as it happens: one line each, which several processes add. A line that a crash cut off
 * is passed over; what it said is done once more.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { parseDay, type Day } from '../../peers/day';
import { fieldsIn, jsonLine } from '../../json_lines';
import { useStateDirectory } from '../../state/directory';
import { isMissing } from '../../state/state_fault';
import { readPlainFile } from '../../state/files';
import type { Owner } from '../../state/owner';
import { printable } from '../../text';

/** What was done for one destination of one domain, or found out of it. */
export type EntryState =
  /** Handed to Haraka, which has it on disk. */
  | 'queued'
  /** The receiving side has it. */
  | 'accepted'
  /** This time it could not be handed over; tried again. */
  | 'failed'
  /** The receiving side will not have it. */
  | 'refused'
  /** It could not be handed over for a day. */
  | 'given_up'
  /** A rule of the operator's keeps it back. */
  | 'held'
  /** Not sent: the address is not to get reports. */
  | 'suppressed';

export type Entry =
  | {
      readonly domain: string;
      readonly uri: string;
      readonly state: EntryState;
      readonly at: number;
      readonly text: string;
    }
  /** Of the whole domain: it publishes no destination, or that could not be found out. */
  | {
      readonly domain: string;
      readonly uri: '';
      readonly state: 'unwanted' | 'failed' | 'given_up';
      readonly at: number;
      readonly text: string;
    }
  /** Nothing is left to do for this day. */
  | {
      readonly domain: '';
      readonly uri: '';
      readonly state: 'settled';
      readonly at: number;
      readonly text: '';
    };

/** What became of one destination so far. */
export interface Standing {
  readonly state: Entry['state'];
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly tries: number;
  readonly text: string;
}

export interface DomainJournal {
  /** Of the domain itself. */
  readonly whole: Standing | 'nothing';
  readonly byUri: ReadonlyMap<string, Standing>;
}

export interface Journal {
  readonly isSettled: boolean;
  readonly domains: ReadonlyMap<string, DomainJournal>;
}

const mostBytes = 256 * 1024 * 1024;

export function journalName(day: Day): string {
  return `${day}.sent.jsonl`;
}

export function dayOfJournal(name: string): Day | undefined {
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)\.sent\.jsonl$/.exec(name) ?? [];
  return parseDay(day);
}

export interface JournalPlace {
  readonly directory: string;
  readonly owner: Owner;
}

/** @throws Error where it cannot be written */
export async function appendEntries(place: JournalPlace, day: Day, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  await useStateDirectory(place.directory, place.owner);
  const text = entries.map((entry) => jsonLine({ ...entry, text: printable(entry.text, 300) })).join('');
  // In one write at the end of the file, so that lines of several processes do not mix; behind a line that was cut off, a new one.
  const handle = await fs.open(path.join(place.directory, journalName(day)), 'a', 0o600);
  try {
    await handle.write(`\n${text}`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

export async function readJournal({ directory, owner }: JournalPlace, day: Day): Promise<Journal> {
  let text = '';
  try {
    text = await readPlainFile(path.join(directory, journalName(day)), { uid: owner.uid, atMost: mostBytes });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return foldEntries(text.split('\n').flatMap(parseEntry));
}

export function foldEntries(entries: readonly Entry[]): Journal {
  const domains = new Map<string, { whole: Standing | 'nothing'; byUri: Map<string, Standing> }>();
  let isSettled = false;
  for (const entry of entries) {
    isSettled = entry.state === 'settled';
    if (entry.state === 'settled') continue;
    const known = domains.get(entry.domain) ?? { whole: 'nothing', byUri: new Map<string, Standing>() };
    domains.set(entry.domain, known);
    if (entry.uri === '') known.whole = after(known.whole === 'nothing' ? undefined : known.whole, entry);
    else known.byUri.set(entry.uri, after(known.byUri.get(entry.uri), entry));
  }
  return { isSettled, domains };
}

function after(before: Standing | undefined, { state, at, text }: Entry): Standing {
  // What was accepted stays so, whatever a second copy comes to.
  if (before?.state === 'accepted') return before;
  return {
    state,
    first: before?.first ?? at,
    last: at,
    tries: (before?.tries ?? 0) + (state === 'failed' || state === 'queued' ? 1 : 0),
    text,
  };
}

const states = new Set<string>([
  'queued',
  'accepted',
  'failed',
  'refused',
  'given_up',
  'held',
  'suppressed',
  'unwanted',
  'settled',
]);

function parseEntry(line: string): Entry[] {
  const { domain, uri, state, at, text } = fieldsIn(line) ?? {};
  const isOurs =
    typeof domain === 'string' &&
    typeof uri === 'string' &&
    typeof state === 'string' &&
    states.has(state) &&
    typeof at === 'number' &&
    typeof text === 'string';
  return isOurs ? [{ domain, uri, state, at, text } as Entry] : [];
}
