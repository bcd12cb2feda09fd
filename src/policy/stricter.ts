/**
 * The rules that are stricter than one in force, the strictest first. Pure.
 *
 * What is kept is everything that the rule says beside level, lowest version, fallback and enforcement. Each step forbids
 * cleartext, unless it only begins to enforce what is watched now. `auto`, `opportunistic_dane` and `mta_sts` stay what they
 * are where no step up the ladder holds: they forbid cleartext then, and go on following what the peer publishes.
 */
import { encryptedLevels, forbidsCleartext } from '../peers/cleartext';
import type { InboundRule, MinTlsVersion, OutboundRule, OutboundValues, SecurityLevel } from '../peers/rule';
import { compareVersions } from '../tls/version';
import { minimumVersion } from './minimum_version';

/**
 * From each level up, without those of which neither is stricter than the other: `verify` holds to names that an operator
 * wrote, `mandatory_dane` to what DNSSEC vouches for.
 */
const ladder: Readonly<Record<SecurityLevel, readonly SecurityLevel[]>> = {
  // Somebody wrote that TLS is not to be tried.
  none: [],
  opportunistic: ['mandatory_dane', 'verify', 'mandatory'],
  mandatory: ['mandatory_dane', 'verify'],
  verify: [],
  opportunistic_dane: ['mandatory_dane', 'verify'],
  mandatory_dane: [],
  mta_sts: ['verify'],
  auto: ['mandatory_dane', 'verify'],
};

export function stricterRules(inForce: OutboundRule): OutboundRule[] {
  if (inForce.level === 'none') return [];
  return levelsAbove(inForce).flatMap((step) => withVersions(step, inForce));
}

/** The same with the lowest version as it is. */
export function stricterSteps(inForce: OutboundRule): OutboundRule[] {
  if (inForce.level === 'none') return [];
  return levelsAbove(inForce).filter((step) => Object.keys(changeFrom(inForce, step)).length > 0);
}

/** Of an inbound rule, with the lowest version as it is. */
export function stricterInboundSteps(inForce: InboundRule): InboundRule[] {
  const enforced: InboundRule = { ...inForce, level: 'mandatory', enforcement: 'enforce' };
  return Object.keys(changeFrom(inForce, enforced)).length > 0 ? [enforced] : [];
}

function levelsAbove(inForce: OutboundRule): OutboundRule[] {
  const enforced: OutboundRule = { ...inForce, enforcement: 'enforce' };
  const above = ladder[inForce.level]
    .filter((level) => level !== 'mandatory' || !forbidsCleartext(inForce))
    .map((level): OutboundRule => ({ ...enforced, level }));
  const same: OutboundRule[] = encryptedLevels.has(inForce.level)
    ? [enforced]
    : inForce.level === 'opportunistic'
      ? // `mandatory` says the same, and more plainly.
        forbidsCleartext(enforced)
        ? [enforced]
        : []
      : [{ ...enforced, cleartextFallback: 'never' }];
  return distinct([...above, ...same, ...(canBeEnforced(inForce) ? [enforced] : [])]);
}

/**
 * Watched, TLS of any version is used. Enforced, a level that allows cleartext sends it to peers below the minimum: that is less.
 */
function canBeEnforced({ enforcement, level, minTlsVersion }: OutboundRule): boolean {
  if (enforcement === 'enforce' || level === 'opportunistic') return false;
  return encryptedLevels.has(level) || minTlsVersion === 'by_requirement' || minTlsVersion === 'none';
}

/** With each lowest version that is higher than the one that it has by itself, and as it is where that is a step, too. */
function withVersions(step: OutboundRule, inForce: OutboundRule): OutboundRule[] {
  // Where cleartext is allowed, a peer below the minimum would be sent cleartext.
  const versions = forbidsCleartext(step) ? higherVersions(step) : [];
  return [
    ...versions.map((minTlsVersion): OutboundRule => ({ ...step, minTlsVersion })),
    ...(Object.keys(changeFrom(inForce, step)).length > 0 ? [step] : []),
  ];
}

function higherVersions({ minTlsVersion, level, fingerprints }: OutboundRule): MinTlsVersion[] {
  const lowest = minimumVersion(minTlsVersion, useOf(level, fingerprints));
  return (['1.3', '1.2'] as const).filter(
    (version) => compareVersions(minimumVersion(version, 'opportunistic'), lowest) > 0,
  );
}

/** Where a level leads to different requirements, the one with the lowest minimum. */
function useOf(level: SecurityLevel, fingerprints: readonly string[]): Parameters<typeof minimumVersion>[1] {
  switch (level) {
    case 'mandatory':
      return 'none';
    case 'mandatory_dane':
      return 'dane';
    case 'verify':
      return fingerprints.length > 0 ? 'fingerprints' : 'pkix';
    default:
      return 'opportunistic';
  }
}

function distinct(rules: readonly OutboundRule[]): OutboundRule[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** What has to be written to come from one rule to the other. */
export type RuleStep = Pick<
  OutboundValues,
  'security_level' | 'min_tls_version' | 'cleartext_fallback' | 'enforcement'
>;

export function changeFrom<Rule extends InboundRule | OutboundRule>(before: Rule, after: Rule): RuleStep {
  const fallback = 'cleartextFallback' in after ? after.cleartextFallback : undefined;
  const fallbackBefore = 'cleartextFallback' in before ? before.cleartextFallback : undefined;
  return {
    ...(after.level === before.level ? {} : { security_level: after.level }),
    ...(after.minTlsVersion === before.minTlsVersion || after.minTlsVersion === 'by_requirement'
      ? {}
      : { min_tls_version: after.minTlsVersion }),
    ...(fallback === undefined || fallback === fallbackBefore ? {} : { cleartext_fallback: fallback }),
    ...(after.enforcement === before.enforcement ? {} : { enforcement: after.enforcement }),
  };
}
