/** Whether a message would go to a host that was looked at, under its requirement. Pure. */
import type { Failure } from '../failure';
import type { Requirement, TlsRequirement } from '../policy/requirement';
import { checkSession } from '../policy/session';
import type { Probe } from './probe';

export type ProbeVerdict =
  | {
      readonly kind: 'goes';
      /** Such as `TLSv1.3`; empty in cleartext. */
      readonly tlsVersion: string;
      /** How the peer is authenticated: `dane 3 1 1`, `pkix`, `unauthenticated`; `none` in cleartext. */
      readonly verified: string;
      /** Failures that are recorded and do not stop the message. */
      readonly recorded: readonly Failure[];
    }
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** It was not reached, or is no mail server now. */
  | { readonly kind: 'unreachable'; readonly problem: string };

export function judgeProbe(requirement: Requirement, probe: Probe, now: Date): ProbeVerdict {
  if (probe.kind === 'unreachable' || probe.kind === 'no_dialogue') {
    return { kind: 'unreachable', problem: probe.problem };
  }
  if (requirement.kind === 'cleartext') return inCleartext([]);
  if (probe.kind !== 'encrypted') return withoutTls(requirement, failureOf(probe));
  const verdict = checkSession(requirement, probe.session, now);
  if (verdict.kind === 'failed') return withoutTls(requirement, verdict.failure);
  if (probe.then.kind === 'failed') return { kind: 'unreachable', problem: probe.then.problem };
  const { verified, recorded } = verdict;
  return { kind: 'goes', tlsVersion: probe.session.protocol ?? '', verified, recorded };
}

function failureOf(probe: Extract<Probe, { kind: 'no_tls' | 'cleartext' }>): Failure {
  return probe.kind === 'no_tls'
    ? probe.failure
    : { reason: 'starttls-not-supported', text: 'TLS was not asked for' };
}

/** Cleartext, where the requirement allows it for this failure. */
function withoutTls(requirement: TlsRequirement, failure: Failure): ProbeVerdict {
  if (requirement.kind === 'encrypted') return { kind: 'refused', failure };
  const { cleartextFallback, observe } = requirement;
  const notOffered = failure.reason === 'starttls-not-supported';
  const allowed =
    cleartextFallback === 'handshake_failure' || (cleartextFallback === 'no_starttls' && notOffered);
  if (!allowed) return { kind: 'refused', failure };
  // No STARTTLS is what opportunistic is about; it is news only where something more was watched for.
  return inCleartext(notOffered && observe === undefined ? [] : [failure]);
}

function inCleartext(recorded: readonly Failure[]): ProbeVerdict {
  return { kind: 'goes', tlsVersion: '', verified: 'none', recorded };
}
