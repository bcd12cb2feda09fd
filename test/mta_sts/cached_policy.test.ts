import { describe, expect, it } from 'vitest';
import { cachePolicy, isInForce, isNewer, protection } from '../../src/mta_sts/cached_policy';
import type { StoredPolicy } from '../../src/mta_sts/store';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

function stored(maxAge: number, fetchedAt: number): StoredPolicy {
  const policy = { mode: 'enforce', mx: ['mx.example.com'], maxAge, extensions: [] } as const;
  return { domain: 'example.com', roots: '', id: '1', fetchedAt, policy };
}

/** The wall clock and the steady one at the moment at which the policy is taken up. */
const clock = { wall: () => 100 * day, steady: () => 7000 };

/** How long from now on a policy is in force, and when it is refreshed, at the middle of the spread. */
function times(maxAge: number, age: number, random = 0.5): [expires: number, refresh: number] {
  const { expiresAt, refreshAt } = cachePolicy(stored(maxAge, clock.wall() - age), clock, random);
  return [expiresAt - clock.steady(), refreshAt - clock.steady()];
}

describe('a policy that is taken up', () => {
  it.each([
    // maxAge in seconds, age, until it expires, until it is refreshed
    ['just fetched', 4 * 3600, 0, 4 * hour, 2 * hour],
    ['an hour old', 4 * 3600, hour, 3 * hour, hour],
    ['past half of its life', 4 * 3600, 3 * hour, hour, -hour],
    ['past its life', 4 * 3600, 5 * hour, -hour, -3 * hour],
    ['for weeks', 21 * 24 * 3600, 0, 21 * day, day],
    ['for weeks, and days old', 21 * 24 * 3600, 3 * day, 18 * day, -2 * day],
    ['from the future', 4 * 3600, -day, 4 * hour, 2 * hour],
  ])('%s expires and is refreshed by its age', (_what, maxAge, age, expires, refresh) => {
    expect(times(maxAge, age)).toEqual([expires, refresh]);
  });

  it('is refreshed within a quarter of the interval before and after', () => {
    expect([0, 1].map((random) => times(4 * 3600, 0, random)[1])).toEqual([1.5 * hour, 2.5 * hour]);
    expect([0, 1].map((random) => times(21 * 24 * 3600, 0, random)[1])).toEqual([18 * hour, 30 * hour]);
  });

  it('is in force until the moment at which it expires', () => {
    const cached = cachePolicy(stored(60, clock.wall()), clock, 0.5);
    expect([0, 59_999, 60_000].map((later) => isInForce(cached, clock.steady() + later))).toEqual([
      true,
      true,
      false,
    ]);
    expect(isInForce(undefined, 0)).toBe(false);
  });

  it('gives way to one that was fetched later', () => {
    const cached = cachePolicy(stored(60, 5000), clock, 0.5);
    expect([4999, 5000, 5001].map((fetchedAt) => isNewer(stored(60, fetchedAt), cached))).toEqual([
      false,
      false,
      true,
    ]);
    expect(isNewer(stored(60, 0), undefined)).toBe(true);
  });
});

it('protects while it is in force, and no longer', () => {
  const cached = cachePolicy(stored(60, clock.wall()), clock, 0.5);
  expect(protection(cached, clock.steady() + 59_999)).toBe('protected');
  expect(protection(cached, clock.steady() + 60_000)).toBe('unprotected');
  expect(protection(undefined, clock.steady())).toBe('unprotected');
});
