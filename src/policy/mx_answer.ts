/**
 * What a plugin answers to `get_mx`, host by host: an MX host of the domain, or a route that the operator wrote, or neither. Pure.
 *
 * Only the operator's routing may stand for a secure MX RRset (RFC 7672 section 2.2.1). A plugin may as well hand on what it found
 * in DNS, to choose a source address for example: that is MX data, of which our own resolver alone knows what it is worth.
 */
import { isIP } from 'node:net';
import type { FailedLookup } from '../dns/types';
import { canonicalDomain } from '../names';
import { plainAddress } from '../peers/network';

/** One host of an answer, as Haraka reads it. */
export interface AnsweredHost {
  /** Where Haraka will connect: a name or an address; empty for nowhere, as a null MX has it. */
  readonly exchange: string;
  /** Haraka's `from_dns`: its MX look-up writes the domain that was asked for, its address look-up the name of the host. */
  readonly fromDns: string | undefined;
}

/** An answer of the plugin `by`; `undefined` where nobody knows which plugin it was. */
export interface MxAnswer<Host extends AnsweredHost = AnsweredHost> {
  readonly by: string | undefined;
  readonly hosts: readonly Host[];
}

/** Where mail for the domain goes, as our own resolver has it. */
export type OwnMx =
  | {
      readonly kind: 'known';
      readonly security: 'secure' | 'insecure';
      /** The CNAME expansion of the domain; the domain itself where it is no alias. */
      readonly canonicalName: string;
      /** In order of preference. None: there is no such domain. The empty name: a null MX. */
      readonly hosts: readonly OwnHost[];
      /** What keeps addresses from being all that there are. */
      readonly missing: FailedLookup | undefined;
    }
  | FailedLookup;

export interface OwnHost {
  readonly host: string;
  /** Empty where nobody asked for them. */
  readonly addresses: readonly string[];
}

export type Standing =
  /** The operator wrote it: it counts as a secure MX, and has no policy. */
  | { readonly kind: 'route' }
  /** The MX host `host` of the domain: its policy and its DNSSEC status apply. */
  | { readonly kind: 'own_mx'; readonly host: string }
  /** It came from DNS, but not as our resolver has it: refused where the level rests on the MX. */
  | { readonly kind: 'forged' }
  /** From nowhere that is known: an insecure MX of the domain, whose policy applies. */
  | { readonly kind: 'stray' }
  /** Not to be told, because our own look-up failed: refused where the level rests on the MX. */
  | { readonly kind: 'unknown'; readonly failure: FailedLookup };

/** Plugins that come with Haraka, or are named in its documentation, and answer with what the operator's files say. */
const routingPlugins: ReadonlySet<string> = new Set([
  'queue/smtp_forward',
  'queue/smtp_bridge',
  'queue/lmtp',
  'relay',
  'recipient-routes',
  'qmail-deliverable',
]);

/**
 * Whether a host is the operator's route, for which nothing has to be looked up.
 *
 * @param routes hosts and plugins that `[outbound] routes[]` lists
 */
export function isRoute(host: AnsweredHost, by: string | undefined, routes: readonly string[]): boolean {
  if (host.fromDns !== undefined) return false;
  if (by !== undefined && routingPlugins.has(by)) return true;
  const name = nameOf(host.exchange);
  return routes.some((route) => route === by || (name !== '' && nameOf(route) === name));
}

/** Each host of an answer about `domain`, which is in canonical form, with its standing. */
export function classified<Host extends AnsweredHost>(
  { by, hosts }: MxAnswer<Host>,
  domain: string,
  own: OwnMx,
  routes: readonly string[],
): { readonly host: Host; readonly standing: Standing }[] {
  const matched = hosts.map((host) => ({ host, match: ownHostOf(host, domain, own) }));
  // A plugin that names one MX host of the domain has them all from DNS.
  const someAreOwn = matched.some(({ match }) => match !== undefined);
  return matched.map(({ host, match }) => {
    const fromDns = host.fromDns !== undefined || someAreOwn;
    const standing = isRoute(host, by, routes) ? route : standingOf(host, match, own, fromDns);
    return { host, standing };
  });
}

const route: Standing = { kind: 'route' };

function standingOf(host: AnsweredHost, match: string | undefined, own: OwnMx, fromDns: boolean): Standing {
  if (own.kind === 'failed') return { kind: 'unknown', failure: own };
  if (match !== undefined) return { kind: 'own_mx', host: match };
  if (own.missing !== undefined && isIP(host.exchange) !== 0)
    return { kind: 'unknown', failure: own.missing };
  return { kind: fromDns ? 'forged' : 'stray' };
}

/** Whether the addresses of the domain's MX hosts would tell more about `host` than their names do. */
export function needsAddresses(host: AnsweredHost, domain: string, own: OwnMx): boolean {
  return isIP(host.exchange) !== 0 && (host.fromDns === domain || ownHostOf(host, domain, own) === undefined);
}

/** By the name of the host where it has one, else by an address. */
function ownHostOf(host: AnsweredHost, domain: string, own: OwnMx): string | undefined {
  if (own.kind === 'failed') return undefined;
  const isNamed = (name: string) => own.hosts.some((one) => one.host === name);
  if (isIP(host.exchange) === 0) {
    const name = nameOf(host.exchange);
    return isNamed(name) ? name : undefined;
  }
  // The domain that was asked for says nothing of the host, unless it is a host itself and nothing else is known.
  const name = host.fromDns === undefined ? undefined : nameOf(host.fromDns);
  if (name !== undefined && name !== domain && isNamed(name)) return name;
  const byAddress = own.hosts.find(({ addresses }) => addresses.some(isSame(host.exchange)));
  if (byAddress !== undefined) return byAddress.host;
  return name !== undefined && isNamed(name) ? name : undefined;
}

function isSame(address: string): (other: string) => boolean {
  const plain = plainAddress(address);
  return (other) => plainAddress(other) === plain;
}

/** The form in which names and addresses are compared. */
function nameOf(text: string): string {
  return canonicalDomain(text) ?? plainAddress(text.toLowerCase());
}
