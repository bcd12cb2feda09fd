/** An id that another host found to be replaced, and that a resolver may still answer with. */
import { expect, it } from 'vitest';
import { cachePolicy } from '../../src/mta_sts/cached_policy';
import { isFetchDue, noFetches, type FetchGrounds, type Occasion } from '../../src/mta_sts/fetch_schedule';

const now = 1_000_000;
const clock = { wall: () => 0, steady: () => now };
const policy = { mode: 'enforce', mx: ['mx.example.com'], maxAge: 86_400, extensions: [] } as const;
const stored = { domain: 'example.com', roots: '', id: 'new', fetchedAt: 0, policy };

const grounds: FetchGrounds = {
  policy: cachePolicy(stored, clock, 0.5),
  fetches: noFetches,
  superseded: { id: 'old', until: now + 1000 },
};

it.each<[string, string, Occasion, number, boolean]>([
  ['the id of the policy', 'new', 'message', now, false],
  ['the id from before', 'old', 'message', now, false],
  ['another id', 'newest', 'message', now, true],
  ['the id from before, when the time of resolvers is over', 'old', 'message', now + 1000, true],
  ['the id from before, for a message that would be given up', 'old', 'last_chance', now, true],
])('%s has the policy host asked or not', (_what, id, occasion, at, expected) => {
  expect(isFetchDue(grounds, id, occasion, at)).toBe(expected);
});

it('without a policy in force it means nothing', () => {
  expect(isFetchDue({ ...grounds, policy: undefined }, 'old', 'message', now)).toBe(true);
});
