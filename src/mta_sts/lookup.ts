/** Asks for the `_mta-sts` TXT record of a domain (RFC 8461 section 3.1). */
import { unlessAborted, withDeadline } from '../deadline';
import type { Answer } from '../dns/types';
import type { Failure } from '../failure';
import { printable } from '../text';
import { parseRecordSet, type StsRecord } from './record';
import { recordNameOf } from './well_known_names';

export interface TxtResolver {
  /** Each record as its character-strings joined. */
  txt(name: string, options?: { signal?: AbortSignal }): Promise<Answer<string>>;
  /** The answer that `txt` would give at once, where there is one. */
  keptTxt?(name: string): Answer<string> | undefined;
}

export type StsLookup = StsRecord | { readonly kind: 'unanswered'; readonly failure: Failure };

/** Never rejects; answers within `ms`, at once when `signal` is aborted. */
export function lookUpRecord(
  resolver: TxtResolver,
  domain: string,
  ms: number,
  signal: AbortSignal,
): Promise<StsLookup> {
  return withDeadline(ms, signal, async (limit) => {
    const asked = resolver.txt(recordNameOf(domain), { signal: limit }).then(recordOf);
    return unlessAborted(asked, limit, () => late(domain));
  });
}

/** A lookup under way, with less patience. */
export function atMost(
  ms: number,
  lookup: Promise<StsLookup>,
  domain: string,
  signal: AbortSignal,
): Promise<StsLookup> {
  return withDeadline(ms, signal, (limit) => unlessAborted(lookup, limit, () => late(domain)));
}

/** The record where it is in the resolver's cache; `undefined` where it has to be asked for. */
export function keptRecord(resolver: TxtResolver, domain: string): StsLookup | undefined {
  const answer = resolver.keptTxt?.(recordNameOf(domain));
  if (answer === undefined) return undefined;
  let lookup = readings.get(answer);
  if (lookup === undefined) readings.set(answer, (lookup = recordOf(answer)));
  return lookup;
}

/** A kept answer is the same object each time, and is read once. */
const readings = new WeakMap<Answer<string>, StsLookup>();

function recordOf(answer: Answer<string>): StsLookup {
  switch (answer.kind) {
    case 'records':
      return parseRecordSet(answer.records);
    case 'denied':
      return { kind: 'not_published' };
    case 'failed':
      return unanswered(answer.detail);
  }
}

function late(domain: string): StsLookup {
  return unanswered(`${recordNameOf(domain)} TXT: no answer in time`);
}

function unanswered(text: string): StsLookup {
  return { kind: 'unanswered', failure: { reason: 'dns-lookup-failed', text: printable(text) } };
}
