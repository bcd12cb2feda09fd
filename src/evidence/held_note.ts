/**
 * Why a message waits, noted beside the record for as long as its queue file is there: Haraka keeps no reason with it. Pure.
 *
 * A file of notes is JSON lines, the first of which tells what it is:
 *
 * ```text
 * {"format":1,"kind":"held","queue":"/etc/haraka/queue"}
 * {"key":"1764406800000_kQ3v9z","attempts":2,"at":1764406930000,"since":1764406801000,"why":"starttls-not-supported",…}
 * ```
 *
 * A note counts while its queue file says the same number of attempts: any later deferral makes it void, and so no message is
 * shown with the reason of another attempt.
 */
import { failureStatus, type FailureReason } from '../failure';
import { formatAge, newerFormat } from '../state/format';
import { fieldsIn, jsonLine } from '../json_lines';

export const heldFormat = 1;

/** What kept a message from going in one attempt. */
export interface Cause {
  /** A reason of ours where a rule, or our own fault, holds it back; otherwise whose doing it is. */
  readonly why: FailureReason | OtherCause;
  /** The managed domain, empty for mail of none. */
  readonly managed: string;
  /** As in the record. */
  readonly peer: string;
  /** The rule's name, empty where none was found. */
  readonly rule: string;
  readonly level: string;
  /** Empty where all hosts are concerned, or the fault is our own. */
  readonly host: string;
  /** One line for people. */
  readonly text: string;
  /** The sender asked for REQUIRETLS, which may demand more than the rule does; absent for other mail. */
  readonly requiretls?: 'required';
}

/** The host said so; there was no connection, or it broke; anything else. */
export const otherCauses = ['reply', 'connection-failed', 'other'] as const;

export type OtherCause = (typeof otherCauses)[number];

export function isRule(why: Cause['why']): why is FailureReason {
  return Object.hasOwn(failureStatus, why);
}

export interface HeldNote extends Cause {
  readonly key: string;
  /** Deferrals so far, this one included. */
  readonly attempts: number;
  /** When it was deferred, and since when for this reason. Milliseconds since 1970. */
  readonly at: number;
  readonly since: number;
}

/** What is told of a delivery that was deferred. */
export interface Told {
  readonly rule: string;
  readonly level: string;
  /** What a host answered; empty where no answer kept it from going. */
  readonly reply: string;
  /** As in the line about the delivery. */
  readonly requiretls?: 'required' | 'no';
  readonly reasons: readonly { readonly host: string; readonly reason: string; readonly text: string }[];
}

/** Where a host had its say, what the others did is not why the mail waits. */
export function causeOf(
  { rule, level, reply, reasons, requiretls }: Told,
  whose: Pick<Cause, 'managed' | 'peer'>,
): Cause {
  const asked = requiretls === 'required' ? { requiretls } : {};
  const base = { ...whose, rule, level, ...asked };
  if (reply !== '') return { ...base, why: 'reply', host: '', text: reply };
  const main = reasons.find(({ reason }) => Object.hasOwn(failureStatus, reason)) ?? reasons[0];
  if (main === undefined) return { ...base, why: 'other', host: '', text: '' };
  const why = Object.hasOwn(failureStatus, main.reason)
    ? (main.reason as FailureReason)
    : 'connection-failed';
  return { ...base, why, host: main.host, text: main.text };
}

export function heldHeader(queue: string): string {
  return jsonLine({ format: heldFormat, kind: 'held', queue });
}

export function heldLine({ key, attempts, at, since, ...cause }: HeldNote): string {
  return jsonLine({ key, attempts, at, since, ...cause });
}

/** @returns the queue that the notes are about, or what is wrong with the file */
export function parseHeldHeader(line: string): { readonly queue: string } | { readonly problem: string } {
  const { kind, queue, ...rest } = fieldsIn(line) ?? {};
  if (kind !== 'held' || typeof queue !== 'string') return { problem: 'no file of notes' };
  switch (formatAge(rest, heldFormat)) {
    case 'newer':
      return { problem: newerFormat };
    case 'damaged':
      return { problem: 'no file of notes' };
    case 'known':
      return { queue };
  }
}

const texts = ['managed', 'peer', 'rule', 'level', 'host', 'text'] as const;
const numbers = ['attempts', 'at', 'since'] as const;

/** @returns `undefined` where the line is damaged, or none of ours */
export function parseHeldLine(line: string): HeldNote | undefined {
  const fields = fieldsIn(line);
  if (fields === undefined) return undefined;
  const { key, why } = fields;
  const areTexts = texts.every((name) => typeof fields[name] === 'string');
  const areNumbers = numbers.every((name) => Number.isSafeInteger(fields[name]));
  if (!areTexts || !areNumbers || typeof key !== 'string' || typeof why !== 'string') return undefined;
  if (!isKnown(why)) return undefined;
  if (fields['requiretls'] !== undefined && fields['requiretls'] !== 'required') return undefined;
  return { ...(fields as unknown as HeldNote), key, why };
}

function isKnown(why: string): why is Cause['why'] {
  return Object.hasOwn(failureStatus, why) || (otherCauses as readonly string[]).includes(why);
}
