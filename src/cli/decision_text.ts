/** What was decided about a destination, in words. Pure. */
import type { Authentication, Decision, HostPlan, Requirement } from '../policy/requirement';
import { labelled } from './layout/paragraph';
import { stacked, table } from './layout/table';
import type { Output } from './output';
import { problemsOf, problemText } from './unsent';

/** A line for each host, or why none would be tried. */
export function decisionLines(output: Output, decision: Decision): string[] {
  if (decision.kind !== 'deliver') {
    const fate = decision.kind === 'defer' ? 'deferred' : 'undeliverable';
    return problemsOf(decision).flatMap((problem) =>
      labelled(output, { text: fate, style: 'red' }, [problemText(problem)], { width: fate.length + 2 }),
    );
  }
  const plans = decision.hosts.map((plan) => [
    { text: 'try', style: 'green' as const },
    plan.host,
    `${requirementText(plan.requirement)}${keywordText(plan)}`,
    discoveredText(plan),
  ]);
  const refused = decision.refused.map(({ host, failure, discovered }) => [
    { text: 'refuse', style: 'red' as const },
    host,
    `${failure.reason}: ${failure.text}`,
    discovered,
  ]);
  const rows = [...plans, ...refused];
  if (output.width === undefined) return table(output, rows);
  return rows.flatMap(([verdict = '', host = '', ...facts]) => stacked(output, [verdict, host], facts));
}

function keywordText({ requireTls }: HostPlan): string {
  if (requireTls === undefined) return '';
  return requireTls === 'required' ? ', and it offers REQUIRETLS' : ', and REQUIRETLS where it is offered';
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

export function pkixNames(pkix: Extract<Authentication, { kind: 'pkix' }>['pkix']): string {
  return [...pkix.names, ...pkix.subdomains.map((domain) => `*.${domain}`)].join(' or ');
}
