/** What was decided about a host, in words: why it is refused, and what was found on the way. Decides nothing. */
import { smtpPort, type Destination, type FailedLookup } from '../dns/types';
import type { Failure } from '../failure';
import { canonicalDomain } from '../names';
import { destinationSecurity, type DaneEntry } from './dane';
import type { StsFinding } from './sts';

/** Where neither table was read. */
export const notLookedFor = 'not looked for';

/** A failed lookup as a failure of delivery. */
export function lookupFailure(lookup: FailedLookup, what: string): Failure {
  const reason = lookup.cause === 'bogus' ? 'dnssec-invalid' : 'dns-lookup-failed';
  return { reason, text: `the lookup of the ${what} failed: ${lookup.detail}` };
}

/** Why a host is passed over about which a question was not answered. */
export function skipped(entry: DaneEntry, host: string): Failure {
  switch (entry.row) {
    case 'address_lookup_failed':
      return lookupFailure(entry.lookup, `addresses of ${host}`);
    case 'tlsa_lookup_failed':
      return lookupFailure(entry.lookup, `TLSA records of ${host}`);
    default:
      throw new Error(`the DANE table skips a host where no lookup failed (${entry.row})`);
  }
}

/** Why a host is refused at a level that requires DANE. */
export function withoutDane(entry: DaneEntry, domain: string, host: string): Failure {
  if (entry.row === 'tlsa_unusable') {
    return { reason: 'tlsa-invalid', text: `none of the TLSA records of ${entry.baseDomain} is usable` };
  }
  const text = `DANE is required for ${domain}, but does not apply to ${host}: ${whyNot[entry.row]}`;
  return { reason: 'dane-required', text };
}

const whyNot: Readonly<Record<DaneEntry['row'], string>> = {
  address_literal: 'the destination is an address',
  insecure_mx_may: 'its MX records are not DNSSEC-signed',
  insecure_mx_dane: 'its MX records are not DNSSEC-signed',
  insecure_address: 'the address of the host is not DNSSEC-signed',
  secure_alias: 'the address of the host is not DNSSEC-signed',
  address_lookup_failed: 'no address of the host is known',
  tlsa_denied: 'no secure TLSA records',
  tlsa_lookup_failed: 'its TLSA records are not known',
  tlsa_unusable: 'none of its TLSA records is usable',
  tlsa_usable: 'it is not asked for',
};

/** What DNS says of the host's DANE. */
export function daneText(entry: DaneEntry, destination: Destination): string {
  switch (entry.row) {
    case 'address_lookup_failed':
    case 'tlsa_lookup_failed':
      return 'TLSA lookup failed';
    case 'tlsa_unusable':
      return 'DANE: no usable TLSA record';
    case 'tlsa_usable': {
      const { baseDomain, port, records } = entry.dane;
      const count = records.length === 1 ? '1 usable TLSA record' : `${records.length} usable TLSA records`;
      const at = port === smtpPort ? baseDomain : `${baseDomain} port ${port}`;
      return `DANE: ${destinationSecurity(destination)} MX, ${count} at ${at}`;
    }
    default:
      return `no DANE: ${whyNot[entry.row]}`;
  }
}

/** What the domain's MTA-STS policy says. */
export function stsText(found: StsFinding): string {
  switch (found.row) {
    case 'no_policy':
      return whyNoPolicy[found.why];
    case 'mode_none':
      return 'MTA-STS mode none';
    case 'mode_testing':
      return `MTA-STS testing id ${found.id}`;
    case 'enforce_named':
    case 'enforce_not_named':
      return `MTA-STS enforce id ${found.id}`;
    case 'policy_not_known':
      return 'MTA-STS policy not known';
  }
}

const whyNoPolicy = {
  not_asked: 'MTA-STS was not asked for',
  not_published: 'no MTA-STS policy',
  not_obtained: 'MTA-STS policy not obtained',
} as const;

/** A policy that counts beside TLSA records: those of an insecure MX RRset, or those of which none is usable. */
export function besideDaneText(dane: string, found: StsFinding): string {
  return isInForce(found) ? `${dane}; ${stsText(found)}` : dane;
}

function isInForce({ row }: StsFinding): boolean {
  return row !== 'no_policy' && row !== 'mode_none';
}

/** Why there is nothing to connect to. */
export function withoutAddress(host: string): Failure {
  const problem = canonicalDomain(host) === undefined ? 'is no host name' : 'has no address';
  return { reason: 'dns-lookup-failed', text: `${host} ${problem}` };
}
