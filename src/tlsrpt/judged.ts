/**
 * Which of its own policies a peer is told about, for one of its hosts: those that our rule has looked at, and no others. Pure.
 */
import { usableRecords } from '../dane/records';
import type { TlsaRecord } from '../dane/types';
import type { Destination, FailedLookup, MxHostFacts, RoutedHostFacts } from '../dns/types';
import type { FailureReason } from '../failure';
import type { StsFacts, StsPolicy } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { daneEntry, leavesToPolicy, type DaneEntry } from '../policy/dane';
import { stsFinding } from '../policy/sts';
import type { DaneLevel } from '../policy/tables';

/** A policy as a report names it (RFC 8460 section 4.4). */
export type ReportedPolicy =
  | { readonly type: 'no-policy-found'; readonly domain: string }
  /** `text`: the lines of the policy; empty where none was obtained. */
  | {
      readonly type: 'sts';
      readonly domain: string;
      readonly text: readonly string[];
      readonly mx: readonly string[];
    }
  /** `domain` is the TLSA base domain, `text` the records. */
  | { readonly type: 'tlsa'; readonly domain: string; readonly text: readonly string[] };

export interface Judged {
  readonly policy: ReportedPolicy;
  /** What failed before any connection; `none` where the handshake decides. */
  readonly known: FailureReason | 'none';
}

/** Where mail goes, and what is known of it, as far as one host is concerned. */
export interface HostContext {
  readonly rule: Pick<OutboundRule, 'level' | 'insecureMx'>;
  readonly destination: Destination;
  readonly host: MxHostFacts | RoutedHostFacts;
  /** The policy of the recipient domain; `not_asked` on a route. */
  readonly sts: StsFacts;
}

/** @returns nothing where it is not known which policies apply: then there is nothing to tell */
export function judgedPolicies(context: HostContext): readonly Judged[] {
  const { rule, destination } = context;
  switch (rule.level) {
    case 'opportunistic_dane':
    case 'mandatory_dane':
    case 'auto':
      return byDane(rule.level, context);
    case 'mta_sts':
      return orNone(bySts(context), destination.domain);
    case 'none':
    case 'opportunistic':
    case 'mandatory':
    case 'verify':
      return [notFound(destination.domain)];
  }
}

type Finding = readonly Judged[] | 'not_known';

function byDane(level: DaneLevel, context: HostContext): readonly Judged[] {
  const { rule, destination, host } = context;
  const entry = daneEntry(level, rule.insecureMx, destination, host);
  const dane = tlsaOf(entry, context);
  if (dane === 'not_known') return [];
  if (level !== 'auto' || !leavesToPolicy(entry)) return orNone(dane, destination.domain);
  const sts = bySts(context);
  return sts === 'not_known' ? dane : orNone([...dane, ...sts], destination.domain);
}

function tlsaOf(entry: DaneEntry, { host }: HostContext): Finding {
  switch (entry.row) {
    case 'tlsa_usable':
      return [tlsa(entry.dane.baseDomain, entry.dane.records, 'none')];
    case 'tlsa_unusable': {
      const records = host.tlsa.kind === 'present' ? host.tlsa.records : [];
      return [tlsa(entry.baseDomain, records, 'tlsa-invalid')];
    }
    case 'address_lookup_failed':
    case 'tlsa_lookup_failed':
      return isBogus(entry.lookup) ? [tlsa(host.host, [], 'dnssec-invalid')] : 'not_known';
    case 'address_literal':
    case 'insecure_mx_may':
    case 'insecure_mx_dane':
    case 'insecure_address':
    case 'secure_alias':
    case 'tlsa_denied':
      return entry.cell === 'refuse' ? [tlsa(host.host, [], 'dane-required')] : [];
  }
}

/** Our own look-ups may fail for reasons that no peer has a part in; a signature that does not hold is the peer's. */
export function isBogus({ cause }: FailedLookup): boolean {
  return cause === 'bogus';
}

function tlsa(domain: string, records: readonly TlsaRecord[], known: Judged['known']): Judged {
  // Usable ones first, should there be more than a report has room for.
  const usable = new Set(usableRecords(records));
  const inOrder = [...usable, ...records.filter((record) => !usable.has(record))];
  return { policy: { type: 'tlsa', domain, text: inOrder.map(tlsaText) }, known };
}

/** As in a zone file (RFC 6698 section 2.2). */
function tlsaText({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('hex')}`;
}

function bySts({ sts, destination, host }: HostContext): Finding {
  const { domain } = destination;
  const found = stsFinding(sts, domain, host.host);
  switch (found.row) {
    case 'no_policy': {
      const [failure] = found.recorded;
      if (failure === undefined) return [];
      if (failure.reason === 'dns-lookup-failed') return 'not_known';
      return [{ policy: { type: 'sts', domain, text: [], mx: [] }, known: failure.reason }];
    }
    // As if there were none (RFC 8461 section 5).
    case 'mode_none':
      return [];
    case 'policy_not_known':
      return 'not_known';
    case 'mode_testing':
    case 'enforce_named':
      return [{ policy: stsPolicy(domain, sts), known: found.recorded[0]?.reason ?? 'none' }];
    case 'enforce_not_named':
      return [{ policy: stsPolicy(domain, sts), known: found.failure.reason }];
  }
}

function stsPolicy(domain: string, sts: StsFacts): ReportedPolicy {
  if (sts.kind !== 'policy') throw new Error('a policy was found where there is none');
  return { type: 'sts', domain, text: policyLines(sts.policy), mx: sts.policy.mx };
}

function policyLines({ mode, mx, maxAge }: StsPolicy): string[] {
  return ['version: STSv1', `mode: ${mode}`, ...mx.map((pattern) => `mx: ${pattern}`), `max_age: ${maxAge}`];
}

function orNone(found: Finding, domain: string): readonly Judged[] {
  if (found === 'not_known') return [];
  return found.length === 0 ? [notFound(domain)] : found;
}

function notFound(domain: string): Judged {
  return { policy: { type: 'no-policy-found', domain }, known: 'none' };
}
