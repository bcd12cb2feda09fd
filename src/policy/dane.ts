/**
 * DANE for one MX host (RFC 7672): which row of the DANE table its DNS records are, and what the cell there says.
 *
 * A domain whose DNS is signed can publish at `_25._tcp.<MX host>` which keys or CAs its mail servers show (TLSA records).
 * Nobody can then stand between without the domain's own key, and nobody can make STARTTLS disappear. That holds only as
 * far as DNSSEC vouches for the way there: for the step from the domain to its MX host, for the host's address, and for
 * the TLSA records. Where one of these is insecure, DANE does not apply. Where one cannot be answered, nobody knows, and
 * the host is not used: otherwise blocking the question would strip the protection.
 */
import { usableRecords } from '../dane/records';
import type { DaneAuthentication } from '../dane/types';
import {
  smtpPort,
  type Destination,
  type FailedLookup,
  type MxHostFacts,
  type RoutedHostFacts,
} from '../dns/types';
import type { OutboundRule } from '../peers/rule';
import { daneTable, type DaneCells, type DaneLevel } from './tables';

/** A row of the DANE table with what its cell says at one level, and with what carrying that out takes. */
export type DaneEntry = { readonly cell: DaneCells[DaneLevel] } & (
  | { readonly row: MxRow | 'insecure_address' | 'secure_alias' | 'tlsa_denied' }
  | { readonly row: 'address_lookup_failed' | 'tlsa_lookup_failed'; readonly lookup: FailedLookup }
  | { readonly row: 'tlsa_unusable'; readonly baseDomain: string }
  | { readonly row: 'tlsa_usable'; readonly dane: DaneAuthentication }
);

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

/** Looks `host` up in the DANE table: by the MX RRset, then by its address, then by its TLSA records. */
export function daneEntry(
  level: DaneLevel,
  insecureMx: OutboundRule['insecureMx'],
  destination: Destination,
  host: MxHostFacts | RoutedHostFacts,
): DaneEntry {
  const row = rowOfMx(insecureMx, destination);
  const cell = row === undefined ? 'as_below' : daneTable[row][level];
  if (row !== undefined && cell !== 'as_below' && cell !== 'as_below_and_mta_sts') return { row, cell };
  const entry = entryOfAddress(level, host) ?? entryOfTlsa(level, destination, host);
  // DANE behind an unsigned MX RRset proves that the host is itself, not that it belongs to the domain.
  return cell === 'as_below_and_mta_sts' && entry.row === 'tlsa_usable' && entry.cell === 'authenticate'
    ? { row: entry.row, cell: 'authenticate_and_mta_sts', dane: entry.dane }
    : entry;
}

/** Whether the MX RRset alone rules out every host. */
export function rulesOutEveryHost(
  level: DaneLevel,
  insecureMx: OutboundRule['insecureMx'],
  destination: Destination,
): boolean {
  const row = rowOfMx(insecureMx, destination);
  return row !== undefined && daneTable[row][level] === 'refuse';
}

/** Whether TLSA records behind an insecure MX RRset count at all. */
export function countsBehindInsecureMx(level: DaneLevel, insecureMx: OutboundRule['insecureMx']): boolean {
  const cell = daneTable[insecureMxRows[insecureMx]][level];
  return cell === 'as_below' || cell === 'as_below_and_mta_sts';
}

/** Whether DANE leaves anything to the domain's MTA-STS policy, at this host of a secure MX RRset. */
export function leavesToPolicy({ cell }: DaneEntry): boolean {
  return cell === 'mta_sts' || cell === 'encrypt_and_mta_sts' || cell === 'authenticate_and_mta_sts';
}

/** Whether DANE protects the host, at a level that does not require it: also where no record is usable, or nobody can tell. */
export function isUnderDane({ cell }: DaneEntry): boolean {
  return cell !== 'opportunistic' && cell !== 'mta_sts';
}

type MxRow = 'address_literal' | (typeof insecureMxRows)[keyof typeof insecureMxRows];

const insecureMxRows = { may: 'insecure_mx_may', dane: 'insecure_mx_dane' } as const;

/** `undefined`: the rows further down count. */
function rowOfMx(insecureMx: OutboundRule['insecureMx'], destination: Destination): MxRow | undefined {
  switch (destinationSecurity(destination)) {
    case 'literal':
      return 'address_literal';
    case 'insecure':
      return insecureMxRows[insecureMx];
    case 'secure':
      return undefined;
  }
}

/** `undefined`: the TLSA records count. */
function entryOfAddress(
  level: DaneLevel,
  { addresses }: MxHostFacts | RoutedHostFacts,
): DaneEntry | undefined {
  if (addresses.kind === 'failed') {
    const row = 'address_lookup_failed';
    return { row, cell: daneTable[row][level], lookup: addresses };
  }
  const row = addresses.kind === 'found' ? addressRows[addresses.security] : undefined;
  if (row === undefined) return undefined;
  const cell = daneTable[row][level];
  return cell === 'as_below' ? undefined : { row, cell };
}

const addressRows = {
  secure: undefined,
  insecure: 'insecure_address',
  secure_alias: 'secure_alias',
} as const;

function entryOfTlsa(
  level: DaneLevel,
  destination: Destination,
  host: MxHostFacts | RoutedHostFacts,
): DaneEntry {
  const { tlsa } = host;
  switch (tlsa.kind) {
    case 'not_asked':
    case 'absent':
      return { row: 'tlsa_denied', cell: daneTable.tlsa_denied[level] };
    case 'failed':
      return { row: 'tlsa_lookup_failed', cell: daneTable.tlsa_lookup_failed[level], lookup: tlsa };
    case 'present': {
      const { baseDomain } = tlsa;
      const records = usableRecords(tlsa.records);
      if (records.length === 0) {
        return { row: 'tlsa_unusable', cell: daneTable.tlsa_unusable[level], baseDomain };
      }
      const referenceNames = daneReferenceNames(destination, host.host, baseDomain);
      const port = 'port' in host ? host.port : smtpPort;
      const dane = { baseDomain, port, records, referenceNames };
      return { row: 'tlsa_usable', cell: daneTable.tlsa_usable[level], dane };
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
