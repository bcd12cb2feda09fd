/**
 * Finding paths from the peer's certificate to a trust anchor that a DANE-TA record names (RFC 7671 section 5.2).
 *
 * What the peer sent is unordered and may hold duplicates and strangers. A path grows from the leaf by issuers whose name
 * and signature fit; whether it holds is for `checkPath`. Everything is bounded, because the peer chooses the input.
 */
import type { X509Certificate } from 'node:crypto';
import { derOf, readCertificate } from '../x509/certificate';
import { sameBytes } from '../x509/der';
import { issuerKeyOf, type WorkBudget, type IssuerKey } from '../x509/work_budget';
import { bearsName, mayHaveIssued, pointsTo, type PathAnchor } from '../x509/path';
import { limits } from './limits';
import { matches } from './match';
import { certificateIn, publicKeyIn } from './records';
import type { TlsaRecord } from './types';

/** A path, leaf first, that ends at what each of `records` names. */
export interface AnchoredPath {
  readonly records: readonly [TlsaRecord, ...TlsaRecord[]];
  readonly path: readonly X509Certificate[];
  readonly anchor: PathAnchor;
}

/** What may stand above the leaf, and what of it a search does not look at. */
export interface IssuerCandidates {
  /** The certificates sent and those in records, each once, never the leaf itself. */
  readonly certificates: readonly X509Certificate[];
  /** How many there are beyond `limits.candidates`. */
  readonly leftOut: number;
  /** Whether a path was given up at `limits.pathLength`. Known once the search is over. */
  longPaths: boolean;
}

/**
 * Paths from `leaf` to the anchors of `records` (all of usage 2), lazily and in no particular order of merit.
 *
 * @param above as `issuerCandidates` finds them; it is noted there what was not looked at
 * @throws WorkBudgetSpent
 */
export function* anchoredPaths(
  leaf: X509Certificate | undefined,
  above: IssuerCandidates,
  records: readonly TlsaRecord[],
  budget: WorkBudget,
): Generator<AnchoredPath> {
  if (leaf === undefined) return;
  const candidates = above.certificates;
  const namesakes = memo((certificate) => new Namesakes(certificate, candidates));
  const recordsOf = memo((certificate) => recordsNaming(certificate, records));
  const keys = bareKeys(records);
  yield* pathsFrom([leaf], leaf);

  function* pathsFrom(path: readonly X509Certificate[], top: X509Certificate): Generator<AnchoredPath> {
    budget.spend('paths', 1);
    // A leaf is never its own anchor; a bare key that signed it is no certificate and may be.
    if (path.length > 1) yield* endingAt(path, recordsOf(top));
    yield* signedByKey(path, top, keys, budget);
    if (isSelfSigned(top, budget)) return;
    if (path.length >= limits.pathLength) {
      above.longPaths = true;
      return;
    }
    for (const issuer of namesakes(top).likeliestFirst()) {
      if (path.includes(issuer)) continue;
      // Signatures by keys that are too dear to check go on, so that the refusal can say so.
      if (budget.signature(top, issuerKeyOf(issuer)) === 'not_signed') continue;
      yield* pathsFrom([...path, issuer], issuer);
    }
  }
}

/** What may stand above the leaf, the certificates in records first. */
export function issuerCandidates(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
): IssuerCandidates {
  const [leaf, ...sent] = chain;
  if (leaf === undefined) return { certificates: [], leftOut: 0, longPaths: false };
  const published = records.map(certificateIn).filter((certificate) => certificate !== undefined);
  const distinct: X509Certificate[] = [];
  for (const certificate of [...published, ...sent]) {
    const known = [leaf, ...distinct].some((other) => sameBytes(derOf(other), derOf(certificate)));
    if (!known) distinct.push(certificate);
  }
  const certificates = distinct.slice(0, limits.candidates);
  return { certificates, leftOut: distinct.length - certificates.length, longPaths: false };
}

/** `find`, asked once for each certificate. */
function memo<T>(find: (certificate: X509Certificate) => T): (certificate: X509Certificate) => T {
  const known = new Map<X509Certificate, T>();
  return (certificate) => {
    let found = known.get(certificate);
    if (found === undefined) known.set(certificate, (found = find(certificate)));
    return found;
  };
}

/** The issuers of one certificate, by name. */
class Namesakes {
  #exact: readonly X509Certificate[] | undefined;
  #similar: readonly X509Certificate[] | undefined;
  readonly #certificate: X509Certificate;
  readonly #candidates: readonly X509Certificate[];

  constructor(certificate: X509Certificate, candidates: readonly X509Certificate[]) {
    this.#certificate = certificate;
    this.#candidates = candidates;
  }

  /** Names are nearly always written alike; those that have to be read to be compared wait until they are needed. */
  *likeliestFirst(): Generator<X509Certificate> {
    this.#exact ??= this.#likelyFirst(
      this.#candidates.filter((issuer) => bearsName(issuer, this.#certificate)),
    );
    yield* this.#exact;
    this.#similar ??= this.#likelyFirst(
      this.#candidates.filter(
        (issuer) => !bearsName(issuer, this.#certificate) && mayHaveIssued(issuer, this.#certificate),
      ),
    );
    yield* this.#similar;
  }

  #likelyFirst(issuers: readonly X509Certificate[]): readonly X509Certificate[] {
    if (issuers.length < 2) return issuers;
    const likely = issuers.filter((issuer) => pointsTo(this.#certificate, issuer));
    return [...likely, ...issuers.filter((issuer) => !likely.includes(issuer))];
  }
}

function recordsNaming(certificate: X509Certificate, records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  return records.filter((record) => matches(record, derOf(certificate)));
}

interface BareKey {
  readonly record: TlsaRecord;
  readonly key: IssuerKey;
}

function bareKeys(records: readonly TlsaRecord[]): readonly BareKey[] {
  return records.flatMap((record) => {
    const key = publicKeyIn(record);
    return key ? [{ record, key }] : [];
  });
}

/** Nobody stands above a certificate that vouches for itself, least of all another one for the same key. */
function isSelfSigned(certificate: X509Certificate, budget: WorkBudget): boolean {
  const result = readCertificate(certificate);
  return (
    result.kind === 'fields' &&
    result.fields.selfIssued &&
    budget.signature(certificate, issuerKeyOf(certificate)) === 'signed'
  );
}

function* endingAt(
  path: readonly X509Certificate[],
  [first, ...others]: readonly TlsaRecord[],
): Generator<AnchoredPath> {
  if (first) yield { records: [first, ...others], path, anchor: { kind: 'last' } };
}

function* signedByKey(
  path: readonly X509Certificate[],
  top: X509Certificate,
  keys: readonly BareKey[],
  budget: WorkBudget,
): Generator<AnchoredPath> {
  for (const { record, key } of keys) {
    if (budget.signature(top, key) === 'signed') {
      yield { records: [record], path, anchor: { kind: 'key', key } };
    }
  }
}
