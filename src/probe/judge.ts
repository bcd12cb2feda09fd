/** Whether a message would go to a host that was looked at, under its requirement. Pure. */
import type { Failure } from '../failure';
import type { EncryptedRequirement, OpportunisticRequirement, Requirement } from '../policy/requirement';
import { checkObserved, checkSession, type TlsSession } from '../policy/session';
import { compareVersions, tlsVersion } from '../policy/version';
import { printable } from '../text';
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
  switch (requirement.kind) {
    case 'cleartext':
      return inCleartext([]);
    case 'encrypted':
      return probe.kind === 'encrypted'
        ? encrypted(requirement, probe.session, now)
        : { kind: 'refused', failure: failureOf(probe) };
    case 'opportunistic':
      return probe.kind === 'encrypted'
        ? opportunistic(requirement, probe.session, now)
        : withoutTls(requirement, failureOf(probe));
  }
}

function failureOf(probe: Extract<Probe, { kind: 'no_tls' | 'cleartext' }>): Failure {
  return probe.kind === 'no_tls'
    ? probe.failure
    : { reason: 'starttls-not-supported', text: 'TLS was not asked for' };
}

function encrypted(requirement: EncryptedRequirement, session: TlsSession, now: Date): ProbeVerdict {
  const verdict = checkSession(requirement, session, now);
  if (verdict.kind === 'failed') return { kind: 'refused', failure: verdict.failure };
  const goes = { kind: 'goes', tlsVersion: session.protocol ?? '', verified: verdict.verified } as const;
  return observed(goes, requirement, session, now);
}

function opportunistic(requirement: OpportunisticRequirement, session: TlsSession, now: Date): ProbeVerdict {
  const version = tlsVersion(session.protocol);
  if (version === undefined || compareVersions(version, requirement.minVersion) < 0) {
    const seen = printable(session.protocol ?? 'no TLS');
    const text = `the peer speaks ${seen}, the rule asks for ${requirement.minVersion} or later`;
    return withoutTls(requirement, { reason: 'tls-version-too-low', text });
  }
  const goes = { kind: 'goes', tlsVersion: version, verified: 'unauthenticated' } as const;
  return observed(goes, requirement, session, now);
}

function observed(
  goes: Omit<Extract<ProbeVerdict, { kind: 'goes' }>, 'recorded'>,
  requirement: Requirement,
  session: TlsSession,
  now: Date,
): ProbeVerdict {
  const { verified, failures } = checkObserved(requirement, goes.verified, session, now);
  return { ...goes, verified, recorded: failures };
}

/** Cleartext, where `cleartext_fallback` allows it for this failure. */
function withoutTls(requirement: OpportunisticRequirement, failure: Failure): ProbeVerdict {
  const { cleartextFallback, observe } = requirement;
  const notOffered = failure.reason === 'starttls-not-supported';
  const allowed =
    cleartextFallback === 'handshake_failure' || (cleartextFallback === 'no_starttls' && notOffered);
  if (!allowed) return { kind: 'refused', failure };
  // No STARTTLS is what opportunistic is about; it is news only where something more was watched for.
  return inCleartext(notOffered && observe === 'nothing' ? [] : [failure]);
}

function inCleartext(recorded: readonly Failure[]): ProbeVerdict {
  return { kind: 'goes', tlsVersion: '', verified: 'none', recorded };
}
