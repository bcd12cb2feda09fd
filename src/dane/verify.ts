/**
 * DANE: a domain says in DNS, signed by DNSSEC, which certificate or key its mail hosts have. Here an SMTP server is
 * authenticated by the certificates that it sent (RFC 7672 section 3).
 *
 * The saying is a TLSA record at `_25._tcp.<host>` (RFC 6698): usage, selector, matching type, data. The selector says what of a
 * certificate counts, all of it (0) or its public key (1); the matching type, whether the data is that itself (0) or its SHA-256
 * (1) or SHA-512 (2). The usage says which certificate is meant. For SMTP two of the four count:
 *
 * - 3, DANE-EE: the server's own. A match is enough; neither names nor dates are looked at.
 * - 2, DANE-TA: a certificate or key above it. A path to it must hold (signatures, dates, CA flags), and the server's own
 *   certificate must bear one of the reference names.
 *
 * Usages 0 and 1 rely on public CAs and are unusable here (RFC 7672 section 3.1.3). Any one record suffices; of digests under the
 * same usage and selector only the strongest are looked at (digest agility, RFC 7671 section 9).
 *
 * Pure and synchronous: the next SMTP command goes out as soon as the handshake's callback returns, and the verdict has to be
 * there before. Discovery, base domains and the meaning of an absent record are decided in `dns/destination` and `policy/dane`.
 */
import type { X509Certificate } from 'node:crypto';
import type { FailureReason } from '../failure';
import { printable } from '../text';
import { derOf, publicKeyInfo } from '../x509/certificate';
import { WorkBudget, WorkBudgetSpent } from '../x509/work_budget';
import { dnsIdsFor, presentedNames } from '../x509/names';
import { checkPath, referenceFault, type PathFault } from '../x509/path';
import type { PeerCertificates } from '../x509/peer_certificates';
import { keyStrength, type Strength } from '../x509/strength';
import { anchoredPaths, issuerCandidates, type AnchoredPath, type IssuerCandidates } from './anchors';
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
  maximumRecords,
  strongerRecord,
  strongestRecords,
  unusableBecause,
  usableRecords,
  usages,
} from './records';
import type { DaneAuthentication, TlsaRecord } from './types';

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
      /**
       * One printable line for each distinct record, in the order published, for at most `maximumRecords` of them; a single
       * one where none was looked at.
       */
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
export function verifyDane({ chain, dane, now }: DaneInput, budget = new WorkBudget()): DaneVerdict {
  const [leaf] = chain;
  return verifyPeer({ leaf: leaf ? derOf(leaf) : new Uint8Array(), chain: () => chain }, dane, now, budget);
}

/**
 * `verifyDane` for a connection whose certificates are not parsed yet: with usage 3, which most zones publish, they never
 * need to be, and that saves more than half of the work.
 *
 * @param budget where the work is counted; a peer that demands more than its allowances is refused.
 */
export function verifyPeer(
  peer: PeerCertificates,
  dane: DaneAuthentication,
  now: Date,
  budget = new WorkBudget(),
): DaneVerdict {
  const usable = usableRecords(dane.records);
  if (usable.length === 0) return refused(dane, explainedRecords(dane).map(unusable));
  if (peer.leaf.length === 0) {
    return refused(dane, [{ reason: 'validation-failure', text: 'the peer sent no certificate' }]);
  }
  // As OpenSSL does, for every usage: to factor the key is to be the peer. What only OpenSSL knows, it has judged.
  const strength = leafStrength(peer.leaf);
  if (strength.kind === 'weak') {
    const text = `the peer's certificate has ${strength.text}`;
    return refused(dane, [{ reason: 'validation-failure', text }]);
  }
  const records = strongestRecords(usable);
  const direct = records.find((record) => record.usage === usages.daneEe && matches(record, peer.leaf));
  if (direct !== undefined) return authenticated(dane, direct, 0, { kind: 'not_required' });
  const anchors = records.filter(({ usage }) => usage === usages.daneTa);
  const published = { dane, usable, records, anchors };
  try {
    return verifyAnchors(peer, published, now, budget);
  } catch (error) {
    // Closed, although more work might have found a path.
    if (error instanceof WorkBudgetSpent)
      return refused(dane, [{ reason: 'validation-failure', text: error.message }]);
    throw error;
  }
}

function leafStrength(leaf: Uint8Array): Strength {
  const info = publicKeyInfo(leaf);
  return info ? keyStrength(info) : { kind: 'weak', text: 'a form that cannot be read' };
}

interface Published {
  readonly dane: DaneAuthentication;
  readonly usable: readonly TlsaRecord[];
  /** Usable, and left by digest agility. */
  readonly records: readonly TlsaRecord[];
  /** Those of usage 2. */
  readonly anchors: readonly TlsaRecord[];
}

function verifyAnchors(
  peer: PeerCertificates,
  { dane, usable, records, anchors }: Published,
  now: Date,
  budget: WorkBudget,
): DaneVerdict {
  const chain = anchors.length === 0 ? [] : peer.chain();
  const failures = new Map<TlsaRecord, RecordFailure>();
  const names = leafNames(chain, dane, budget);
  const above = issuerCandidates(chain, anchors);
  for (const found of anchoredPaths(chain[0], above, anchors, budget)) {
    const result = judgePath(found, names, now, budget);
    if (result.kind === 'accepted') {
      const depth = found.path.length - (found.anchor.kind === 'last' ? 1 : 0);
      return authenticated(dane, found.records[0], depth, { kind: 'matched', name: result.name });
    }
    for (const record of found.records) {
      const known = failures.get(record);
      if (known !== undefined && rank(result) <= rank(known)) continue;
      failures.set(record, { reason: result.reason, text: result.textFor(record) });
    }
  }
  return refused(
    dane,
    explainedRecords(dane).map(
      (record) =>
        failures.get(record) ??
        (records.includes(record) ? unmatched(record, peer.leaf, above) : skipped(record, usable)),
    ),
  );
}

type PathJudgement =
  | { readonly kind: 'accepted'; readonly name: string }
  | {
      readonly kind: 'rejected';
      readonly reason: FailureReason;
      readonly textFor: (record: TlsaRecord) => string;
    };

function judgePath(
  { path, anchor }: AnchoredPath,
  names: () => LeafNames,
  now: Date,
  budget: WorkBudget,
): PathJudgement {
  budget.spend('paths', 1);
  const result = checkPath(path, anchor, now, budget);
  if (result.kind === 'invalid') return rejectedFor(result.fault);
  const { matched, presented, wanted } = names();
  let forbidden: PathFault | undefined;
  for (const name of matched) {
    const fault = referenceFault(path, name, budget);
    if (fault === undefined) return { kind: 'accepted', name };
    forbidden ??= fault;
  }
  if (forbidden !== undefined) return rejectedFor(forbidden);
  const textFor = (record: TlsaRecord) => nameText(record, wanted, presented);
  return { kind: 'rejected', reason: 'certificate-host-mismatch', textFor };
}

function rejectedFor(fault: PathFault): PathJudgement {
  return {
    kind: 'rejected',
    reason: faultReason[fault.kind],
    textFor: (record) => faultText(record, fault),
  };
}

interface LeafNames {
  /** The reference names that the leaf is for; what the CAs above it permit is another matter. */
  readonly matched: readonly string[];
  readonly presented: readonly string[];
  readonly wanted: readonly string[];
}

/** The names of the leaf, compared when they are first asked for: all paths begin with the same leaf. */
function leafNames(
  [leaf]: readonly X509Certificate[],
  { referenceNames: wanted }: DaneAuthentication,
  budget: WorkBudget,
): () => LeafNames {
  let known: LeafNames | undefined;
  return () => (known ??= compared());

  function compared(): LeafNames {
    const presented = leaf ? presentedNames(leaf) : [];
    budget.spend('nameComparisons', presented.length * wanted.length);
    const matched = wanted.filter((name) => {
      const covering = dnsIdsFor(name);
      return presented.some((id) => covering.includes(id));
    });
    return { matched, presented, wanted };
  }
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

function rank({ reason }: Pick<RecordFailure, 'reason'>): number {
  return nearness.indexOf(reason);
}

/** Those that a refusal speaks of. */
function explainedRecords({ records }: DaneAuthentication): readonly TlsaRecord[] {
  return distinctRecords(records).slice(0, maximumRecords);
}

function unmatched(record: TlsaRecord, leaf: Uint8Array, above: IssuerCandidates): RecordFailure {
  const text =
    record.usage === usages.daneEe ? mismatchText(record, leaf) : noAnchorText(record, leaf, above);
  return { reason: 'certificate-not-trusted', text };
}

function skipped(record: TlsaRecord, usable: readonly TlsaRecord[]): RecordFailure {
  const stronger = strongerRecord(record, usable);
  if (stronger === undefined || unusableBecause(record) !== undefined) return unusable(record);
  return { reason: 'tlsa-invalid', text: outrankedText(record, stronger) };
}

function unusable(record: TlsaRecord): RecordFailure {
  const why = unusableBecause(record) ?? 'there are too many records';
  return { reason: 'tlsa-invalid', text: `${recordText(record)}: unusable, ${why}` };
}

function authenticated(
  dane: DaneAuthentication,
  record: TlsaRecord,
  depth: number,
  name: NameCheck,
): DaneVerdict {
  const names = name.kind === 'matched' ? `, for the name ${name.name}` : '';
  const text = printable(successText(record, depth, ownerOf(dane), names), 400);
  return { kind: 'authenticated', record, depth, baseDomain: dane.baseDomain, name, text };
}

/** The name of the TLSA records (RFC 6698 section 3). */
function ownerOf({ port, baseDomain }: DaneAuthentication): string {
  return `_${port}._tcp.${baseDomain}`;
}

function refused(dane: DaneAuthentication, failures: readonly RecordFailure[]): DaneVerdict {
  const [first, ...rest] = failures;
  const nearest = rest.reduce((best, next) => (rank(next) > rank(best) ? next : best), first ?? noRecords);
  const perRecord = failures.map(({ text }) => printable(text, 400));
  const detail = (perRecord.length === 0 ? [noRecords.text] : perRecord).join('; ');
  return {
    kind: 'refused',
    reason: nearest.reason,
    text: printable(`no TLSA record at ${ownerOf(dane)} authenticates the peer: ${detail}`, 1000),
    perRecord,
  };
}

const noRecords: RecordFailure = { reason: 'tlsa-invalid', text: 'there is none' };
