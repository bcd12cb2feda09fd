/**
 * What another rule would have done with a message that was seen. Pure.
 *
 * The rule decides as it does for a delivery (`policy/decide`), from what was seen. Where something is not known that the rule
 * looks at, every value that it can have is tried: if all come to the same, it does not matter, and otherwise nobody can tell.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FailureReason } from '../../failure';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import type { SenderTag } from '../../peers/sender_tag';
import { decide } from '../../policy/decide';
import { handshakeTerms } from '../../policy/handshake_terms';
import { minimumVersion } from '../../policy/minimum_version';
import { askingUnder, ruleUnder, treatmentOf, type Treatment } from '../../policy/require_tls';
import { heldToSender } from '../../policy/require_tls_hosts';
import type { Authentication, PkixAuthentication, TlsRequirement } from '../../policy/requirement';
import { securityLevelOf } from '../../tls/security_level';
import { compareVersions } from '../../tls/version';
import type { Sighting } from '../sighting';
import { completions, factsOf, seenDomain, seenHost } from './facts_seen';

/** `tls`, `cleartext`: it goes, so protected. A reason: this host is refused for it. */
export type Fate = 'tls' | 'cleartext' | FailureReason;

/** @param inForce the rule that the message was sent under, as far as it is still known; what it looked at counts for the same */
export function outboundFates(rule: OutboundRule, seen: Sighting, inForce: OutboundRule): ReadonlySet<Fate> {
  const treatment = treatmentOf(tagBehind[seen.requireTls], 'with_sender', rule);
  const held = ruleUnder(treatment, rule);
  const fates = new Set<Fate>();
  for (const complete of completions(seen, askingUnder(treatment, held)))
    for (const fate of fatesOf({ rule: held, treatment }, complete, inForce))
      for (const one of keywordFates(fate, treatment, seen, inForce)) fates.add(one);
  return fates;
}

const tagBehind = { unasked: 'untagged', required: 'required', no: 'optional' } as const satisfies Record<
  Sighting['requireTls'],
  SenderTag
>;

/** Whether the host offers REQUIRETLS is known where that mattered. */
function keywordFates(
  fate: Fate,
  { keyword }: Treatment,
  { reason, outcome }: Sighting,
  { requireTls }: OutboundRule,
): readonly Fate[] {
  const isRefused = fate !== 'tls' && fate !== 'cleartext';
  if (keyword !== 'required' || isRefused) return [fate];
  if (reason === 'requiretls-not-offered') return [reason];
  // The bounce of such a message goes without, and would again.
  return outcome === 'delivered' && requireTls === 'enforce' ? [fate] : [fate, 'requiretls-not-offered'];
}

/** The same of a host of which nothing was seen, of a peer of whose other host that was. */
export function fatesElsewhere(rule: OutboundRule, seen: Sighting, inForce: OutboundRule): ReadonlySet<Fate> {
  const { policy } = seen;
  const ofAnother: Sighting = {
    ...seen,
    outcome: 'deferred',
    reason: 'none',
    tls: 'unknown',
    startTls: 'unknown',
    verified: 'unknown',
    pkix: 'unknown',
    named: 'unknown',
    tlsa: 'unknown',
    policy: policy === 'enforce' || policy === 'enforce_not_named' ? 'unknown' : policy,
  };
  return outboundFates(rule, ofAnother, inForce);
}

interface Held {
  readonly rule: OutboundRule;
  readonly treatment: Treatment;
}

function fatesOf({ rule, treatment }: Held, seen: Sighting, inForce: OutboundRule): readonly Fate[] {
  const facts = factsOf(seen);
  const decision = heldToSender(decide(rule, facts), treatment, { rule, facts, probed: 'not_probed' });
  if (decision.kind !== 'deliver') return ['internal-error'];
  const [plan] = decision.hosts;
  if (plan === undefined) return [decision.refused[0]?.failure.reason ?? 'internal-error'];
  const { requirement } = plan;
  switch (requirement.kind) {
    case 'cleartext':
      return ['cleartext'];
    case 'opportunistic':
      return handshakes(requirement, seen).map((handshake): Fate => {
        if (handshake === 'done') return 'tls';
        const { cleartextFallback } = requirement;
        const allowed =
          cleartextFallback === 'handshake_failure' ||
          (cleartextFallback === 'no_starttls' && handshake === 'starttls-not-supported');
        return allowed ? 'cleartext' : handshake;
      });
    case 'encrypted':
      return handshakes(requirement, seen).flatMap((handshake) =>
        handshake === 'done'
          ? authenticated(requirement.authentication, seen, likeness(rule, inForce))
          : [handshake],
      );
  }
}

type Handshake = 'done' | 'starttls-not-supported' | 'tls-handshake-failed' | 'tls-version-too-low';

/** What can become of a handshake that asks for this. Both sides always agree on the highest version that they share. */
function handshakes(requirement: TlsRequirement, seen: Sighting): readonly Handshake[] {
  const { minVersion } = requirement;
  switch (seen.startTls) {
    case 'used':
      if (seen.tls === 'unknown') return ['done', 'tls-version-too-low'];
      // A cipher that does not encrypt.
      if (seen.tls === 'none') return ['tls-handshake-failed'];
      return compareVersions(seen.tls, minVersion) >= 0 ? ['done'] : ['tls-version-too-low'];
    case 'not_offered':
      return ['starttls-not-supported'];
    case 'broken':
      return ['tls-handshake-failed'];
    case 'too_old':
      // All are spoken that are older than what was asked for, or some of them.
      if (minVersion === 'TLSv1' && seen.minimum !== 'TLSv1') return ['done'];
      return seen.minimum !== 'unknown' && compareVersions(minVersion, seen.minimum) >= 0
        ? ['tls-version-too-low']
        : ['done', 'tls-version-too-low'];
    case 'failed': {
      const { minimum, strength } = seen;
      const isAsStrict =
        minimum !== 'unknown' &&
        strength !== 'unknown' &&
        compareVersions(minVersion, minimum) >= 0 &&
        securityLevelOf(handshakeTerms(requirement)) >= strength;
      return isAsStrict ? ['tls-handshake-failed'] : ['done', 'tls-handshake-failed'];
    }
    case 'not_tried':
    case 'unknown':
      return ['done', 'starttls-not-supported', 'tls-handshake-failed'];
  }
}

const either: readonly Fate[] = ['tls', 'certificate-not-trusted'];

function authenticated(of: Authentication, seen: Sighting, alike: Likeness): readonly Fate[] {
  switch (of.kind) {
    case 'none':
      return ['tls'];
    case 'dane':
      return daneFates(seen);
    case 'pkix':
      return pkixFates(of.pkix, seen, alike);
    case 'dane_and_pkix':
      return daneFates(seen).flatMap((fate) => (fate === 'tls' ? pkixFates(of.pkix, seen, alike) : [fate]));
    case 'fingerprints':
      return asBefore(seen, alike) ?? either;
  }
}

function daneFates({ tlsa }: Sighting): readonly Fate[] {
  return tlsa === 'pass' ? ['tls'] : tlsa === 'fail' ? ['validation-failure'] : ['tls', 'validation-failure'];
}

function pkixFates(pkix: PkixAuthentication, seen: Sighting, alike: Likeness): readonly Fate[] {
  const known = asBefore(seen, alike);
  if (known !== undefined) return known;
  switch (seen.pkix) {
    case 'unknown':
      return either;
    case 'pass':
    case 'pass_added':
    case 'certificate-host-mismatch':
      return nameFates(pkix, seen, alike);
    case 'certificate-expired':
    case 'tls-handshake-failed':
      return [seen.pkix];
    default:
      // Other roots might have been behind it.
      return pkix.extraRoots === undefined || alike.roots ? [seen.pkix] : either;
  }
}

/** PKIX vouches for the chain, at least by the roots of the rule in force. */
function nameFates(
  { names, subdomains }: PkixAuthentication,
  seen: Sighting,
  { roots, noneAdded }: Likeness,
): readonly Fate[] {
  const isGood = [
    ...names.map((name) => isNamed(name, seen)),
    ...subdomains.map((name) => isBelow(name, seen)),
  ];
  if (isGood.includes('yes')) {
    const isTrusted =
      seen.pkix === 'pass' || (seen.pkix === 'pass_added' ? roots && !noneAdded : roots || noneAdded);
    return isTrusted ? ['tls'] : either;
  }
  return isGood.includes('unknown') ? either : ['certificate-host-mismatch'];
}

type Answer = 'yes' | 'no' | 'unknown';

function isNamed(name: string, { pkix, named }: Sighting): Answer {
  if (name === seenHost) return pkix === 'certificate-host-mismatch' ? 'no' : 'yes';
  if (name !== seenDomain || named === 'unknown') return 'unknown';
  return named === 'nexthop' || named === 'both' ? 'yes' : 'no';
}

function isBelow(domain: string, { named }: Sighting): Answer {
  if (domain !== seenDomain || named === 'unknown') return 'unknown';
  return named === 'dot_nexthop' || named === 'both' ? 'yes' : 'no';
}

/** The verdict of the rule in force, where that asked for the same at `verify`. */
function asBefore(
  { level, verified, enforcement }: Sighting,
  { all }: Likeness,
): readonly Fate[] | undefined {
  if (!all || level !== 'verify' || enforcement === 'monitor') return undefined;
  return verified === 'pkix' || verified === 'fingerprint' ? ['tls'] : undefined;
}

/** What two rules have in common of what they ask of a certificate. */
interface Likeness {
  readonly all: boolean;
  readonly roots: boolean;
  /** The one in force trusts no other roots than all do. */
  readonly noneAdded: boolean;
}

function likeness(rule: OutboundRule, inForce: OutboundRule): Likeness {
  const roots = rule.extraRoots === inForce.extraRoots;
  return {
    all:
      roots &&
      isDeepStrictEqual(rule.match, inForce.match) &&
      isDeepStrictEqual(rule.fingerprints, inForce.fingerprints),
    roots,
    noneAdded: inForce.extraRoots === undefined,
  };
}

export function inboundFates(rule: InboundRule, seen: Sighting): ReadonlySet<Fate> {
  const isCleartext = seen.tls === 'none';
  const admitted: Fate = isCleartext ? 'cleartext' : 'tls';
  if (rule.enforcement === 'monitor') return new Set([admitted]);
  if (isCleartext) return new Set([rule.level === 'mandatory' ? 'starttls-not-supported' : admitted]);
  if (rule.minTlsVersion === 'none') return new Set([admitted]);
  const minimum = minimumVersion(rule.minTlsVersion, 'none');
  if (seen.tls === 'unknown') return new Set(['tls-version-too-low']);
  return new Set([compareVersions(seen.tls, minimum) >= 0 ? admitted : 'tls-version-too-low']);
}
