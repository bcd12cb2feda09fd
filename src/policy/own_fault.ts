/**
 * `dane-required` says that the peer has no DANE. While none of our resolvers is known to validate, nobody can say that of
 * any peer: the fault is ours, and the message waits. Pure.
 */
import { isIP } from 'node:net';
import { findingText, type ProbeResult } from '../dns/probe';
import type { Failure } from '../failure';
import type { Decision, HostPlan, RefusedHost } from './requirement';

/** What the last probe of the resolvers came to. */
export type Probed = ProbeResult | 'not_probed';

/** `decision`, with the blame where it belongs. */
export function withOwnFault(decision: Decision, probed: Probed): Decision {
  if (decision.kind !== 'deliver') return decision;
  const ours = whyNobodyCanTell(probed);
  if (ours === undefined || ![...decision.refused, ...decision.hosts].some(isConcerned)) return decision;
  return {
    ...decision,
    refused: decision.refused.map((host) => ({ ...host, failure: blamed(host.host, host.failure, ours) })),
    hosts: decision.hosts.map((host) => ({
      ...host,
      recorded: host.recorded.map((failure) => blamed(host.host, failure, ours)),
    })),
  };
}

function isConcerned(host: RefusedHost | HostPlan): boolean {
  const failures = 'failure' in host ? [host.failure] : host.recorded;
  return failures.some(({ reason }) => reason === 'dane-required');
}

/** An address has no DANE, and no resolver is needed to tell. What is known to be our fault needs no other reason. */
function blamed(host: string, failure: Failure, ours: string): Failure {
  if (failure.reason !== 'dane-required' || failure.fault === 'ours' || isIP(host) !== 0) return failure;
  const text = `DANE is required, and our own resolver cannot tell whether it applies to ${host}: ${ours}`;
  return { reason: failure.reason, text, fault: 'ours' };
}

/** @returns `undefined` where a resolver validates: it is that one's word that counts for DANE */
export function whyNobodyCanTell(probed: Probed): string | undefined {
  if (probed === 'not_probed') return 'it is not known yet whether it validates DNSSEC';
  const { findings, question } = probed;
  if (findings.some(({ kind }) => kind === 'validates')) return undefined;
  if (findings.length === 0) return 'no resolver is configured';
  return findings.map((finding) => findingText(finding, question)).join('; ');
}
