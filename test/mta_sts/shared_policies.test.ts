/** Which policies of others may take the place of the one held here. */
import { describe, expect, it } from 'vitest';
import { cachePolicy } from '../../src/mta_sts/cached_policy';
import { mayTakeOver } from '../../src/mta_sts/shared_policies';
import type { StoredPolicy } from '../../src/mta_sts/store';
import type { StsPolicy } from '../../src/mta_sts/types';

const now = 1_800_000_000_000;
const clock = { wall: () => now, steady: () => now };

function stored(policy: Partial<StsPolicy> = {}, fetchedAt = now - 60_000): StoredPolicy {
  const whole = {
    mode: 'enforce',
    mx: ['mx1.example', '*.example'],
    maxAge: 86_400,
    extensions: [],
  } as const;
  return { domain: 'a.example', roots: 'default', id: '1', fetchedAt, policy: { ...whole, ...policy } };
}

const takesOver = (other: StoredPolicy, held: StoredPolicy): boolean =>
  mayTakeOver(other, cachePolicy(held, clock, 0.5), now);

describe('one in force', () => {
  it.each([
    ['the same, fetched later', stored({}, now), true],
    ['one that allows fewer hosts', stored({ mx: ['mx1.example'] }, now), true],
    ['the same from before', stored({}, now - 120_000), false],
    ['the same at the same time', stored(), false],
    ['one that allows another host', stored({ mx: ['mx1.example', 'mx2.other'] }, now), false],
    ['one that only tests', stored({ mode: 'testing' }, now), false],
    ['one that says none', stored({ mode: 'none', mx: [] }, now), false],
    ['one that ends sooner', stored({ maxAge: 80_000 }, now), false],
  ])('gives way to %s: %s', (_what, other, expected) => {
    expect(takesOver(other, stored())).toBe(expected);
  });

  it('that tests gives way to one that enforces the same', () => {
    expect(takesOver(stored({}, now), stored({ mode: 'testing' }))).toBe(true);
  });

  it('that says none gives way to any that holds as long', () => {
    expect(takesOver(stored({ mode: 'testing' }, now), stored({ mode: 'none', mx: [] }))).toBe(true);
  });
});

describe('one that has expired, or none', () => {
  it('gives way to any', () => {
    expect(takesOver(stored({ mode: 'testing', mx: ['x.example'] }, now), stored({ maxAge: 1 }))).toBe(true);
    expect(mayTakeOver(stored(), undefined, now)).toBe(true);
  });
});
