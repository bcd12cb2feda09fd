/**
 * What the peer has said of each recipient so far, in the order of the envelope. Each has one answer, and to note one costs the
 * same however many recipients there are: the answers are a list, newest first, and only the end reads them all. Pure.
 */
import type { Answer } from './reply';
import type { RecipientState } from './recipient';

export interface Roll {
  /** Before the first answer to RCPT. */
  readonly before: readonly RecipientState[];
  readonly answers: Noted | 'none';
  readonly accepted: number;
  readonly rejected: number;
}

interface Noted {
  readonly recipient: number;
  readonly state: RecipientState;
  readonly earlier: Noted | 'none';
}

export function rollOf(before: readonly RecipientState[]): Roll {
  let accepted = 0;
  let rejected = 0;
  for (const { kind } of before) {
    if (kind === 'accepted') accepted++;
    else if (kind === 'rejected') rejected++;
  }
  return { before, answers: 'none', accepted, rejected };
}

/** Whether the peer is still to say what becomes of this recipient. To be asked before it is noted. */
export function isUnanswered({ before }: Roll, recipient: number): boolean {
  return before[recipient]?.kind === 'unanswered';
}

/** @param recipient one that `isUnanswered`, and was not noted before */
export function note(roll: Roll, recipient: number, state: RecipientState): Roll {
  const { before, answers, accepted, rejected } = roll;
  return {
    before,
    answers: { recipient, state, earlier: answers },
    accepted: state.kind === 'accepted' ? accepted + 1 : accepted,
    rejected: state.kind === 'rejected' ? rejected + 1 : rejected,
  };
}

/** MAIL was refused: everybody who could have been named is. */
export function rejectTheRest(roll: Roll, answer: Answer): Roll {
  return rollOf(
    statesOf(roll).map((one) => (one.kind === 'unanswered' ? { kind: 'rejected', answer } : one)),
  );
}

export function areAllRejected({ before, rejected }: Roll): boolean {
  return rejected === before.length;
}

export function statesOf({ before, answers }: Roll): RecipientState[] {
  const states = [...before];
  for (let one = answers; one !== 'none'; one = one.earlier) states[one.recipient] = one.state;
  return states;
}
