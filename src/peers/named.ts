/** The peers for which the operator wrote a rule of their own. Pure. */
import { parsePeer, type PeerIndex } from './index';
import type { Network } from './network';
import type { DomainRules, GlobalRules, RuleSet } from './rule_set';

/** Whether an outbound rule names a domain (canonical): by itself, by a wildcard, or not at all. */
export type NamedPeers = (domain: string) => 'named' | 'below' | 'not';

/** Also rules that are disabled or have lapsed: they may apply again tomorrow. */
export function namedPeers(settings: RuleSet): NamedPeers {
  const names = new Set<string>();
  const wildcards = new Set<string>();
  const add = ({ outboundPeers }: Pick<GlobalRules, 'outboundPeers'> | DomainRules) => {
    for (const name of outboundPeers.names.keys()) names.add(name);
    for (const above of outboundPeers.wildcards.keys()) wildcards.add(above);
  };
  add(settings.global);
  for (const domain of settings.domains.values()) if (domain.kind === 'managed') add(domain);
  return (domain) => (names.has(domain) ? 'named' : isBelow(domain, wildcards) ? 'below' : 'not');
}

/**
 * Whether a rule of `managed` (empty: of no managed domain) or one of `tls-peers.ini` names exactly this peer, disabled or not.
 *
 * @param peer in the one way that `formatPeer` writes it
 */
export function isNamedExactly(
  settings: RuleSet,
  managed: string,
  direction: 'out' | 'in',
  peer: string,
): boolean {
  const domain = settings.domains.get(managed);
  const files = domain?.kind === 'managed' ? [domain, settings.global] : [settings.global];
  if (direction === 'out') return files.some(({ outboundPeers }) => outboundPeers.names.has(peer));
  if (files.some(({ inboundPeers }) => inboundPeers.names.has(peer))) return true;
  const parsed = parsePeer(peer);
  return parsed?.kind === 'network' && files.some(({ inboundPeers }) => holds(inboundPeers, parsed.network));
}

function holds({ networks }: PeerIndex<unknown>, { family, prefix, bits }: Network): boolean {
  return networks[family].some((group) => group.prefix === prefix && group.networks.has(bits));
}

function isBelow(domain: string, wildcards: ReadonlySet<string>): boolean {
  if (wildcards.size === 0) return false;
  for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.', dot + 1)) {
    if (wildcards.has(domain.slice(dot + 1))) return true;
  }
  return false;
}
