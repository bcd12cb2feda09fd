/** The DANE table: what TLSA records mean for one MX host (RFC 7672 section 2, RFC 7671). */
import { usableRecords } from '../dane/records';
import type { DaneAuthentication } from '../dane/types';
import {
  smtpPort,
  type Destination,
  type FailedLookup,
  type MxHostFacts,
  type RoutedHostFacts,
} from '../dns/types';
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';

/** Whether DANE governs one MX host, and how. */
export type DaneState =
  /** The level's own alternative applies: opportunistic, the MTA-STS table, or a refusal. */
  | { readonly kind: 'does_not_apply'; readonly why: string }
  /** The question was not answered. The host is skipped: an unanswered question must never strip protection. */
  | { readonly kind: 'unanswered'; readonly failure: Failure }
  /** Records exist, none of them usable: encryption is required, nothing can be authenticated. */
  | { readonly kind: 'unusable'; readonly baseDomain: string }
  /** Authenticate with these records; on failure the next host, never cleartext. */
  | { readonly kind: 'usable'; readonly dane: DaneAuthentication };

/** How far DNSSEC vouches for the way from the next-hop domain to its hosts. */
export type DestinationSecurity = 'secure' | 'insecure' | 'literal';

/** A route that the operator wrote counts as a secure MX RRset; so does a domain that is its own host. */
export function destinationSecurity(destination: Destination): DestinationSecurity {
  if (destination.kind === 'mx' || destination.kind === 'answered') {
    return destination.secure ? 'secure' : 'insecure';
  }
  return destination.kind === 'literal' ? 'literal' : 'secure';
}

/** The domain that the operator, or the recipient's address, names: of a route, the host (RFC 7672 section 2.2.1). */
export function nextHop(destination: Destination, host: string): string {
  return destination.kind === 'route' ? host : destination.domain;
}

export function daneState(
  rule: OutboundRule,
  destination: Destination,
  host: MxHostFacts | RoutedHostFacts,
): DaneState {
  const security = destinationSecurity(destination);
  if (security === 'literal') return doesNotApply('the destination is an address');
  if (security === 'insecure' && rule.insecureMx === 'may') {
    return doesNotApply('the MX records are not DNSSEC-signed');
  }
  const { addresses } = host;
  if (addresses.kind === 'found' && addresses.security === 'insecure') {
    return doesNotApply('the address of the host is not DNSSEC-signed');
  }
  if (addresses.kind === 'failed') {
    return { kind: 'unanswered', failure: lookupFailure(addresses, `addresses of ${host.host}`) };
  }
  const { tlsa } = host;
  switch (tlsa.kind) {
    case 'not_asked':
      return doesNotApply('TLSA records were not asked for');
    case 'absent':
      return doesNotApply('no secure TLSA records');
    case 'failed':
      return { kind: 'unanswered', failure: lookupFailure(tlsa, `TLSA records of ${host.host}`) };
    case 'present': {
      const records = usableRecords(tlsa.records);
      if (records.length === 0) return { kind: 'unusable', baseDomain: tlsa.baseDomain };
      const referenceNames = daneReferenceNames(destination, host.host, tlsa.baseDomain);
      const port = 'port' in host ? host.port : smtpPort;
      return { kind: 'usable', dane: { baseDomain: tlsa.baseDomain, port, records, referenceNames } };
    }
  }
}

/**
 * The names that a usage 2 certificate may carry: the TLSA base domain, and where DNSSEC vouches for the step from the
 * next-hop domain to the host, that domain and its CNAME expansion (RFC 7672 section 3.2.2).
 */
function daneReferenceNames(destination: Destination, host: string, baseDomain: string): string[] {
  const names = [baseDomain];
  const add = (name: string): void => {
    if (!names.includes(name)) names.push(name);
  };
  if (destinationSecurity(destination) === 'secure') add(nextHop(destination, host));
  if ((destination.kind === 'mx' || destination.kind === 'answered') && destination.secure) {
    add(destination.canonicalName);
  }
  return names;
}

/** A failed lookup as a failure of delivery. */
export function lookupFailure(lookup: FailedLookup, what: string): Failure {
  const reason = lookup.cause === 'bogus' ? 'dnssec-invalid' : 'dns-lookup-failed';
  return { reason, text: `the lookup of the ${what} failed: ${lookup.detail}` };
}

function doesNotApply(why: string): DaneState {
  return { kind: 'does_not_apply', why };
}
