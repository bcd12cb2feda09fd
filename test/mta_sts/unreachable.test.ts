import { beforeEach, describe, expect, it } from 'vitest';
import { createUnreachable } from '../../src/mta_sts/unreachable';

let now = 0;
beforeEach(() => {
  now = 0;
});

const fresh = () => createUnreachable({ passedOverMs: 60_000, trialMs: 5_000, now: () => now });

describe('an address', () => {
  it('is tried while nothing is known of it', () => {
    expect(fresh().isPassedOver('a')).toBe(false);
  });

  it('that did not answer is passed over for a minute, others are not', () => {
    const unreachable = fresh();
    unreachable.noteSilence('a');
    now = 59_999;
    expect([unreachable.isPassedOver('a'), unreachable.isPassedOver('b')]).toEqual([true, false]);
  });

  it('is then tried by one, and passed over by all others until he knows', () => {
    const unreachable = fresh();
    unreachable.noteSilence('a');
    now = 60_000;
    expect([1, 2, 3].map(() => unreachable.isPassedOver('a'))).toEqual([false, true, true]);
    unreachable.noteAnswer('a');
    expect(unreachable.isPassedOver('a')).toBe(false);
  });

  it('is passed over for another minute where it is still silent', () => {
    const unreachable = fresh();
    unreachable.noteSilence('a');
    now = 60_000;
    unreachable.isPassedOver('a');
    now = 65_000;
    unreachable.noteSilence('a');
    now = 124_999;
    expect(unreachable.isPassedOver('a')).toBe(true);
  });

  it('is tried again where the one who tried never came back', () => {
    const unreachable = fresh();
    unreachable.noteSilence('a');
    now = 60_000;
    unreachable.isPassedOver('a');
    now = 65_000;
    expect(unreachable.isPassedOver('a')).toBe(false);
  });
});
