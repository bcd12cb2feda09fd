/**
 * Finding paths from the peer's certificate to a trust anchor that a DANE-TA record names (RFC 7671 section 5.2).
 *
 * What the peer sent is unordered and may hold duplicates and strangers. Links are followed by name only; whether a
 * path holds is for `checkPath`. Everything is bounded, because the peer chooses the input.
 */
import type { X509Certificate } from 'node:crypto';
import { derOf, publicKeyOf, readCertificate } from '../x509/certificate';
import { sameBytes } from '../x509/der';
import { mayHaveIssued, signedBy } from '../x509/path';
import type { PathAnchor } from '../x509/path';
import { matches } from './match';
import { certificateIn, publicKeyIn } from './records';
import type { TlsaRecord } from './types';

/** A path, leaf first, that ends at what `record` names. */
export interface AnchoredPath {
  readonly record: TlsaRecord;
  readonly path: readonly X509Certificate[];
  readonly anchor: PathAnchor;
}

export const limits = {
  /** Certificates beside the leaf that are looked at. */
  candidates: 32,
  /** Certificates in a path. */
  pathLength: 16,
  /** Paths followed, finished or not. */
  steps: 256,
} as const;

/** Paths from `chain[0]` to the anchors of `records` (all of usage 2), lazily and in no particular order of merit. */
export function* anchoredPaths(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
): Generator<AnchoredPath> {
  const [leaf] = chain;
  if (leaf === undefined) return;
  const candidates = issuerCandidates(chain, records);
  const open: (readonly X509Certificate[])[] = [[leaf]];
  for (let steps = 0; steps < limits.steps; steps++) {
    const path = open.pop();
    if (path === undefined) return;
    yield* endingHere(path, records);
    if (path.length >= limits.pathLength) continue;
    const top = path[path.length - 1] ?? leaf;
    if (isSelfSigned(top)) continue;
    const issuers = candidates.filter((issuer) => !path.includes(issuer) && mayHaveIssued(issuer, top));
    for (const issuer of issuers.reverse()) open.push([...path, issuer]);
  }
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

/** Nobody stands above a certificate that vouches for itself, least of all another one for the same key. */
function isSelfSigned(certificate: X509Certificate): boolean {
  const result = readCertificate(certificate);
  return (
    result.kind === 'fields' && result.fields.selfIssued && signedBy(certificate, publicKeyOf(certificate))
  );
}

function* endingHere(
  path: readonly X509Certificate[],
  records: readonly TlsaRecord[],
): Generator<AnchoredPath> {
  const top = path.at(-1);
  if (top === undefined) return;
  for (const record of records) {
    // A leaf is never its own anchor; a bare key that signed it is no certificate and may be.
    if (path.length > 1 && matches(record, derOf(top))) yield { record, path, anchor: { kind: 'last' } };
    const key = publicKeyIn(record);
    if (key !== undefined && signedBy(top, key))
      yield { record, path, anchor: { kind: 'key', key, info: record.data } };
  }
}
