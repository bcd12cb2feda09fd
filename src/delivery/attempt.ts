/** What one attempt to deliver one message knows and has seen. */
import { enhancedStatus, type Failure } from '../failure';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import type { AnswerFacts } from '../policy/decide_answer';
import type { Facts } from '../policy/facts';
import { treatmentOf, type Treatment } from '../policy/require_tls';
import type { Because, Decision, HostPlan, Requirement } from '../policy/requirement';
import type { Lease } from '../session/connections';
import { TimeBudget } from '../session/time_budget';
import type { Answer } from '../smtp/reply';
import type { HarakaMx, HMailItem } from './haraka';
import type { HostSeen } from './host_seen';
import type { HostTry } from './host_try';

/** One host that was not delivered to; `host` is empty where the fault is our own. */
export type HostFailure =
  /** The requirement was not met, or the host was refused before one was held against it (`because` says `nothing`). */
  | {
      readonly kind: 'policy';
      readonly host: string;
      readonly failure: Failure;
      readonly because: Because | 'nothing';
    }
  /** No connection, or it broke. `answer`: with which words (4yz) the host ended the session. */
  | {
      readonly kind: 'network';
      readonly host: string;
      readonly text: string;
      readonly answer?: Answer;
    };

export type Phase =
  /** No plugin has answered `get_mx`. */
  | { readonly kind: 'undecided' }
  /** Facts are being gathered; an answer of Haraka's in the meantime is not for us to follow. */
  | { readonly kind: 'deciding' }
  /** The plugin `by` chose the hosts; what they must satisfy is still to be decided. */
  | { readonly kind: 'answered'; readonly by: string | undefined }
  | { readonly kind: 'decided'; readonly decision: Decision; readonly source: Source };

/** Who chose the hosts. */
export type Source =
  | { readonly kind: 'mx' }
  /** As the plugin answered, for another decision about the same hosts. */
  | { readonly kind: 'plugin'; readonly by: string | undefined; readonly entries: readonly HarakaMx[] };

/** What a session came to be. */
export interface Connected {
  readonly plan: HostPlan;
  readonly address: string;
  /** Empty in cleartext. */
  readonly tlsVersion: string;
  readonly cipher: string;
  /** The key exchange group; empty where Node does not tell. */
  readonly group: string;
  /** How the peer was authenticated: `dane 3 1 1`, `pkix`, `unauthenticated`, `none` in cleartext. */
  readonly verified: string;
  /** Messages that the session had carried before this one. */
  readonly messagesBefore: number;
}

const unasked = treatmentOf('untagged', 'with_sender', { requireTls: 'enforce' });

export class Attempt {
  phase: Phase = { kind: 'undecided' };
  rule: OutboundRule | 'unknown' = 'unknown';
  /** What the sender of the message asks for (RFC 8689). */
  treatment: Treatment = unasked;
  /** The policy that the decision was made from. */
  policy: StsFacts = { kind: 'not_asked' };
  /** What the decision was made from. */
  facts: Facts | AnswerFacts | 'unknown' = 'unknown';
  /** What sessions showed, in their order. */
  readonly seen: HostSeen[] = [];
  /** What `get_mx` answers with: an answer that is not this very list came from somebody else. */
  offered: readonly unknown[] | 'nothing' = 'nothing';
  /** Hosts that are still to be tried, in order; `unread` as long as Haraka has not made its list. */
  queue: HostTry[] | 'unread' = 'unread';
  /** The host that Haraka is connecting to; `none` when the connection stands. */
  connecting: HostTry | 'none' = 'none';
  /** The right to that connection. */
  lease: Lease | 'none' = 'none';
  readonly failures: HostFailure[] = [];
  /** Seen and not enforced: `testing` policies, `monitor`. */
  readonly recorded: { readonly host: string; readonly failure: Failure }[] = [];
  connected: Connected | 'not_yet' = 'not_yet';
  /** What we found ourselves that keeps recipients from getting the message; empty for nothing. */
  found = '';
  /** Whether an `enforce` policy was looked for once more before giving up for good. */
  policyRefreshed = false;
  /** How much of the time for this attempt is left. */
  readonly budget: TimeBudget;

  /** How often the message was deferred before. */
  readonly failuresBefore: number;

  /** @param limit milliseconds that all hosts together may take */
  constructor(limit: number, failuresBefore = 0) {
    this.failuresBefore = failuresBefore;
    this.budget = new TimeBudget(limit, () => performance.now());
  }

  /** The rule's name, empty where none was found. */
  ruleName(): string {
    return this.rule === 'unknown' ? '' : this.rule.name;
  }

  /** Keeps what a decision has against hosts. */
  note(hmail: HMailItem, decision: Decision): void {
    if (decision.kind !== 'deliver') return;
    for (const refused of decision.refused) this.refuse(hmail, refused.host, refused.failure, 'nothing');
    for (const plan of decision.hosts) for (const failure of plan.recorded) this.record(plan.host, failure);
  }

  /** A host that did not meet its requirement, or never will. */
  refuse(hmail: HMailItem, host: string, failure: Failure, because: Because | 'nothing'): void {
    this.failures.push({ kind: 'policy', host, failure, because });
    hmail.loginfo(
      `tls-peers: host ${host} refused: ${failure.reason}: ${failure.text} (rule ${this.ruleName()})`,
    );
  }

  record(host: string, failure: Failure): void {
    if (!this.recorded.some((seen) => seen.host === host && seen.failure.reason === failure.reason)) {
      this.recorded.push({ host, failure });
    }
  }
}

/** Reasons that lie with us or with DNS, which time may cure: never a ground to bounce at once. So is any with a fault of ours. */
const transient = new Set<Failure['reason']>([
  'dns-lookup-failed',
  'dnssec-invalid',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
  'config-invalid',
  'internal-error',
]);

/** Whether every host failed for a reason that the operator wants bounced at once. */
export function isFinal(failures: readonly HostFailure[]): boolean {
  return (
    failures.length > 0 &&
    failures.every(
      (failure) =>
        failure.kind === 'policy' &&
        failure.failure.fault !== 'ours' &&
        !transient.has(failure.failure.reason),
    )
  );
}

/** The same for a message that its sender wants returned: a handshake that the network broke is none to return it for. */
export function isFinalToSender(failures: readonly HostFailure[]): boolean {
  return isFinal(failures) && !failures.some((one) => one.kind === 'policy' && one.failure.passing === true);
}

/** The failure that the DSN names: the first that was a matter of policy, or else the first. */
export function principal(failures: readonly HostFailure[]): HostFailure | undefined {
  return failures.find((failure) => failure.kind === 'policy') ?? failures[0];
}

/** RFC 3463: 4.4.1 is "no answer from host". */
export function statusOf(failure: HostFailure | undefined, permanent: boolean): string {
  if (failure?.kind === 'policy') return enhancedStatus(failure.failure.reason, permanent);
  const status = failure?.answer?.status ?? '';
  return `${permanent ? 5 : 4}${status === '' ? '.4.1' : status.slice(1)}`;
}

export function describeFailure(failure: HostFailure): string {
  const what =
    failure.kind === 'policy' ? `${failure.failure.reason}: ${failure.failure.text}` : failure.text;
  return failure.host === '' ? what : `${failure.host}: ${what}`;
}

/** A requirement in a word or two, for logs and tables. */
export function describeRequirement(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'cleartext':
      return 'cleartext';
    case 'opportunistic':
      return `opportunistic (${requirement.because})`;
    case 'encrypted': {
      const { kind } = requirement.authentication;
      const authentication = kind === 'none' ? 'encrypted' : kind.replace('_and_', '+');
      return `${authentication} (${requirement.because})`;
    }
  }
}
