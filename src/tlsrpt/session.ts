/** What one session, or a host that was refused, is to the policies that were judged. Pure. */
import type { FailureReason } from '../failure';
import type { OutboundRule } from '../peers/rule';
import type { Judged, ReportedPolicy } from './judged';
import { resultOf, type Result } from './result_type';

/** How a session with a host came out, as far as TLS is concerned. */
export type Met =
  /** TLS, with what each policy that was judged makes of it; `pass` or why not, in the order of the policies. */
  | { readonly kind: 'tls'; readonly verdicts: readonly ('pass' | FailureReason)[] }
  /** TLS failed, or was refused, whatever the policy. */
  | { readonly kind: 'failed'; readonly reason: FailureReason }
  /** The host offers none. That is a failure where it was required, or a policy of the peer asks for it. */
  | { readonly kind: 'not_offered'; readonly wanted: 'required' | 'if_offered' }
  /** Nobody connected: what is known beforehand rules the host out. */
  | { readonly kind: 'refused' };

export interface PolicyResult {
  readonly policy: ReportedPolicy;
  readonly result: Result | 'success';
}

/** One for each policy that is concerned. */
export function policyResults(judged: readonly Judged[], met: Met): PolicyResult[] {
  return judged.flatMap(({ policy, known }, at): PolicyResult[] => {
    const reason = reasonFor(policy, known, met, at);
    if (reason === 'not_concerned') return [];
    if (reason === 'pass') return [{ policy, result: 'success' }];
    const result = resultOf(reason);
    return result === 'not_reported' ? [] : [{ policy, result }];
  });
}

function reasonFor(
  policy: ReportedPolicy,
  known: Judged['known'],
  met: Met,
  at: number,
): 'pass' | 'not_concerned' | FailureReason {
  switch (met.kind) {
    case 'refused':
      return known === 'none' ? 'not_concerned' : known;
    case 'failed':
      // Of our own making, whatever else is known.
      return known === 'none' || resultOf(met.reason) === 'not_reported' ? met.reason : known;
    case 'not_offered':
      if (known !== 'none') return known;
      return met.wanted === 'required' || policy.type !== 'no-policy-found'
        ? 'starttls-not-supported'
        : 'not_concerned';
    case 'tls':
      return known === 'none' ? (met.verdicts[at] ?? 'pass') : known;
  }
}

/** One result of one session, for the record. */
export interface CountedResult extends PolicyResult {
  /** Whose report it belongs to: the recipient domain, of a route the host. */
  readonly domain: string;
  readonly mode: Exclude<OutboundRule['tlsReports'], 'off'>;
  readonly details: SessionDetails;
}

/** What a failure is described with; empty where it is not known. */
export interface SessionDetails {
  readonly mxHost: string;
  readonly receivingIp: string;
  readonly sendingIp: string;
  /** What the host called itself. */
  readonly helo: string;
}

/** Counts. Nothing waits for it, and nothing it does is thrown. */
export interface SessionCounter {
  count(results: readonly CountedResult[]): void;
}
