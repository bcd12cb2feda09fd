/** The report of one day for one domain as JSON (RFC 8460 section 4.4). Pure. */
import { createHash } from 'node:crypto';
import type { Day } from '../peers/day';
import type { ReportedPolicy } from './judged';
import { parseKind, type DomainSessions, type SessionKind } from './session_table';

/** Who reports. */
export interface Reporter {
  readonly organization: string;
  readonly contact: string;
  /** Tells the hosts of one organization apart, each of which reports its own sessions. */
  readonly host: string;
}

export interface Report {
  readonly 'organization-name': string;
  readonly 'date-range': { readonly 'start-datetime': string; readonly 'end-datetime': string };
  readonly 'contact-info': string;
  readonly 'report-id': string;
  readonly policies: readonly PolicyReport[];
}

export interface PolicyReport {
  readonly policy: {
    readonly 'policy-type': ReportedPolicy['type'];
    readonly 'policy-string'?: readonly string[];
    readonly 'policy-domain': string;
    readonly 'mx-host'?: readonly string[];
  };
  readonly summary: {
    readonly 'total-successful-session-count': number;
    readonly 'total-failure-session-count': number;
  };
  readonly 'failure-details'?: readonly FailureDetails[];
}

export interface FailureDetails {
  readonly 'result-type': string;
  readonly 'sending-mta-ip'?: string;
  readonly 'receiving-mx-hostname'?: string;
  readonly 'receiving-mx-helo'?: string;
  readonly 'receiving-ip'?: string;
  readonly 'failed-session-count': number;
  readonly 'failure-reason-code'?: string;
}

/** Sessions, and how many of them failed, over all policies of a domain; and whether it is to be told of successes alone. */
export interface Totals {
  readonly successful: number;
  readonly failed: number;
  readonly isWanted: boolean;
}

export function totalsOf({ counts }: DomainSessions): Totals {
  const totals = { successful: 0, failed: 0, isWanted: false };
  for (const [text, count] of counts) {
    const kind = parseKind(text);
    if (kind === undefined) continue;
    totals[kind.result === 'success' ? 'successful' : 'failed'] += count;
    if (kind.mode === 'on' || kind.result !== 'success') totals.isWanted = true;
  }
  return totals;
}

export function reportOf(reporter: Reporter, day: Day, domain: string, sessions: DomainSessions): Report {
  return {
    'organization-name': reporter.organization,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': reporter.contact,
    'report-id': reportId(reporter, day, domain),
    policies: policiesOf(sessions),
  };
}

/** The same whenever the report is made: whoever gets it twice can tell. */
export function reportId({ contact, host }: Reporter, day: Day, domain: string): string {
  const digest = createHash('sha256').update(`${host}\n${day}\n${domain}`).digest('hex').slice(0, 20);
  return `${day}.${digest}@${submitterOf(contact)}`;
}

/** The domain that reports are said to come from. */
export function submitterOf(contact: string): string {
  return contact.slice(contact.lastIndexOf('@') + 1);
}

function policiesOf({ policies, counts }: DomainSessions): PolicyReport[] {
  const kinds = [...counts].flatMap(([text, count]) => {
    const kind = parseKind(text);
    return kind === undefined ? [] : [{ ...kind, count }];
  });
  return [...policies].flatMap(([id, policy]) => {
    const own = kinds.filter((kind) => kind.policy === id);
    return own.length === 0 ? [] : [policyReport(policy, own)];
  });
}

type Counted = SessionKind & { readonly count: number };

function policyReport(policy: ReportedPolicy, kinds: readonly Counted[]): PolicyReport {
  const sum = (some: readonly Counted[]): number => some.reduce((all, { count }) => all + count, 0);
  const failed = kinds.filter(({ result }) => result !== 'success');
  return {
    policy: {
      'policy-type': policy.type,
      ...('text' in policy && policy.text.length > 0 ? { 'policy-string': policy.text } : {}),
      'policy-domain': policy.domain,
      ...('mx' in policy && policy.mx.length > 0 ? { 'mx-host': policy.mx } : {}),
    },
    summary: {
      'total-successful-session-count': sum(kinds) - sum(failed),
      'total-failure-session-count': sum(failed),
    },
    ...(failed.length === 0 ? {} : { 'failure-details': alike(failed).map(detailsOf) }),
  };
}

/** Of the two ways in which domains are told, a report knows nothing: what else is alike is one. */
function alike(failed: readonly Counted[]): Counted[] {
  const sums = new Map<string, Counted>();
  for (const one of failed) {
    const key = JSON.stringify([one.result, one.details]);
    sums.set(key, { ...one, count: one.count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()];
}

function detailsOf({ result, details, count }: Counted): FailureDetails {
  const { type, code } = result === 'success' ? { type: '', code: '' } : result;
  const { sendingIp, mxHost, helo, receivingIp } = details;
  return {
    'result-type': type,
    ...(sendingIp === '' ? {} : { 'sending-mta-ip': sendingIp }),
    ...(mxHost === '' ? {} : { 'receiving-mx-hostname': mxHost }),
    ...(helo === '' ? {} : { 'receiving-mx-helo': helo }),
    ...(receivingIp === '' ? {} : { 'receiving-ip': receivingIp }),
    'failed-session-count': count,
    ...(code === '' ? {} : { 'failure-reason-code': code }),
  };
}
