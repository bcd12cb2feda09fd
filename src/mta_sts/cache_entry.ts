/** What this process knows of one policy domain under one set of roots. */
import type { DomainName } from '../names';
import { rootsDigest } from '../tls/roots';
import type { CachedPolicy } from './cached_policy';
import { noFetches, type FetchHistory } from './fetch_schedule';
import type { StsLookup } from './lookup';
import type { PolicyKey } from './store';

/**
 * Times are milliseconds of the steady clock, `-Infinity` where it never happened. The policy and what is known of the store
 * are changed by the cache alone, the rest by the `StsPolicies` that owns the cache.
 */
export interface CacheEntry extends PolicyKey {
  readonly domain: DomainName;
  /** PEM, empty for none. */
  readonly extraRoots: string;
  /** The newest that was ever had, in force or expired. */
  policy: CachedPolicy | undefined;
  /** Why what is stored of this domain cannot be read; `undefined` where it can. */
  unreadable: string | undefined;
  storeReadAt: number;
  /** When the store was last told that the policy is in use. */
  useNotedAt: number;
  usedAt: number;
  fetches: FetchHistory;
  /**
   * The id whose policy another host found to be replaced, and until when a resolver may still answer with it; `undefined` where
   * none was.
   */
  superseded: { readonly id: string; readonly until: number } | undefined;
  /** The last TXT lookup, where it got no answer. */
  unanswered: { readonly at: number; readonly lookup: StsLookup } | undefined;
}

export function emptyEntry(key: Pick<CacheEntry, 'domain' | 'roots' | 'extraRoots'>): CacheEntry {
  return {
    ...key,
    policy: undefined,
    unreadable: undefined,
    storeReadAt: -Infinity,
    useNotedAt: -Infinity,
    usedAt: -Infinity,
    fetches: noFetches,
    superseded: undefined,
    unanswered: undefined,
  };
}

/** Where its policy may be stored: a rule that adds roots trusts the default ones as before. */
export function keysOf({ domain, roots }: CacheEntry): PolicyKey[] {
  const byDefault = rootsDigest('');
  const own = { domain, roots };
  return roots === byDefault ? [own] : [own, { domain, roots: byDefault }];
}

/** About what it takes in memory. Bytes. */
export function sizeOf({ policy }: CacheEntry): number {
  if (policy === undefined) return 500;
  const { mx, extensions } = policy.stored.policy;
  const texts = [...mx, ...extensions.flat()];
  return texts.reduce((sum, text) => sum + 40 + 2 * text.length, 1000);
}
