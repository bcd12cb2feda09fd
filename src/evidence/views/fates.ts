/**
 * What another rule would have done with a message that was seen. Pure.
 *
 * The rule decides as it does for a delivery (`policy/decide`), from what was seen. Where something is not known that the rule
 * looks at, every value that it can have is tried: if all come to the same, it does not matter, and otherwise nobody can tell.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FailureReason } from '../../failure';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { decide } from '../../policy/decide';
import { handshakeTerms } from '../../policy/handshake_terms';
import { minimumVersion } from '../../policy/minimum_version';
import type { Authentication, PkixAuthentication, TlsRequirement } from '../../policy/requirement';
import { securityLevelOf } from '../../tls/security_level';
import { compareVersions } from '../../tls/version';
import type { Sighting } from '../sighting';
import { completions, factsOf, seenHost } from './facts_seen';

/** `tls`, `cleartext`: it goes, so protected. A reason: this host is refused for it. */
export type Fate = 'tls' | 'cleartext' | FailureReason;

/** @param inForce the rule that the message was sent under, as far as it is still known; what it looked at counts for the same */
export function outboundFates(rule: OutboundRule, seen: Sighting, inForce: OutboundRule): ReadonlySet<Fate> {
  const fates = new Set<Fate>();
  for (const complete of completions(seen, rule.level))
    for (const fate of fatesOf(rule, complete, inForce)) fates.add(fate);
  return fates;
}

function fatesOf(rule: OutboundRule, seen: Sighting, inForce: OutboundRule): readonly Fate[] {
  const decision = decide(rule, factsOf(seen));
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
          ? authenticated(requirement.authentication, seen, areAlike(rule, inForce))
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

function authenticated(of: Authentication, seen: Sighting, alike: boolean): readonly Fate[] {
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

function pkixFates(pkix: PkixAuthentication, seen: Sighting, alike: boolean): readonly Fate[] {
  const known = asBefore(seen, alike);
  if (known !== undefined) return known;
  const namesHost = pkix.names.includes(seenHost);
  const namesMore = pkix.names.length > 1 || pkix.subdomains.length > 0;
  switch (seen.pkix) {
    case 'unknown':
      return either;
    case 'pass':
      return namesHost ? ['tls'] : either;
    case 'pass_added':
      return namesHost && alike ? ['tls'] : either;
    case 'certificate-host-mismatch':
      return namesHost && !namesMore ? [seen.pkix] : either;
    case 'certificate-expired':
    case 'tls-handshake-failed':
      return [seen.pkix];
    default:
      // Other roots might have been behind it.
      return pkix.extraRoots === undefined || alike ? [seen.pkix] : either;
  }
}

/** The verdict of the rule in force, where that asked for the same at `verify`. */
function asBefore({ level, verified, enforcement }: Sighting, alike: boolean): readonly Fate[] | undefined {
  if (!alike || level !== 'verify' || enforcement === 'monitor') return undefined;
  return verified === 'pkix' || verified === 'fingerprint' ? ['tls'] : undefined;
}

function areAlike(rule: OutboundRule, inForce: OutboundRule): boolean {
  return (
    isDeepStrictEqual(rule.match, inForce.match) &&
    isDeepStrictEqual(rule.fingerprints, inForce.fingerprints) &&
    rule.extraRoots === inForce.extraRoots
  );
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
