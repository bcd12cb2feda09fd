/** Kinds of messages as numbers, so that millions of counts fit into columns. Pure. */
import { askedCount, askedCounts, parseSighting, sightingText, type Sighting } from '../../evidence/sighting';

export const versions = ['none', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'unknown'] as const;
export const verifications = [
  'none',
  'unauthenticated',
  'pkix',
  'dane',
  'dane+pkix',
  'fingerprint',
  'unknown',
] as const;
export const failedOutcomes = ['deferred', 'bounced', 'refused'] as const;

/** Where a kind counts in a row of columns: TLS versions of what went, how it was verified, what did not go, what was asked for. */
export const column = {
  tls: 0,
  verified: versions.length,
  failed: versions.length + verifications.length,
  asked: versions.length + verifications.length + failedOutcomes.length,
} as const;
export const width = column.asked + askedCounts.length;

export interface Kind {
  readonly sighting: Sighting;
  /** The columns in which a message of this kind counts one. */
  readonly columns: readonly number[];
  readonly went: boolean;
}

export class Kinds {
  readonly #ids = new Map<string, number>();
  readonly #kinds: Kind[] = [];

  idOf(sighting: Sighting): number {
    const text = sightingText(sighting);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#kinds.length;
    this.#ids.set(text, id);
    // One object for all of them, and not the one that was handed in.
    this.#kinds.push(kindOf(parseSighting(text) ?? sighting));
    return id;
  }

  /** @throws Error for a number that `idOf` never gave */
  kind(id: number): Kind {
    const kind = this.#kinds[id];
    if (kind === undefined) throw new Error(`no such kind: ${id}`);
    return kind;
  }

  get size(): number {
    return this.#kinds.length;
  }
}

function kindOf(sighting: Sighting): Kind {
  const { outcome, tls, verified } = sighting;
  const went = outcome === 'delivered' || outcome === 'accepted';
  const columns = went
    ? [column.tls + versions.indexOf(tls), column.verified + verifications.indexOf(verified)]
    : [column.failed + failedOutcomes.indexOf(outcome)];
  const asked = askedCount(sighting);
  if (asked !== undefined) columns.push(column.asked + askedCounts.indexOf(asked));
  return { sighting, columns, went };
}
