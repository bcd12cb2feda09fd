import { describe, expect, it } from 'vitest';
import { emptyEntry, type CacheEntry } from '../../src/mta_sts/cache_entry';
import { cachePolicy } from '../../src/mta_sts/cached_policy';
import { afterFailedFetch, type Occasion } from '../../src/mta_sts/fetch_schedule';
import type { StsLookup } from '../../src/mta_sts/lookup';
import { factsOf, nextStep } from '../../src/mta_sts/next_step';
import type { StsPolicy } from '../../src/mta_sts/types';
import { canonicalDomain } from '../../src/names';

const now = 1_000_000;
const domain = canonicalDomain('a.example')!;
const fetchError = { reason: 'sts-policy-fetch-error', text: 'HTTP status 503' } as const;
const noAnswer = { reason: 'dns-lookup-failed', text: 'no answer' } as const;

const lookups = {
  'id 1': { kind: 'found', id: '1' },
  'id 2': { kind: 'found', id: '2' },
  nothing: { kind: 'not_published' },
  unanswered: { kind: 'unanswered', failure: noAnswer },
} as const satisfies Record<string, StsLookup>;

function entry(changes: Partial<CacheEntry> = {}): CacheEntry {
  return { ...emptyEntry({ domain, roots: 'default', extraRoots: '' }), ...changes };
}

/** With the policy of id 1, just fetched. */
function cached(mode: StsPolicy['mode'] = 'enforce', changes: Partial<CacheEntry> = {}): CacheEntry {
  const policy = { mode, mx: ['mx.a.example'], maxAge: 3600, extensions: [] } as const;
  const stored = { domain, roots: 'default', id: '1', fetchedAt: 0, policy };
  return entry({ policy: cachePolicy(stored, { wall: () => 0, steady: () => now }, 0.5), ...changes });
}

/** `fetch 2`, or why there is no newer policy. */
function step(of: CacheEntry, lookup: keyof typeof lookups, occasion: Occasion): string {
  const next = nextStep(of, lookups[lookup], occasion, now);
  if (next.kind === 'fetch') return `fetch ${next.id}`;
  return next.failure === 'none' ? 'settled' : `settled, ${next.failure.reason}`;
}

describe('what follows from the record', () => {
  const nothing = entry();
  const policy = cached();
  const failed = entry({ fetches: afterFailedFetch(nothing.fetches, '1', fetchError, now) });

  it.each<
    [known: string, lookup: keyof typeof lookups, occasion: Occasion, expected: string, of: CacheEntry]
  >([
    ['nothing known', 'id 1', 'message', 'fetch 1', nothing],
    ['nothing known', 'nothing', 'message', 'settled', nothing],
    ['nothing known', 'unanswered', 'message', 'settled, dns-lookup-failed', nothing],
    ['a policy in force', 'id 1', 'message', 'settled', policy],
    ['a policy in force', 'id 2', 'message', 'fetch 2', policy],
    ['a policy in force', 'nothing', 'message', 'settled, sts-policy-fetch-error', policy],
    ['a policy in force', 'unanswered', 'message', 'settled, dns-lookup-failed', policy],
    ['a policy in force', 'id 1', 'last_chance', 'fetch 1', policy],
    ['a policy in force', 'nothing', 'last_chance', 'settled, sts-policy-fetch-error', policy],
    // To withhold the record must not outlast the policy.
    ['a policy in force', 'nothing', 'ahead_of_expiry', 'fetch 1', policy],
    ['a policy in force', 'unanswered', 'ahead_of_expiry', 'fetch 1', policy],
    ['mode none in force', 'nothing', 'ahead_of_expiry', 'settled, sts-policy-fetch-error', cached('none')],
    ['a fetch that failed', 'id 1', 'message', 'settled, sts-policy-fetch-error', failed],
    ['a fetch that failed', 'id 2', 'message', 'fetch 2', failed],
  ])('with %s, %s in DNS, %s: %s', (_known, lookup, occasion, expected, of) => {
    expect(step(of, lookup, occasion)).toBe(expected);
  });
});

describe('the facts', () => {
  it('are the policy in force, with or without a problem in refreshing it', () => {
    expect(factsOf(cached(), 'none', now)).toMatchObject({ kind: 'policy', id: '1', refreshFailure: 'none' });
    expect(factsOf(cached(), fetchError, now)).toMatchObject({ kind: 'policy', refreshFailure: fetchError });
  });

  it('are that there is none, or why none could be had', () => {
    expect(factsOf(entry(), 'none', now)).toEqual({ kind: 'no_policy', failure: 'not_published' });
    expect(factsOf(entry(), fetchError, now)).toEqual({ kind: 'no_policy', failure: fetchError });
    expect(factsOf(cached(), fetchError, now + 3_600_000)).toMatchObject({ kind: 'no_policy' });
  });

  it('are that it cannot be told, where something is stored that cannot be read and none could be had', () => {
    const unreadable = entry({ unreadable: 'EACCES' });
    expect(factsOf(unreadable, fetchError, now)).toMatchObject({ kind: 'unknown' });
    expect(factsOf(unreadable, 'none', now)).toEqual({ kind: 'no_policy', failure: 'not_published' });
    expect(factsOf(cached('enforce', { unreadable: 'EACCES' }), fetchError, now).kind).toBe('policy');
  });
});
