/** The peers for which the operator wrote a rule of their own. Pure. */
import { parsePeer, sectionsByPeer } from './index';
import type { RuleSet } from './rule_set';

/** Whether an outbound rule names a domain (canonical): by itself, by a wildcard, or not at all. */
export type NamedPeers = (domain: string) => 'named' | 'below' | 'not';

/** Also rules that are disabled or have lapsed: they may apply again tomorrow. */
export function namedPeers(settings: RuleSet): NamedPeers {
  const names = new Set<string>();
  const wildcards = new Set<string>();
  for (const domain of settings.domains.values()) {
    if (domain.kind !== 'managed') continue;
    for (const [name] of domain.outboundPeers.names) names.add(name);
    for (const [above] of domain.outboundPeers.wildcards) wildcards.add(above);
  }
  return (domain) => (names.has(domain) ? 'named' : isBelow(domain, wildcards) ? 'below' : 'not');
}

/**
 * Whether a rule of `managed`, or one for all domains, names exactly this peer, disabled or not.
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
  if (domain?.kind !== 'managed') return false;
  if (direction === 'out') return domain.outboundPeers.names.has(peer);
  if (domain.inboundPeers.names.has(peer)) return true;
  const parsed = parsePeer(peer);
  if (parsed?.kind !== 'network') return false;
  for (const [name] of sectionsByPeer(domain.inboundPeers)) if (name === peer) return true;
  return false;
}

function isBelow(domain: string, wildcards: ReadonlySet<string>): boolean {
  if (wildcards.size === 0) return false;
  for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.', dot + 1)) {
    if (wildcards.has(domain.slice(dot + 1))) return true;
  }
  return false;
}
