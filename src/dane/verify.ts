/**
 * DANE authentication of an SMTP server by the certificates it sent (RFC 7672 section 3).
 *
 * Pure and synchronous: the next SMTP command goes out as soon as the handshake's callback returns, and the verdict has
 * to be there before. Discovery, base domains and the meaning of an absent record are decided elsewhere.
 */
import type { X509Certificate } from 'node:crypto';
import type { FailureReason } from '../failure';
import type { DaneAuthentication } from '../policy/requirement';
import { printable } from '../text';
import { derOf, publicKeyInfo } from '../x509/certificate';
import { matchesDnsId, presentedNames } from '../x509/names';
import { checkPath } from '../x509/path';
import type { PeerCertificates } from '../x509/sent_chain';
import { keyStrength } from '../x509/strength';
import type { Strength } from '../x509/strength';
import { anchoredPaths, issuerCandidates } from './anchors';
import type { AnchoredPath } from './anchors';
import {
  faultText,
  mismatchText,
  nameText,
  noAnchorText,
  outrankedText,
  recordText,
  successText,
} from './explain';
import { matches } from './match';
import {
  distinctRecords,
  strongerRecord,
  strongestRecords,
  unusableBecause,
  usableRecords,
  usages,
} from './records';
import type { TlsaRecord } from './types';

export interface DaneInput {
  /** As the peer sent them: the leaf first, then anything in any order. */
  readonly chain: readonly X509Certificate[];
  readonly dane: DaneAuthentication;
  readonly now: Date;
}

export type DaneVerdict =
  | {
      readonly kind: 'authenticated';
      readonly record: TlsaRecord;
      /** Where the record matched: 0 is the leaf; for a bare key, the place of the certificate that would hold it. */
      readonly depth: number;
      /** The TLSA base domain at which the record was published. */
      readonly baseDomain: string;
      readonly name: NameCheck;
      /** One printable line. */
      readonly text: string;
    }
  | {
      readonly kind: 'refused';
      readonly reason: FailureReason;
      /** One printable line: the base domain and, record by record, what is wrong. */
      readonly text: string;
      /** One printable line for each distinct record, in the order published; a single one where none was looked at. */
      readonly perRecord: readonly string[];
    };

/** The reference identifier that the certificate is for. Usage 3 asks for none (RFC 7672 section 3.1.1). */
export type NameCheck =
  { readonly kind: 'matched'; readonly name: string } | { readonly kind: 'not_required' };

/** Why one record did not authenticate the peer. */
interface RecordFailure {
  readonly reason: FailureReason;
  readonly text: string;
}

/**
 * Whether one of the published records authenticates the peer. Any one suffices. Never throws for what a peer or a
 * zone can send.
 */
export function verifyDane({ chain, dane, now }: DaneInput): DaneVerdict {
  const [leaf] = chain;
  return verifyPeer({ leaf: leaf ? derOf(leaf) : new Uint8Array(), chain: () => chain }, dane, now);
}

/**
 * `verifyDane` for a connection whose certificates are not parsed yet: with usage 3, which most zones publish, they never
 * need to be, and that saves more than half of the work.
 */
export function verifyPeer(peer: PeerCertificates, dane: DaneAuthentication, now: Date): DaneVerdict {
  const usable = usableRecords(dane.records);
  if (usable.length === 0) return refused(dane, distinctRecords(dane.records).map(unusable));
  if (peer.leaf.length === 0) {
    return refused(dane, [{ reason: 'validation-failure', text: 'the peer sent no certificate' }]);
  }
  // As OpenSSL does, for every usage: whoever can factor the key is the peer.
  const strength = leafStrength(peer.leaf);
  if (strength.kind === 'weak') {
    const text = `the peer's certificate has ${strength.text}`;
    return refused(dane, [{ reason: 'validation-failure', text }]);
  }
  const records = strongestRecords(usable);
  const direct = records.find((record) => record.usage === usages.daneEe && matches(record, peer.leaf));
  if (direct !== undefined) return authenticated(dane, direct, 0, { kind: 'not_required' });
  const anchors = records.filter(({ usage }) => usage === usages.daneTa);
  return verifyAnchors(anchors.length === 0 ? [] : peer.chain(), peer.leaf, { dane, records, anchors }, now);
}

function leafStrength(leaf: Uint8Array): Strength {
  const info = publicKeyInfo(leaf);
  return info ? keyStrength(info) : { kind: 'weak', text: 'a form that cannot be read' };
}

interface Published {
  readonly dane: DaneAuthentication;
  /** Usable, and left by digest agility. */
  readonly records: readonly TlsaRecord[];
  /** Those of usage 2. */
  readonly anchors: readonly TlsaRecord[];
}

function verifyAnchors(
  chain: readonly X509Certificate[],
  leafDer: Uint8Array,
  { dane, records, anchors }: Published,
  now: Date,
): DaneVerdict {
  const failures = new Map<TlsaRecord, RecordFailure>();
  for (const found of anchoredPaths(chain, anchors)) {
    const result = judgePath(found, dane, now);
    if (result.kind === 'accepted') {
      const depth = found.path.length - (found.anchor.kind === 'last' ? 1 : 0);
      return authenticated(dane, found.record, depth, { kind: 'matched', name: result.name });
    }
    const known = failures.get(found.record);
    if (known === undefined || rank(result.failure) > rank(known)) failures.set(found.record, result.failure);
  }
  const above = issuerCandidates(chain, anchors).map(derOf);
  return refused(
    dane,
    distinctRecords(dane.records).map(
      (record) =>
        failures.get(record) ??
        (records.includes(record) ? unmatched(record, leafDer, above) : skipped(record, dane.records)),
    ),
  );
}

type PathJudgement =
  | { readonly kind: 'accepted'; readonly name: string }
  | { readonly kind: 'rejected'; readonly failure: RecordFailure };

function judgePath(
  { record, path, anchor }: AnchoredPath,
  dane: DaneAuthentication,
  now: Date,
): PathJudgement {
  const result = checkPath(path, anchor, now);
  if (result.kind === 'invalid') {
    const { fault } = result;
    const reason = faultReason[fault.kind];
    return { kind: 'rejected', failure: { reason, text: faultText(record, fault) } };
  }
  const presented = path[0] ? presentedNames(path[0]) : [];
  const name = dane.referenceNames.find((wanted) => presented.some((id) => matchesDnsId(id, wanted)));
  if (name !== undefined) return { kind: 'accepted', name };
  const text = nameText(record, dane.referenceNames, presented);
  return { kind: 'rejected', failure: { reason: 'certificate-host-mismatch', text } };
}

const faultReason = {
  malformed: 'validation-failure',
  untrusted: 'certificate-not-trusted',
  forbidden: 'validation-failure',
  weak: 'validation-failure',
  dates: 'certificate-expired',
} as const satisfies Record<string, FailureReason>;

/** How near to success each reason is: the nearest is the one to report. */
const nearness: readonly FailureReason[] = [
  'tlsa-invalid',
  'certificate-not-trusted',
  'validation-failure',
  'certificate-expired',
  'certificate-host-mismatch',
];

function rank({ reason }: RecordFailure): number {
  return nearness.indexOf(reason);
}

function unmatched(record: TlsaRecord, leaf: Uint8Array, above: readonly Uint8Array[]): RecordFailure {
  const text =
    record.usage === usages.daneEe ? mismatchText(record, leaf) : noAnchorText(record, leaf, above);
  return { reason: 'certificate-not-trusted', text };
}

function skipped(record: TlsaRecord, all: readonly TlsaRecord[]): RecordFailure {
  const stronger = strongerRecord(record, usableRecords(all));
  if (stronger === undefined || unusableBecause(record) !== undefined) return unusable(record);
  return { reason: 'tlsa-invalid', text: outrankedText(record, stronger) };
}

function unusable(record: TlsaRecord): RecordFailure {
  const why = unusableBecause(record) ?? 'there are too many records';
  return { reason: 'tlsa-invalid', text: `${recordText(record)}: unusable, ${why}` };
}

function authenticated(
  { baseDomain }: DaneAuthentication,
  record: TlsaRecord,
  depth: number,
  name: NameCheck,
): DaneVerdict {
  const names = name.kind === 'matched' ? `, for the name ${name.name}` : '';
  const text = printable(successText(record, depth, baseDomain, names), 400);
  return { kind: 'authenticated', record, depth, baseDomain, name, text };
}

function refused({ baseDomain }: DaneAuthentication, failures: readonly RecordFailure[]): DaneVerdict {
  const [first, ...rest] = failures;
  const nearest = rest.reduce((best, next) => (rank(next) > rank(best) ? next : best), first ?? noRecords);
  const perRecord = failures.map(({ text }) => printable(text, 400));
  const detail = (perRecord.length === 0 ? [noRecords.text] : perRecord).join('; ');
  return {
    kind: 'refused',
    reason: nearest.reason,
    text: printable(`no TLSA record at _25._tcp.${baseDomain} authenticates the peer: ${detail}`, 1000),
    perRecord,
  };
}

const noRecords: RecordFailure = { reason: 'tlsa-invalid', text: 'there is none' };
