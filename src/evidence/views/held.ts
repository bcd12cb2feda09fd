/** What waits in the queue because of a rule, by peer and reason; and how much waits for anything else. Pure. */
import type { FailureReason } from '../../failure';
import { isWanted } from '../evidence';
import { isRule, type HeldNote } from '../held_note';

/** A message in Haraka's queue, as the name of its file tells. */
export interface Waiting {
  readonly file: string;
  /** Empty where its name has none. */
  readonly key: string;
  readonly arrived: Date | undefined;
  readonly nextTry: Date;
  readonly attempts: number;
  readonly pid: number;
}

/** One message that a rule, or a fault on this side, holds back. */
export interface HeldMessage extends Waiting {
  readonly arrived: Date;
  readonly note: HeldNote;
}

export interface HeldGroup {
  readonly managed: string;
  readonly peer: string;
  readonly reason: FailureReason;
  readonly messages: number;
  /** Of the last attempt: the rule, the host and what was seen there. */
  readonly rule: string;
  readonly level: string;
  readonly host: string;
  readonly text: string;
  /** Its senders asked for REQUIRETLS; absent for other mail. */
  readonly requiretls?: 'required';
  /** Since when a message that still waits is held for this reason. */
  readonly since: Date;
  readonly lastTry: Date;
  /** The next of all. */
  readonly nextTry: Date;
  /** The message that came first. */
  readonly oldest: HeldMessage;
}

/** Messages that no rule holds. */
export interface OtherwiseWaiting {
  /** A host answered so. */
  readonly reply: number;
  /** No connection, or it broke. */
  readonly notReached: number;
  readonly other: number;
  /** On its first attempt, or before it. */
  readonly untried: number;
  /** Nothing is noted of its last attempt: it was just now, or nothing was noted then. */
  readonly notKnown: number;
}

export interface Held {
  /** Those that hold the most messages first. */
  readonly groups: readonly HeldGroup[];
  /** Oldest first. */
  readonly messages: readonly HeldMessage[];
  readonly otherwise: OtherwiseWaiting;
}

export interface HeldWanted {
  readonly managed?: string;
  /** As in the record, or `*.` and a domain. */
  readonly peer?: string;
}

/** @param notes by key. Of what waits otherwise, only notes tell which peer it is for: it is counted whatever is wanted. */
export function heldOf(
  waiting: readonly Waiting[],
  notes: ReadonlyMap<string, HeldNote>,
  wanted: HeldWanted = {},
): Held {
  const otherwise = { reply: 0, notReached: 0, other: 0, untried: 0, notKnown: 0 };
  const messages: HeldMessage[] = [];
  for (const one of waiting) {
    const note = notes.get(one.key);
    if (one.attempts === 0) otherwise.untried += 1;
    else if (note === undefined || note.attempts !== one.attempts) otherwise.notKnown += 1;
    else if (!isRule(note.why)) otherwise[countOf[note.why]] += 1;
    else if (isWanted(wanted, { managed: note.managed, direction: 'out', peer: note.peer }))
      messages.push({ ...one, arrived: one.arrived ?? new Date(note.since), note });
  }
  messages.sort((a, b) => a.arrived.getTime() - b.arrived.getTime());
  return { groups: groupsOf(messages), messages, otherwise };
}

const countOf = { reply: 'reply', 'connection-failed': 'notReached', other: 'other' } as const;

/** @param messages oldest first */
function groupsOf(messages: readonly HeldMessage[]): HeldGroup[] {
  const groups = new Map<string, HeldMessage[]>();
  for (const message of messages) {
    const { managed, peer, why, requiretls = '' } = message.note;
    const key = `${managed}\t${peer}\t${why}\t${requiretls}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [message]);
    else group.push(message);
  }
  return [...groups.values()].flatMap(groupOf).sort(mostFirst);
}

function groupOf(messages: readonly HeldMessage[]): HeldGroup[] {
  const [oldest] = messages;
  if (oldest === undefined) return [];
  let [since, nextTry, last] = [oldest.note.since, oldest.nextTry, oldest.note];
  for (const { note, nextTry: next } of messages) {
    since = Math.min(since, note.since);
    if (next < nextTry) nextTry = next;
    if (note.at > last.at) last = note;
  }
  const { managed, peer, why, rule, level, host, text, requiretls } = last;
  if (!isRule(why)) return [];
  const asked = requiretls === undefined ? {} : { requiretls };
  const times = { since: new Date(since), lastTry: new Date(last.at), nextTry };
  return [
    {
      managed,
      peer,
      reason: why,
      messages: messages.length,
      rule,
      level,
      host,
      text,
      ...asked,
      ...times,
      oldest,
    },
  ];
}

function mostFirst(a: HeldGroup, b: HeldGroup): number {
  return b.messages - a.messages || a.oldest.arrived.getTime() - b.oldest.arrived.getTime();
}
