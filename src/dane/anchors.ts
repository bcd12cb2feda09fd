/**
 * Finding paths from the peer's certificate to a trust anchor that a DANE-TA record names (RFC 7671 section 5.2).
 *
 * What the peer sent is unordered and may hold duplicates and strangers. A path grows from the leaf by issuers whose name
 * and signature fit; whether it holds is for `checkPath`. Everything is bounded, because the peer chooses the input.
 */
import type { X509Certificate } from 'node:crypto';
import { derOf, readCertificate } from '../x509/certificate';
import { sameBytes } from '../x509/der';
import { issuerKeyOf } from '../x509/effort';
import type { Effort } from '../x509/effort';
import { mayHaveIssued, pointsTo } from '../x509/path';
import type { PathAnchor } from '../x509/path';
import { matches } from './match';
import { certificateIn, publicKeyIn } from './records';
import type { TlsaRecord } from './types';

/** A path, leaf first, that ends at what each of `records` names. */
export interface AnchoredPath {
  readonly records: readonly [TlsaRecord, ...TlsaRecord[]];
  readonly path: readonly X509Certificate[];
  readonly anchor: PathAnchor;
}

export const limits = {
  /** Certificates beside the leaf that are looked at. */
  candidates: 32,
  /** Certificates in a path. */
  pathLength: 16,
} as const;

/**
 * Paths from `chain[0]` to the anchors of `records` (all of usage 2), lazily and in no particular order of merit.
 *
 * @throws EffortSpent
 */
export function* anchoredPaths(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
  effort: Effort,
): Generator<AnchoredPath> {
  const [leaf] = chain;
  if (leaf === undefined) return;
  const issuersOf = issuerFinder(issuerCandidates(chain, records));
  const open: Step[] = [{ below: [], top: leaf }];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    const { below, top } = step;
    const signed = below.at(-1);
    // Signatures by keys that are too dear to check end here too, so that the refusal can say so.
    if (signed && effort.signature(signed, issuerKeyOf(top)) === 'not_signed') continue;
    effort.spend('paths', 1);
    const path = [...below, top];
    yield* endingHere(path, records, effort);
    if (path.length >= limits.pathLength || isSelfSigned(top, effort)) continue;
    for (const issuer of issuersOf(top)) if (!path.includes(issuer)) open.push({ below: path, top: issuer });
  }
}

/** A path that may go on to `top`. */
interface Step {
  readonly below: readonly X509Certificate[];
  readonly top: X509Certificate;
}

/** What may stand above the leaf: the certificates sent and those in records, each once, never the leaf itself. */
export function issuerCandidates(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
): readonly X509Certificate[] {
  const [leaf, ...sent] = chain;
  if (leaf === undefined) return [];
  const published = records.map(certificateIn).filter((certificate) => certificate !== undefined);
  const distinct: X509Certificate[] = [];
  for (const certificate of [...published, ...sent]) {
    if (distinct.length === limits.candidates) break;
    const known = [leaf, ...distinct].some((other) => sameBytes(derOf(other), derOf(certificate)));
    if (!known) distinct.push(certificate);
  }
  return distinct;
}

/** Issuers of a certificate by name, the likeliest last; sought once for each certificate. */
function issuerFinder(
  candidates: readonly X509Certificate[],
): (certificate: X509Certificate) => readonly X509Certificate[] {
  const known = new Map<X509Certificate, readonly X509Certificate[]>();
  return (certificate) => {
    let issuers = known.get(certificate);
    if (!issuers) known.set(certificate, (issuers = likeliestLast(certificate, candidates)));
    return issuers;
  };
}

function likeliestLast(certificate: X509Certificate, candidates: readonly X509Certificate[]) {
  const issuers = candidates.filter((issuer) => mayHaveIssued(issuer, certificate)).reverse();
  if (issuers.length < 2) return issuers;
  const likely = issuers.filter((issuer) => pointsTo(certificate, issuer));
  return [...issuers.filter((issuer) => !likely.includes(issuer)), ...likely];
}

/** Nobody stands above a certificate that vouches for itself, least of all another one for the same key. */
function isSelfSigned(certificate: X509Certificate, effort: Effort): boolean {
  const result = readCertificate(certificate);
  return (
    result.kind === 'fields' &&
    result.fields.selfIssued &&
    effort.signature(certificate, issuerKeyOf(certificate)) === 'signed'
  );
}

function* endingHere(
  path: readonly X509Certificate[],
  records: readonly TlsaRecord[],
  effort: Effort,
): Generator<AnchoredPath> {
  const top = path.at(-1);
  if (top === undefined) return;
  // A leaf is never its own anchor; a bare key that signed it is no certificate and may be.
  const [first, ...others] = path.length > 1 ? records.filter((record) => matches(record, derOf(top))) : [];
  if (first) yield { records: [first, ...others], path, anchor: { kind: 'last' } };
  for (const record of records) {
    const key = publicKeyIn(record);
    if (key !== undefined && effort.signature(top, key) === 'signed')
      yield { records: [record], path, anchor: { kind: 'key', key } };
  }
}
