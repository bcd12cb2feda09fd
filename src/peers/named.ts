/** The peers for which the operator wrote a rule of their own. Pure. */
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

function isBelow(domain: string, wildcards: ReadonlySet<string>): boolean {
  if (wildcards.size === 0) return false;
  for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.', dot + 1)) {
    if (wildcards.has(domain.slice(dot + 1))) return true;
  }
  return false;
}
