/**
 * Holds one finished TLS handshake to a requirement. Pure and synchronous: EHLO goes out as soon as it returns.
 *
 * In this order, and the first that fails is the verdict: the TLS version, whether the cipher encrypts, and who the peer is.
 * That is by TLSA records (RFC 7672, see `dane/`), by PKIX (a chain that OpenSSL trusts, and a DNS-ID of the SAN that is one
 * of the names, RFC 6125), by both, or by the fingerprint of the certificate.
 */
import { createHash, type X509Certificate } from 'node:crypto';
import type { DaneAuthentication } from '../dane/types';
import { verifyPeer } from '../dane/verify';
import type { Failure, FailureReason } from '../failure';
import { printable } from '../text';
import { encrypts } from '../tls/encrypts';
import type { TlsSession } from '../tls/session';
import { compareVersions, tlsVersion } from '../tls/version';
import { certificateOf, readCertificate } from '../x509/certificate';
import { chainWeakness } from '../x509/chain_strength';
import { dnsIdsBelow, sanMatches } from '../x509/names';
import { forbiddingIssuer } from '../x509/reference_name';
import { WorkBudget, WorkBudgetSpent } from '../x509/work_budget';
import { chainCodeText } from './chain_code';
import { datesText, nameOf, subjectOf } from './dates';
import { observedBy } from './observed';
import type { Authentication, PkixAuthentication, TlsRequirement } from './requirement';

export type SessionVerdict = SessionMet | SessionFailed;

export interface SessionMet {
  readonly kind: 'met';
  /**
   * How the peer was authenticated, for people: `dane 3 1 1`, `pkix`, `fingerprint`, `unauthenticated`. Where nothing that
   * is enforced did it, the first observation that was met.
   */
  readonly verified: string;
  /** What did not meet that which is only observed. */
  readonly recorded: readonly Failure[];
}

interface SessionFailed {
  readonly kind: 'failed';
  readonly failure: Failure;
}

/** On one requirement, without what is observed beside it. */
type Verdict = Omit<SessionMet, 'recorded'> | SessionFailed;

/** Holds a session to what is enforced; what is only observed is recorded where it fails, and stops nothing. */
export function checkSession(requirement: TlsRequirement, session: TlsSession, now: Date): SessionVerdict {
  const enforced = checkEnforced(requirement, session, now);
  if (enforced.kind === 'failed') return enforced;
  let { verified } = enforced;
  const recorded: Failure[] = [];
  for (const observed of observedBy(requirement)) {
    const verdict = checkEnforced(observed, session, now);
    if (verdict.kind === 'failed') recorded.push(verdict.failure);
    else if (verified === 'unauthenticated') verified = verdict.verified;
  }
  return { kind: 'met', verified, recorded };
}

function checkEnforced(requirement: TlsRequirement, session: TlsSession, now: Date): Verdict {
  const version = tlsVersion(session.protocol);
  if (version === undefined || compareVersions(version, requirement.minVersion) < 0) {
    const seen = printable(session.protocol ?? 'no TLS');
    return failed(
      'tls-version-too-low',
      `the peer speaks ${seen}, the rule requires ${requirement.minVersion} or later`,
    );
  }
  if (!encrypts(session.cipher)) {
    return failed(
      'tls-handshake-failed',
      `the peer chose ${printable(session.cipher)}, which does not encrypt`,
    );
  }
  return requirement.kind === 'encrypted'
    ? checkAuthentication(requirement.authentication, session, now)
    : met('unauthenticated');
}

function checkAuthentication(authentication: Authentication, session: TlsSession, now: Date): Verdict {
  switch (authentication.kind) {
    case 'none':
      return met('unauthenticated');
    case 'dane':
      return checkDane(authentication.dane, session, now);
    case 'pkix':
      return checkPkix(authentication.pkix, session, now);
    case 'dane_and_pkix': {
      const dane = checkDane(authentication.dane, session, now);
      if (dane.kind === 'failed') return dane;
      const pkix = checkPkix(authentication.pkix, session, now);
      return pkix.kind === 'failed' ? pkix : met(`${dane.verified} and ${pkix.verified}`);
    }
    case 'fingerprints':
      return checkPinned(authentication, session, now);
  }
}

function checkPinned(
  { sha256, dane, pkix }: Extract<Authentication, { kind: 'fingerprints' }>,
  session: TlsSession,
  now: Date,
): Verdict {
  const pinned = checkFingerprints(sha256, session);
  if (pinned.kind === 'failed') return pinned;
  const byDane = dane === undefined ? pinned : checkDane(dane, session, now);
  if (byDane.kind === 'failed') return byDane;
  const byPkix = pkix === undefined ? pinned : checkPkix(pkix, session, now);
  return byPkix.kind === 'failed' ? byPkix : pinned;
}

function checkDane(dane: DaneAuthentication, session: TlsSession, now: Date): Verdict {
  const verdict = verifyPeer(session.certificates, dane, now);
  if (verdict.kind === 'refused') return failed(verdict.reason, verdict.text);
  const { usage, selector, matchingType } = verdict.record;
  return met(`dane ${usage} ${selector} ${matchingType}`);
}

/** A trusted chain, and a DNS-ID of the SAN that is one of the reference identifiers (RFC 8461 section 4.1, RFC 6125). */
function checkPkix(pkix: PkixAuthentication, session: TlsSession, now: Date): Verdict {
  const { leaf: der } = session.certificates;
  if (der.length === 0) return failed('certificate-not-trusted', 'the peer sent no certificate');
  if (session.chainVerdict !== 'trusted') {
    return failed(chainReason(session.chainVerdict), chainText(session, now));
  }
  const weakness = session.securityLevel < 2 ? weaknessText(session, now) : '';
  if (weakness !== '') return failed('validation-failure', weakness);
  const leaf = certificateOf(der);
  const reading = readCertificate(leaf);
  if (reading.kind === 'malformed') {
    return failed('validation-failure', `the peer's certificate cannot be read (${reading.text})`);
  }
  const matched = [
    ...pkix.names.filter((name) => sanMatches(leaf, name)),
    ...pkix.subdomains.flatMap((domain) => dnsIdsBelow(leaf, domain)),
  ];
  if (matched.length > 0) {
    const verdict = checkConstraints(leaf, matched, session);
    return verdict.kind === 'failed' || pkix.also === undefined
      ? verdict
      : checkPkix({ names: [pkix.also], subdomains: [], extraRoots: pkix.extraRoots }, session, now);
  }
  const wanted = [...pkix.names, ...pkix.subdomains.map((domain) => `*.${domain}`)].join(', ');
  const seen = printable(leaf.subjectAltName ?? 'no subject alternative name');
  return failed('certificate-host-mismatch', `the certificate is for ${seen}, not for ${wanted}`);
}

/** `matched`: the names that the leaf is good for, as long as no CA above it forbids them. */
function checkConstraints(
  leaf: X509Certificate,
  matched: readonly string[],
  { certificates, roots }: TlsSession,
): Verdict {
  const issuers = [...certificates.chain().slice(1), ...roots().constraining()];
  const budget = new WorkBudget();
  try {
    let forbidding: X509Certificate | undefined;
    for (const name of matched) {
      const issuer = forbiddingIssuer(leaf, issuers, name, budget);
      if (issuer === undefined) return met('pkix');
      forbidding ??= issuer;
    }
    const whose = forbidding === undefined ? '' : subjectOf(forbidding);
    const text = `the certificate may not stand for ${matched[0] ?? ''}: an issuer of it (${whose}) does not permit that name`;
    return failed('validation-failure', text);
  } catch (error) {
    if (error instanceof WorkBudgetSpent) return failed('validation-failure', error.message);
    throw error;
  }
}

function checkFingerprints(accepted: readonly string[], session: TlsSession): Verdict {
  const { leaf } = session.certificates;
  if (leaf.length === 0) return failed('certificate-not-trusted', 'the peer sent no certificate');
  const seen = createHash('sha256').update(leaf).digest('hex');
  return accepted.includes(seen)
    ? met('fingerprint')
    : failed(
        'certificate-not-trusted',
        `the fingerprint of the certificate is ${seen}, which the rule does not list`,
      );
}

/** OpenSSL's X509_V_ERR codes, as the result types of RFC 8460 section 4.3.1 know them. */
function chainReason(code: string): FailureReason {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'certificate-expired';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_UNTRUSTED':
      return 'certificate-not-trusted';
    default:
      return 'validation-failure';
  }
}

function chainText(session: TlsSession, now: Date): string {
  const { chainVerdict, certificates } = session;
  if (chainVerdict === 'CERT_HAS_EXPIRED' || chainVerdict === 'CERT_NOT_YET_VALID') {
    return datesText(certificates.chain(), chainVerdict, now);
  }
  const weakness = saysNothing.has(chainVerdict) ? weaknessText(session, now) : '';
  return weakness === '' ? chainCodeText(chainVerdict) : weakness;
}

/** What Node makes of X509_V_ERR_EE_KEY_TOO_SMALL and its like, and what it may once make of them. */
const saysNothing = new Set(['UNSPECIFIED', 'EE_KEY_TOO_SMALL', 'CA_KEY_TOO_SMALL', 'CA_MD_TOO_WEAK']);

/** What is too weak in the chain, empty where nothing is. */
function weaknessText({ certificates, roots }: TlsSession, now: Date): string {
  const weakness = chainWeakness(certificates.chain(), roots(), now);
  if (weakness === 'none') return '';
  return `${nameOf(weakness.certificate, weakness.depth)} ${weakness.text}`;
}

function failed(reason: FailureReason, text: string): Verdict {
  return { kind: 'failed', failure: { reason, text } };
}

function met(verified: string): Verdict {
  return { kind: 'met', verified };
}
