/** The answers behind the final dot belong to those who were accepted, in order (RFC 2033 section 4.2). */
import { expect, it } from 'vitest';
import type { RecipientOutcome } from '../../src/smtp/recipient';
import { answerNext, awaitAnswers, isComplete, outcomesOf } from '../../src/smtp/waiting';

const outcome = (kind: RecipientOutcome['kind']): RecipientOutcome => ({
  kind,
  answer: { code: '', status: '', text: '' },
});
const kinds = (outcomes: readonly RecipientOutcome[]) => outcomes.map(({ kind }) => kind);

const waiting = awaitAnswers([outcome('deferred'), outcome('refused'), outcome('deferred')], [0, 2]);

it('an answer is the next one’s, and the rest stays as it was, or becomes what is said', () => {
  const one = answerNext(waiting, outcome('delivered'));
  expect(isComplete(one)).toBe(false);
  expect(kinds(outcomesOf(one, 'as_before'))).toEqual(['delivered', 'refused', 'deferred']);
  expect(kinds(outcomesOf(one, outcome('refused')))).toEqual(['delivered', 'refused', 'refused']);
});

it('an answer more than there are who wait is nobody’s', () => {
  const answers = ['delivered', 'refused', 'delivered'] as const;
  const more = answers.reduce((before, kind) => answerNext(before, outcome(kind)), waiting);
  expect(kinds(outcomesOf(more, 'as_before'))).toEqual(['delivered', 'refused', 'refused']);
});
