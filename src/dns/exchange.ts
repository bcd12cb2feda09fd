/** One question to one resolver, once: the parts that UDP, TCP and TLS share. */
import { DeadlinePassed } from '../deadline';
import { recordTypes, type Question } from './question';
import type { LookupFailure } from './types';
import { readHeader, readMessage, readQuestion, WireError, type WireMessage } from './wire';

/** The outcome of one exchange. */
export type Exchange =
  | { readonly kind: 'answer'; readonly message: WireMessage }
  /** The answer did not fit: ask over TCP. */
  | { readonly kind: 'truncated'; readonly hasOpt: boolean }
  /** FORMERR or NOTIMP, without so much as the question: some servers refuse so what they cannot read. */
  | { readonly kind: 'not_understood'; readonly rcode: 1 | 4; readonly hasOpt: boolean }
  | { readonly kind: 'failed'; readonly cause: LookupFailure; readonly why: string };

/** What arrived on a socket while an answer was awaited. */
export type Arrival = Exchange | { readonly kind: 'foreign'; readonly why: string };

const classIn = 1;

/**
 * Judges a message that arrived where the answer to `question` with `id` is awaited. A message that does not
 * answer exactly that (RFC 5452 section 9.1) is foreign: to be ignored, while the real answer may still come.
 */
export function judgeArrival(bytes: Uint8Array, id: number, question: Question): Arrival {
  try {
    const header = readHeader(bytes);
    if (header.id !== id) return { kind: 'foreign', why: 'another id' };
    if (!header.isResponse) return { kind: 'foreign', why: 'a query' };
    if (header.opcode !== 0) return { kind: 'foreign', why: `opcode ${header.opcode}` };
    if (header.counts[0] === 0 && (header.rcode === 1 || header.rcode === 4)) {
      // There is nothing but OPT that such a refusal could have to add.
      return { kind: 'not_understood', rcode: header.rcode, hasOpt: header.counts[3] > 0 };
    }
    const asked = readQuestion(bytes, header);
    if (
      asked.name !== question.name ||
      asked.type !== recordTypes[question.type] ||
      asked.class !== classIn
    ) {
      return { kind: 'foreign', why: 'another question' };
    }
    if (header.truncated) return { kind: 'truncated', hasOpt: hasOpt(bytes) };
  } catch (error) {
    if (error instanceof WireError) return { kind: 'foreign', why: error.message };
    throw error;
  }
  return readWhole(bytes);
}

function readWhole(bytes: Uint8Array): Exchange {
  try {
    return { kind: 'answer', message: readMessage(bytes) };
  } catch (error) {
    if (error instanceof WireError) return { kind: 'failed', cause: 'malformed', why: error.message };
    throw error;
  }
}

/** A message that was cut short may end anywhere. */
function hasOpt(truncated: Uint8Array): boolean {
  const whole = readWhole(truncated);
  return whole.kind === 'answer' && whole.message.hasOpt;
}

/** Why `signal`, which is aborted, was: its reason where that is an outcome, else that the caller gave up. */
export function abortOutcome(signal: AbortSignal): Exchange {
  const reason: unknown = signal.reason;
  return reason instanceof DeadlinePassed
    ? { kind: 'failed', cause: 'timeout', why: reason.message }
    : { kind: 'failed', cause: 'cancelled', why: 'cancelled' };
}
