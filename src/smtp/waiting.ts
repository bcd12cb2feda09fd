/**
 * Who waits for an answer behind the final dot: those who were accepted, in order (RFC 2033 section 4.2). To note one answer
 * costs the same however many wait. Pure.
 */
import type { RecipientOutcome } from './recipient';

export interface Waiting {
  /** What becomes of each recipient where no answer comes, in the order of the envelope. */
  readonly before: readonly RecipientOutcome[];
  /** Indexes of recipients who were accepted, in the order of the envelope. */
  readonly accepted: readonly number[];
  /** How many of them have their answer. */
  readonly answered: number;
  /** The last answer, and those before it. */
  readonly answers: Noted | 'none';
}

interface Noted {
  readonly outcome: RecipientOutcome;
  readonly earlier: Noted | 'none';
}

export function awaitAnswers(before: readonly RecipientOutcome[], accepted: readonly number[]): Waiting {
  return { before, accepted, answered: 0, answers: 'none' };
}

export function answerNext(waiting: Waiting, outcome: RecipientOutcome): Waiting {
  return {
    ...waiting,
    answered: waiting.answered + 1,
    answers: { outcome, earlier: waiting.answers },
  };
}

export function isComplete({ accepted, answered }: Waiting): boolean {
  return answered === accepted.length;
}

/** @param rest what becomes of those who still wait; `as_before`: what was said when they began to */
export function outcomesOf(
  { before, accepted, answered, answers }: Waiting,
  rest: RecipientOutcome | 'as_before',
): RecipientOutcome[] {
  const outcomes = [...before];
  const set = (nth: number, outcome: RecipientOutcome): void => {
    const recipient = accepted[nth];
    if (recipient !== undefined) outcomes[recipient] = outcome;
  };
  for (let one = answers, nth = answered - 1; one !== 'none'; one = one.earlier, nth--) set(nth, one.outcome);
  if (rest !== 'as_before') for (let nth = answered; nth < accepted.length; nth++) set(nth, rest);
  return outcomes;
}
