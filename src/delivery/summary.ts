/** What happened to one message, in one shape for the log line, `hmail.notes.tls_peers` and the counters. */
import { askedBy, tagOf } from '../peers/sender_tag';
import type { HostPlan } from '../policy/requirement';
import { printable } from '../text';
import { describeFailure, describeRequirement, principal, type Attempt, type HostFailure } from './attempt';
import { ascii } from './dsn';
import type { Recipient, Todo } from './haraka';

export interface ReasonSummary {
  /** Empty where the fault is our own. */
  readonly host: string;
  /** A failure reason, or `connection-failed` where the network broke. */
  readonly reason: string;
  readonly text: string;
}

export interface DeliverySummary {
  readonly rule: string;
  readonly level: string;
  readonly peer: string;
  /** The host with which a session stood until it took the message, or said no; empty where there is none. */
  readonly host: string;
  readonly address: string;
  readonly requirement: string;
  readonly discovered: string;
  /** Empty in cleartext. */
  readonly tls_version: string;
  readonly cipher: string;
  /** The key exchange group such as `X25519MLKEM768`; empty where Node does not tell. */
  readonly group: string;
  readonly verified: string;
  /** Messages that the session had carried before this one; absent where there was none. */
  readonly messages_before?: number;
  /** What the sender asked for: `required`, or `no` for "TLS-Required: No" (RFC 8689); absent for other mail. */
  readonly requiretls?: 'required' | 'no';
  /** What the host answered where that, and no rule, kept a recipient from getting the message; empty otherwise. */
  readonly reply: string;
  /** Hosts that were refused or failed in this attempt. */
  readonly reasons: readonly ReasonSummary[];
  /** What would have failed where it is only observed (`testing`, `monitor`). */
  readonly recorded: readonly ReasonSummary[];
}

export function summarize(attempt: Attempt, { domain: peer, rcpt_to, notes }: Todo): DeliverySummary {
  const { rule, connected } = attempt;
  const session = connected === 'not_yet' ? undefined : connected;
  const tag = tagOf(notes);
  const planned =
    attempt.phase.kind === 'decided' && attempt.phase.decision.kind === 'deliver'
      ? attempt.phase.decision
      : undefined;
  return {
    rule: rule === 'unknown' ? '' : rule.name,
    level: rule === 'unknown' ? '' : rule.level,
    peer,
    host: session?.plan.host ?? '',
    address: session?.address ?? '',
    requirement: requirementOf(session?.plan ?? planned?.hosts[0], planned?.refused.length ?? 0),
    discovered:
      session?.plan.discovered ?? planned?.hosts[0]?.discovered ?? planned?.refused[0]?.discovered ?? '',
    tls_version: session?.tlsVersion ?? '',
    cipher: session?.cipher ?? '',
    group: session?.group ?? '',
    verified: session?.verified ?? '',
    ...(session === undefined ? {} : { messages_before: session.messagesBefore }),
    ...(tag === 'untagged' ? {} : { requiretls: askedBy[tag] }),
    reply: replyTo(rcpt_to) || attempt.found,
    reasons: attempt.failures.map(reasonOf),
    recorded: attempt.recorded.map(({ host, failure }) => ({
      host,
      reason: failure.reason,
      text: failure.text,
    })),
  };
}

/** Characters. */
const longestReply = 200;

/** What a host answered to the first of `recipients` that it did not take in this attempt. */
export function replyTo(recipients: readonly Recipient[]): string {
  const refused = recipients.find((rcpt) => rcpt.dsn_smtp_code !== undefined);
  if (refused === undefined) return '';
  const parts = [refused.dsn_smtp_code, refused.dsn_smtp_extc, refused.dsn_smtp_response];
  const said = parts.filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
  return printable(said, longestReply);
}

/** That of the host that took the message, or else of the first that was to be tried. */
function requirementOf(plan: HostPlan | undefined, refused: number): string {
  if (plan !== undefined) return describeRequirement(plan.requirement);
  return refused > 0 ? 'refused' : '';
}

function reasonOf(failure: HostFailure): ReasonSummary {
  return failure.kind === 'policy'
    ? { host: failure.host, reason: failure.failure.reason, text: failure.failure.text }
    : { host: failure.host, reason: 'connection-failed', text: failure.text };
}

/** `key=value` pairs in a fixed order; values with spaces are quoted, empty ones left out. */
export function logLine(event: string, summary: DeliverySummary): string {
  const { reasons, recorded, ...fields } = summary;
  const pairs = Object.entries(fields).filter(([, value]) => value !== '');
  const listed = [
    ...reasons.map((reason) => ['failed', hostAndReason(reason)] as const),
    ...recorded.map((reason) => ['observed', hostAndReason(reason)] as const),
  ];
  return [event, ...[...pairs, ...listed].map(([key, value]) => `${key}=${quoted(String(value))}`)].join(' ');
}

function hostAndReason({ host, reason }: ReasonSummary): string {
  return host === '' ? reason : `${host} ${reason}`;
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Characters. It becomes part of single lines of a DSN, which mail servers limit to 998 (RFC 5322 section 2.1.1). */
const longestReport = 500;

/**
 * Why a message was not delivered, in one line of ASCII for the log and the DSN. Where there is not room for every host, the
 * failure that counts comes first; the log has a line for each.
 *
 * @param rule its name, empty where none was found
 */
export function reportOf(rule: string, failures: readonly HostFailure[]): string {
  const whose = rule === '' ? 'TLS rules' : `TLS rule ${rule}`;
  const main = principal(failures);
  const whole = ascii(`${whose}: ${failures.map(describeFailure).join('; ')}`);
  if (whole.length <= longestReport || main === undefined) return whole;
  const others = failures.length > 1 ? `; and ${failures.length - 1} more` : '';
  return `${printable(ascii(`${whose}: ${describeFailure(main)}`), longestReport)}${others}`;
}
