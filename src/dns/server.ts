/** Which resolvers are asked, and over which of them AD may be believed. */
import { readFileSync } from 'node:fs';
import { getServers } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { canonicalDomain } from '../names';

export type ResolverServer =
  | { readonly transport: 'udp'; readonly address: string; readonly port: number }
  /** DNS over TLS (RFC 7858) to a server that proves to be `name`. */
  | {
      readonly transport: 'tls';
      readonly address: string;
      readonly port: number;
      readonly name: string;
    };

/**
 * A resolver as written in the settings: `192.0.2.53`, `127.0.0.1:5353`, `::1`, `[::1]:53`, `tls://9.9.9.9#dns.quad9.net`.
 *
 * @returns the resolver, or what is wrong with `text`.
 */
export function parseResolverServer(text: string): ResolverServer | string {
  const match = /^(tls:\/\/)?([^#]*)(?:#(.*))?$/.exec(text.trim());
  if (match === null)
    return 'an address is expected, such as 127.0.0.1, [::1]:53 or tls://9.9.9.9#dns.quad9.net';
  const [, scheme, where = '', nameText] = match;
  const endpoint = parseEndpoint(where, scheme === undefined ? 53 : 853);
  if (typeof endpoint === 'string') return endpoint;
  if (scheme === undefined) {
    return nameText === undefined
      ? { transport: 'udp', ...endpoint }
      : 'a name after # belongs to tls:// only';
  }
  if (nameText === undefined)
    return "tls:// needs the server's name after #, such as tls://9.9.9.9#dns.quad9.net";
  const name = canonicalDomain(nameText);
  return name === undefined ? `${nameText} is no host name` : { transport: 'tls', ...endpoint, name };
}

function parseEndpoint(text: string, defaultPort: number): { address: string; port: number } | string {
  if (isIP(text) !== 0) return { address: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  if (match === null || isIP(address) === 0 || (match[1] !== undefined && isIP(address) !== 6)) {
    return `${text === '' ? 'nothing' : text} is no IP address, or address:port`;
  }
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  return port >= 1 && port <= 65535 ? { address, port } : `${port} is no port`;
}

/** The way a resolver is written in settings and logs. */
export function serverText(server: ResolverServer): string {
  const address = isIP(server.address) === 6 ? `[${server.address}]` : server.address;
  const endpoint = `${address}:${server.port}`;
  return server.transport === 'tls' ? `tls://${endpoint}#${server.name}` : endpoint;
}

/** Who says that nobody can change what the resolvers answer, where it does not look so. */
export type Vouched =
  | 'by_nobody'
  /** `options trust-ad` in resolv.conf, often written by software rather than by a person. */
  | 'by_resolv_conf'
  /** `trust_ad = true` in our own settings. */
  | 'by_operator';

/** A program that listens on loopback, and hands on what it hears from elsewhere. */
export type Forwarder = 'systemd-resolved' | 'Docker';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const forwarders: readonly (readonly [Forwarder, BlockList])[] = [
  ['Docker', only('127.0.0.11')],
  ['systemd-resolved', only('127.0.0.53', '127.0.0.54')],
];

function only(...addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address, 'ipv4');
  return list;
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * The forwarder that is known to listen at the address of `server`. Its AD bit may be that of a resolver that it asked itself, over
 * a path of which nothing is known: systemd-resolved before 256.6 hands it on to clients that set DO, even with `DNSSEC=no`, and
 * at 127.0.0.54 by design.
 */
export function forwarderAt(server: ResolverServer): Forwarder | undefined {
  if (server.transport === 'tls') return undefined;
  return forwarders.find(([, addresses]) => contains(addresses, server.address))?.[0];
}

/**
 * Whether nobody can have changed the AD bit on the way from `server` (RFC 4035 section 4.9.3): the way stays on this
 * machine, or is authenticated, or is vouched for. The `trust-ad` that systemd-resolved writes into resolv.conf, and that
 * Docker copies from there, does not vouch for these two themselves.
 */
export function isTrustedPath(server: ResolverServer, vouched: Vouched): boolean {
  if (vouched === 'by_operator' || server.transport === 'tls') return true;
  if (forwarderAt(server) !== undefined) return false;
  return vouched === 'by_resolv_conf' || contains(loopback, server.address);
}

export interface SystemServers {
  readonly servers: readonly ResolverServer[];
  readonly vouched: Exclude<Vouched, 'by_operator'>;
}

/** The resolvers of the operating system, as Node knows them. */
export function systemServers(resolvConf = '/etc/resolv.conf'): SystemServers {
  const servers = getServers()
    .map(parseResolverServer)
    .filter((server) => typeof server !== 'string');
  return { servers, vouched: hasTrustAd(readOrEmpty(resolvConf)) ? 'by_resolv_conf' : 'by_nobody' };
}

/** Whether the text of a resolv.conf has `options trust-ad` (resolv.conf(5)). */
export function hasTrustAd(resolvConf: string): boolean {
  return resolvConf
    .split('\n')
    .some((line) => /^options\s/.test(line) && line.split(/\s+/).includes('trust-ad'));
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // No resolv.conf (Windows, a bare container): then nobody vouches for anything.
    return '';
  }
}
