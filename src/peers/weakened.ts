/** Peers of `tls-peers.ini` that let mail of a managed domain go in cleartext, where that domain's default does not. Pure. */
import { firstApplicable, isForAll } from './candidates';
import { forbidsCleartext } from './cleartext';
import type { Day } from './day';
import { sectionsForName, type PeerIndex } from './index';
import { maskTo, parseNetwork } from './network';
import type { InboundRule } from './rule';
import type { DomainRules, RuleSet } from './rule_set';
import { completeInbound, completeOutbound } from './rules';
import { isWritten, type InboundSection, type OutboundSection, type Section } from './section';

/** Whether a connection without TLS is refused. */
export function refusesCleartext({ level, enforcement }: InboundRule): boolean {
  return level === 'mandatory' && enforcement === 'enforce';
}

/** Whether `section`, whose scope is `all`, permits cleartext to mail of `domain`, whose default forbids it. */
export function weakensOutbound(
  { global }: RuleSet,
  domain: DomainRules,
  section: OutboundSection,
  today: Day,
): boolean {
  if (!isForAll(section)) return false;
  const defaults = [domain.outbound, global.outbound];
  return (
    forbidsCleartext(completeOutbound(defaultOf(domain.outbound, global.outbound, today), defaults, today)) &&
    !forbidsCleartext(completeOutbound(section, defaults, today))
  );
}

/** The same for mail to `domain`. */
export function weakensInbound(
  { global }: RuleSet,
  domain: DomainRules,
  section: InboundSection,
  today: Day,
): boolean {
  if (!isForAll(section)) return false;
  const defaults = [domain.inbound, global.inbound];
  return (
    refusesCleartext(completeInbound(defaultOf(domain.inbound, global.inbound, today), defaults, today)) &&
    !refusesCleartext(completeInbound(section, defaults, today))
  );
}

function defaultOf<S extends Section<{ exempt_until?: Day }>>(own: S, last: S, today: Day): S {
  const candidates = isWritten(own) ? [{ section: own, barred: 'no' } as const] : [];
  return firstApplicable(candidates, last, today);
}

/** Whether some section of a file is for everything that `peer` (as `formatPeer` writes it) is for. */
export function lists(peers: PeerIndex<unknown>, peer: string): boolean {
  const network = /:|\d$/.test(peer) ? parseNetwork(peer) : undefined;
  if (network === undefined) return !sectionsForName(peers, peer).next().done;
  return peers.networks[network.family].some(
    ({ prefix, networks }) => prefix <= network.prefix && networks.has(maskTo(network, prefix)),
  );
}
