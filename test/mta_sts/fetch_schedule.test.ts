import { describe, expect, it } from 'vitest';
import { cachePolicy } from '../../src/mta_sts/cached_policy';
import {
  afterAttempt,
  afterFailedFetch,
  isFetchDue,
  lastFailure,
  noFetches,
  type FetchGrounds,
  type Occasion,
} from '../../src/mta_sts/fetch_schedule';

const second = 1000;
const minute = 60 * second;
const failure = { reason: 'sts-policy-fetch-error', text: 'x' } as const;

/** Each case begins at this moment of the steady clock. */
const start = 1_000_000;
const clock = { wall: () => 0, steady: () => start };

type Change = (before: FetchGrounds) => FetchGrounds;

function known(...changes: Change[]): FetchGrounds {
  const nothing: FetchGrounds = { policy: undefined, fetches: noFetches };
  return changes.reduce((before, change) => change(before), nothing);
}

/** A policy with the id `1`, just fetched. */
const cached =
  (maxAge: number): Change =>
  (before) => {
    const policy = { mode: 'enforce', mx: ['mx.example.com'], maxAge, extensions: [] } as const;
    const stored = { domain: 'example.com', roots: '', id: '1', fetchedAt: 0, policy };
    return { ...before, policy: cachePolicy(stored, clock, 0.5) };
  };

/** The host was asked at these moments after the start. */
const asked =
  (...at: number[]): Change =>
  (before) => ({
    ...before,
    fetches: at.reduce((history, moment) => afterAttempt(history, start + moment), before.fetches),
  });

/** The last fetch for `id` failed at the start; the next is due after five minutes. */
const failing =
  (id: string): Change =>
  (before) => ({ ...before, fetches: afterFailedFetch(before.fetches, id, failure, start) });

describe('the policy host is asked', () => {
  const long = cached(3600);

  it.each<[what: string, one: FetchGrounds, id: string, later: number, due: Occasion[]]>([
    ['where nothing is known', known(), '1', 0, ['message', 'ahead_of_expiry', 'last_chance']],
    ['where the id is another', known(long), '2', 0, ['message', 'ahead_of_expiry', 'last_chance']],
    [
      'where the policy has expired',
      known(cached(60)),
      '1',
      minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
    [
      'for the id at hand only ahead of expiry, or as a last chance',
      known(long),
      '1',
      0,
      ['ahead_of_expiry', 'last_chance'],
    ],
    [
      'while a failure is waited for only as a last chance',
      known(failing('2')),
      '2',
      minute,
      ['last_chance'],
    ],
    [
      'while a failure is waited for only as a last chance, with a policy',
      known(long, failing('2')),
      '2',
      minute,
      ['last_chance'],
    ],
    [
      'for another id than the one that failed',
      known(failing('2')),
      '3',
      minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
    [
      'to the moment before the wait is over only as a last chance',
      known(failing('2')),
      '2',
      5 * minute - 1,
      ['last_chance'],
    ],
    [
      'when the wait is over',
      known(failing('2')),
      '2',
      5 * minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
    [
      'not as a last chance where it was just asked, and answered',
      known(long, asked(0)),
      '1',
      9999,
      ['ahead_of_expiry'],
    ],
    [
      'as a last chance some seconds later',
      known(long, asked(0)),
      '1',
      10_000,
      ['ahead_of_expiry', 'last_chance'],
    ],
    [
      'as a last chance where it was just asked in vain',
      known(asked(0), failing('2')),
      '2',
      1,
      ['last_chance'],
    ],
    ['twice as a last chance', known(long, asked(0, 1)), '1', minute, ['ahead_of_expiry', 'last_chance']],
    ['not four times as a last chance', known(long, asked(0, 1, 2)), '1', minute, ['ahead_of_expiry']],
    [
      'not four times as a last chance while a failure is waited for',
      known(asked(0, 1, 2), failing('2')),
      '2',
      minute,
      [],
    ],
    [
      'four times for other ids',
      known(long, asked(0, 1, 2, 3)),
      '2',
      minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
    [
      'not six times in five minutes while a policy is in force',
      known(long, asked(0, 1, 2, 3, 4)),
      '2',
      minute,
      [],
    ],
    [
      'not six times in five minutes while a failure is waited for',
      known(asked(0, 1, 2, 3, 4), failing('2')),
      '3',
      minute,
      [],
    ],
    [
      'more often where the policy itself has expired',
      known(cached(30), asked(0, 1, 2, 3, 4)),
      '1',
      minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
    [
      'not again until five minutes after the first of five',
      known(long, asked(0, 4 * minute, 4 * minute, 4 * minute, 4 * minute)),
      '2',
      5 * minute - 1,
      [],
    ],
    [
      'again five minutes after the first of five',
      known(long, asked(0, 4 * minute, 4 * minute, 4 * minute, 4 * minute)),
      '2',
      5 * minute,
      ['message', 'ahead_of_expiry', 'last_chance'],
    ],
  ])('%s', (_what, one, id, later, due) => {
    const occasions: Occasion[] = ['message', 'ahead_of_expiry', 'last_chance'];
    expect(occasions.filter((occasion) => isFetchDue(one, id, occasion, start + later))).toEqual(due);
  });
});

it('tells the failure of the last fetch', () => {
  expect(lastFailure(known(failing('2')).fetches)).toEqual(failure);
  expect(lastFailure(noFetches)).toBe('none');
});
