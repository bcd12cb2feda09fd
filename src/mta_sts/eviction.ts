/**
 * Which stored policies go when there are too many. Everyone can have policies stored, by having us write to
 * domains of their own, so what is new must not push out what is in use. Pure.
 */
import type { StoredPolicy } from './store';

/** In the order in which they go. */
const ranks = ['worthless', 'ordinary', 'below_named'] as const;

export type Worth =
  | (typeof ranks)[number]
  /** Of a peer that a rule names: never evicted. There are as many as the operator wrote. */
  | 'named';

/** Whether a rule of the operator's is meant for a domain. `below`: one that names it by a wildcard. */
export type Naming = 'named' | 'below' | 'not';

export interface Candidate {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When mail was last held to it; milliseconds since 1970. */
  readonly usedAt: number;
}

export interface Bounds {
  readonly maxEntries: number;
  /** What they may take together. */
  readonly maxBytes: number;
}

export function exceeds(candidates: readonly Candidate[], { maxEntries, maxBytes }: Bounds): boolean {
  return candidates.length > maxEntries || bytesOf(candidates) > maxBytes;
}

/** @param now milliseconds since 1970 */
export function worthOf({ policy, fetchedAt }: StoredPolicy, naming: Naming, now: number): Worth {
  if (naming === 'named') return 'named';
  // `none` says what no policy says as well (RFC 8461 section 5).
  if (policy.mode === 'none' || now >= fetchedAt + policy.maxAge * 1000) return 'worthless';
  return naming === 'below' ? 'below_named' : 'ordinary';
}

/**
 * The fewest that have to go for the others to be within `bounds`: those that protect nothing first, then by last use.
 * Where the policies of named peers alone exceed the bounds, all others go.
 */
export function surplus<C extends Candidate & { readonly worth: Worth }>(
  candidates: readonly C[],
  bounds: Bounds,
): C[] {
  const order = candidates
    .filter(({ worth }) => worth !== 'named')
    .sort((a, b) => rankOf(a.worth) - rankOf(b.worth) || a.usedAt - b.usedAt);
  let entries = candidates.length;
  let bytes = bytesOf(candidates);
  const going: C[] = [];
  for (const candidate of order) {
    if (entries <= bounds.maxEntries && bytes <= bounds.maxBytes) break;
    going.push(candidate);
    entries -= 1;
    bytes -= candidate.size;
  }
  return going;
}

function rankOf(worth: Worth): number {
  return worth === 'named' ? ranks.length : ranks.indexOf(worth);
}

function bytesOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { size }) => sum + size, 0);
}
