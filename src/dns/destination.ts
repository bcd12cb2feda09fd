/**
 * Gathers what DNS says about a destination, in as few round trips as the standard allows (RFC 7672 section 2.2): MX, then
 * all addresses, then TLSA where an address is secure.
 *
 * TLSA is never asked before the addresses are known to be secure: name servers that choke on TLSA questions are common in
 * zones that are not signed, and their failure would defer good mail (RFC 7672 section 2.2.2).
 */
import { isIP } from 'node:net';
import { insideBrackets } from '../address_literal';
import type { TlsaRecord } from '../dane/types';
import { readMailDomain } from '../mail_domain';
import { canonicalDomain } from '../names';
import { unmapped } from '../peers/network';
import { orderMx, type Random } from './order';
import type { AskOptions, Resolver } from './resolver';
import {
  smtpPort,
  type AddressFacts,
  type Answer,
  type Destination,
  type MxHostFacts,
  type MxRecord,
  type RoutedHostFacts,
  type TlsaFacts,
} from './types';

export interface DestinationOptions extends AskOptions {
  /** Whether the rule can make use of TLSA records. Otherwise none are asked for, and any resolver will do. */
  readonly dane: boolean;
  /** Whether TLSA counts although the MX RRset is insecure (RFC 7672 section 2.2.1). */
  readonly insecureMx: 'may' | 'dane';
  /** From 0 up to 1, for the order of equal preferences. */
  readonly random?: Random;
}

type FoundAddresses = Extract<AddressFacts, { kind: 'found' }>;
type RecordsAnswer<T> = Extract<Answer<T>, { kind: 'records' }>;

const notAsked: TlsaFacts = { kind: 'not_asked' };
const absent: TlsaFacts = { kind: 'absent' };
const noAddresses: AddressFacts = { kind: 'none' };

/** One host that a route names. */
export interface RouteHost {
  /** A name, or an address with or without brackets. */
  readonly host: string;
  readonly preference: number;
  readonly port: number;
}

/** What TLSA records are about. */
interface Service {
  readonly host: string;
  readonly port: number;
}

/** Where mail for the next-hop domain `domain` goes: a name in any form, or an address in brackets. Never rejects. */
export async function discoverDestination(
  resolver: Resolver,
  domain: string,
  options: DestinationOptions,
): Promise<Destination> {
  const written = readMailDomain(domain);
  if (written.kind === 'literal') return { kind: 'literal', domain, address: written.address };
  if (written.kind === 'no_domain') return { kind: 'no_such_domain', domain };
  const { name } = written;
  const mx = await resolver.mx(name, options);
  if (mx.kind === 'failed') return { kind: 'lookup_failed', domain: name, failure: mx };
  if (mx.kind === 'records') return await discoverMx(resolver, name, mx, options);
  if (mx.denial === 'nxdomain') return { kind: 'no_such_domain', domain: name };
  const host = await discoverHost(resolver, { exchange: name, preference: 0 }, options.dane, options);
  return { kind: 'implicit', domain: name, host };
}

/**
 * What DNS says about `hosts`, to which the operator routes mail for `domain`. Equal preferences stay in the operator's order.
 * Their addresses are known already, so that nothing is asked unless DANE may apply. Never rejects.
 */
export async function discoverRoute(
  resolver: Resolver,
  domain: string,
  hosts: readonly RouteHost[],
  options: DestinationOptions,
): Promise<Destination> {
  const ordered = [...hosts].sort((a, b) => a.preference - b.preference);
  const facts = await Promise.all(ordered.map((one) => discoverRouteHost(resolver, one, options)));
  return { kind: 'route', domain, hosts: facts };
}

/** As `discoverRoute`, of one host. Never rejects. */
export async function discoverRouteHost(
  resolver: Resolver,
  { host: written, preference, port }: RouteHost,
  options: DestinationOptions,
): Promise<RoutedHostFacts> {
  const address = literalAddress(written);
  if (address !== undefined)
    return { host: address, preference, port, addresses: literal(address), tlsa: notAsked };
  const name = canonicalDomain(written);
  const host = name ?? written;
  if (!options.dane || name === undefined) {
    return { host, preference, port, addresses: { kind: 'not_asked' }, tlsa: notAsked };
  }
  return { preference, port, ...(await discoverNamed(resolver, { host, port }, options)) };
}

/** A name that has no address here may have one where the routing got it; a secure denial says that its zone is signed. */
async function discoverNamed(
  resolver: Resolver,
  service: Service,
  ask: AskOptions,
): Promise<Pick<RoutedHostFacts, 'host' | 'addresses' | 'tlsa'>> {
  const { host } = service;
  const answers = await Promise.all([resolver.aaaa(host, ask), resolver.a(host, ask)]);
  const addresses = addressFacts(host, ...answers);
  if (addresses.kind === 'found') return { host, ...(await discoverTlsa(resolver, service, addresses, ask)) };
  const denial = answers.find((answer) => answer.kind === 'denied' && answer.secure);
  if (addresses.kind === 'failed' || denial?.kind !== 'denied') return { host, addresses, tlsa: notAsked };
  return { host, addresses, tlsa: await secureTlsa(resolver, service, denial.canonicalName, ask) };
}

async function discoverMx(
  resolver: Resolver,
  domain: string,
  { records, secure, canonicalName }: RecordsAnswer<MxRecord>,
  options: DestinationOptions,
): Promise<Destination> {
  const exchanges = orderMx(records, options.random);
  if (exchanges.length === 0) return { kind: 'null_mx', domain };
  const dane = options.dane && (secure || options.insecureMx === 'dane');
  const hosts = await Promise.all(exchanges.map((mx) => discoverHost(resolver, mx, dane, options)));
  return { kind: 'mx', domain, secure, canonicalName, hosts };
}

async function discoverHost(
  resolver: Resolver,
  { exchange: host, preference }: MxRecord,
  dane: boolean,
  ask: AskOptions,
): Promise<MxHostFacts> {
  // Not a host name, such as an address written where an MX record wants a name: it exists nowhere.
  if (canonicalDomain(host) === undefined)
    return { host, preference, addresses: noAddresses, tlsa: notAsked };
  const [ipv6, ipv4] = await Promise.all([resolver.aaaa(host, ask), resolver.a(host, ask)]);
  const addresses = addressFacts(host, ipv6, ipv4);
  if (!dane || addresses.kind !== 'found') return { host, preference, addresses, tlsa: notAsked };
  return {
    host,
    preference,
    ...(await discoverTlsa(resolver, { host, port: smtpPort }, addresses, ask)),
  };
}

/** The addresses of one host from its two lookups. */
export function addressFacts(host: string, ipv6: Answer<string>, ipv4: Answer<string>): AddressFacts {
  const six = ipv6.kind === 'records' ? ipv6 : undefined;
  const four = ipv4.kind === 'records' ? ipv4 : undefined;
  const first = six ?? four;
  if (first === undefined) {
    if (ipv6.kind === 'failed') return ipv6;
    return ipv4.kind === 'failed' ? ipv4 : noAddresses;
  }
  // One secure RRset is enough: the zone is signed then, and to look no further would let a quirk of the other
  // lookup take DANE away. What is asked next must be secure itself.
  const secure = six?.secure === true ? six : four?.secure === true ? four : undefined;
  return {
    kind: 'found',
    security: secure === undefined ? 'insecure' : 'secure',
    addresses: shared(six?.records ?? [], four?.records ?? []),
    canonicalName: (secure ?? first).canonicalName || host,
  };
}

/** More addresses than this at one host are not tried. */
const maxAddresses = 16;

/**
 * IPv6 first, but never so many that the other family has no part: not every sender has both. An address that carries an IPv4
 * address leads there, and must not pass by what is said of that one.
 */
function shared(sixes: readonly string[], fours: readonly string[]): string[] {
  const mapped = sixes.map(unmapped).filter((address) => !address.includes(':'));
  if (mapped.length === 0) return inTurn(sixes, fours);
  return inTurn(
    sixes.filter((address) => unmapped(address).includes(':')),
    [...new Set([...fours, ...mapped])],
  );
}

function inTurn(six: readonly string[], four: readonly string[]): string[] {
  const most = Math.max(maxAddresses / 2, maxAddresses - four.length);
  return [...six.slice(0, most), ...four].slice(0, maxAddresses);
}

async function discoverTlsa(
  resolver: Resolver,
  service: Service,
  addresses: FoundAddresses,
  ask: AskOptions,
): Promise<Pick<MxHostFacts, 'addresses' | 'tlsa'>> {
  const { host } = service;
  if (addresses.security === 'secure') {
    return { addresses, tlsa: await secureTlsa(resolver, service, addresses.canonicalName, ask) };
  }
  if (addresses.canonicalName === host) return { addresses, tlsa: notAsked };
  // AD covers the whole chain: which link was insecure takes one more question (RFC 7672 section 2.2.2).
  const alias = await resolver.cname(host, ask);
  if (alias.kind === 'failed') {
    // Nobody can tell, and not to know must not be weaker than to know.
    return { addresses: { ...addresses, security: 'secure_alias' }, tlsa: alias };
  }
  if (!alias.secure || alias.kind === 'denied') return { addresses, tlsa: notAsked };
  const tlsa = tlsaFacts(host, await resolver.tlsa(tlsaName(service), ask));
  return { addresses: { ...addresses, security: 'secure_alias' }, tlsa };
}

/**
 * The TLSA records of a host with secure addresses: at its CNAME expansion, and at the name itself only where the expansion
 * has none (RFC 7672 section 2.2.3). Both are asked at once, but the second is neither waited for nor believed before that.
 */
async function secureTlsa(
  resolver: Resolver,
  service: Service,
  canonicalName: string,
  ask: AskOptions,
): Promise<TlsaFacts> {
  const { host, port } = service;
  const atHost = resolver.tlsa(tlsaName(service), ask);
  if (canonicalName === host) return tlsaFacts(host, await atHost);
  const atEnd = tlsaName({ host: canonicalName, port });
  const expanded = tlsaFacts(canonicalName, await resolver.tlsa(atEnd, ask));
  return expanded.kind === 'absent' ? tlsaFacts(host, await atHost) : expanded;
}

/** Where the TLSA records of a service are (RFC 6698 section 3). */
function tlsaName({ host, port }: Service): string {
  return `_${port}._tcp.${host}`;
}

/** What one TLSA lookup means: only a secure RRset counts, and only a lookup that worked can say that there is none. */
export function tlsaFacts(baseDomain: string, answer: Answer<TlsaRecord>): TlsaFacts {
  if (answer.kind === 'failed') return answer;
  if (answer.kind === 'denied' || !answer.secure) return absent;
  return { kind: 'present', baseDomain, records: answer.records };
}

/** The address in `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `192.0.2.1` or `2001:db8::1` (RFC 5321 section 4.1.3). */
function literalAddress(text: string): string | undefined {
  const bare = insideBrackets(text) ?? text;
  return isIP(bare) === 0 ? undefined : unmapped(bare);
}

function literal(address: string): AddressFacts {
  return { kind: 'found', security: 'insecure', addresses: [address], canonicalName: address };
}
