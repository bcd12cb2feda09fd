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
import type { Effort, IssuerKey } from '../x509/effort';
import { mayHaveIssued, pointsTo } from '../x509/path';
import type { PathAnchor } from '../x509/path';
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
  const candidates = issuerCandidates(chain, records);
  const issuersOf = memo((certificate) => likeliestLast(certificate, candidates));
  const recordsOf = memo((certificate) => recordsNaming(certificate, records));
  const keys = bareKeys(records);
  const open: Step[] = [{ below: [], top: leaf }];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    const { below, top } = step;
    const signed = below.at(-1);
    // Signatures by keys that are too dear to check end here too, so that the refusal can say so.
    if (signed && effort.signature(signed, issuerKeyOf(top)) === 'not_signed') continue;
    effort.spend('paths', 1);
    const path = [...below, top];
    // A leaf is never its own anchor; a bare key that signed it is no certificate and may be.
    if (signed) yield* endingAt(path, recordsOf(top));
    yield* signedByKey(path, top, keys, effort);
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

/** `find`, asked once for each certificate. */
function memo<T>(find: (certificate: X509Certificate) => T): (certificate: X509Certificate) => T {
  const known = new Map<X509Certificate, T>();
  return (certificate) => {
    let found = known.get(certificate);
    if (found === undefined) known.set(certificate, (found = find(certificate)));
    return found;
  };
}

/** Issuers of a certificate by name, the likeliest last. */
function likeliestLast(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): readonly X509Certificate[] {
  const issuers = candidates.filter((issuer) => mayHaveIssued(issuer, certificate)).reverse();
  if (issuers.length < 2) return issuers;
  const likely = issuers.filter((issuer) => pointsTo(certificate, issuer));
  return [...issuers.filter((issuer) => !likely.includes(issuer)), ...likely];
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
function isSelfSigned(certificate: X509Certificate, effort: Effort): boolean {
  const result = readCertificate(certificate);
  return (
    result.kind === 'fields' &&
    result.fields.selfIssued &&
    effort.signature(certificate, issuerKeyOf(certificate)) === 'signed'
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
  effort: Effort,
): Generator<AnchoredPath> {
  for (const { record, key } of keys) {
    if (effort.signature(top, key) === 'signed') {
      yield { records: [record], path, anchor: { kind: 'key', key } };
    }
  }
}
