/** What was decided about a destination, in words. Pure. */
import type { Authentication, Decision, HostPlan, Requirement } from '../policy/requirement';
import { paint, table, type Output } from './output';
import { problemsOf, problemText } from './unsent';

/** A line for each host, or why none would be tried. */
export function decisionLines(output: Output, decision: Decision): string[] {
  if (decision.kind !== 'deliver') {
    const fate = paint(output, 'red', decision.kind === 'defer' ? 'deferred' : 'undeliverable');
    return problemsOf(decision).map((problem) => `${fate}  ${problemText(problem)}`);
  }
  const plans = decision.hosts.map((plan) => [
    { text: 'try', style: 'green' as const },
    plan.host,
    requirementText(plan.requirement),
    discoveredText(plan),
  ]);
  const refused = decision.refused.map(({ host, failure, discovered }) => [
    { text: 'refuse', style: 'red' as const },
    host,
    `${failure.reason}: ${failure.text}`,
    discovered,
  ]);
  return table(output, [...plans, ...refused]);
}

function discoveredText({ discovered, recorded }: HostPlan): string {
  return [discovered, ...recorded.map(({ reason }) => `recorded ${reason}`)].join('; ');
}

/** One line for people. */
export function requirementText(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'cleartext':
      return `cleartext (${requirement.because})`;
    case 'encrypted':
      return `${requirement.minVersion} or newer, ${authenticationText(requirement.authentication)} (${requirement.because})${watchedText(requirement)}`;
    case 'opportunistic':
      return `TLS if offered (${requirement.minVersion} or newer), cleartext_fallback ${requirement.cleartextFallback} (${requirement.because})${watchedText(requirement)}`;
  }
}

function watchedText({ observe }: Exclude<Requirement, { kind: 'cleartext' }>): string {
  return observe === undefined ? '' : `; observed: ${requirementText(observe)}`;
}

function authenticationText(authentication: Authentication): string {
  switch (authentication.kind) {
    case 'none':
      return 'no authentication';
    case 'dane':
      return `DANE at ${authentication.dane.baseDomain}`;
    case 'pkix':
      return `PKIX for ${pkixNames(authentication.pkix)}`;
    case 'dane_and_pkix':
      return `DANE at ${authentication.dane.baseDomain} and PKIX for ${pkixNames(authentication.pkix)}`;
    case 'fingerprints':
      return `one of ${authentication.sha256.length} certificates`;
  }
}

function pkixNames(pkix: Extract<Authentication, { kind: 'pkix' }>['pkix']): string {
  return [...pkix.names, ...pkix.subdomains.map((domain) => `*.${domain}`)].join(' or ');
}
