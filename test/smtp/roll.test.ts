/** Who was accepted and who was rejected, as it is noted, and as it was known before. */
import { expect, it } from 'vitest';
import { areAllRejected, isUnanswered, note, rollOf, statesOf } from '../../src/smtp/roll';
import type { RecipientState } from '../../src/smtp/recipient';

const rejected: RecipientState = { kind: 'rejected', answer: { code: '550', status: '', text: 'no' } };
const accepted: RecipientState = { kind: 'accepted' };
const unanswered: RecipientState = { kind: 'unanswered' };

it('counts those of whom it was known before, and those who are noted', () => {
  const before = rollOf([accepted, rejected, unanswered]);
  expect(before).toMatchObject({ accepted: 1, rejected: 1 });
  expect([0, 1, 2, 3].map((recipient) => isUnanswered(before, recipient))).toEqual([
    false,
    false,
    true,
    false,
  ]);
  const after = note(before, 2, rejected);
  expect(after).toMatchObject({ accepted: 1, rejected: 2 });
  expect(statesOf(after)).toEqual([accepted, rejected, rejected]);
  expect(areAllRejected(after)).toBe(false);
  expect(areAllRejected(rollOf([rejected, rejected]))).toBe(true);
});
