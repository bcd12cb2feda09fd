/**
 * (managed domain, direction, peer) to a rule. Pure: the day comes in as an argument.
 *
 * A message belongs to one managed domain or to none: outbound by its envelope sender, inbound by its recipient. The first
 * section in this order that applies gives the rule.
 *
 * | | the domain is managed | it is not managed, or disabled |
 * |---|---|---|
 * | 1 | a peer of its file | a peer of `tls-peers.ini` |
 * | 2 | where no section of its file is for this peer: a peer of `tls-peers.ini` with `scope = all` | - |
 * | 3 | its default, where it is written | - |
 * | 4 | the default for unspecified domains | the default for unspecified domains |
 *
 * Among the peers of one file: inbound the longest network that holds the client's address, then the peer's exact name, then
 * the longest wildcard; `*.x` covers every depth below `x`, and not `x`.
 *
 * A section that is disabled, or whose `exempt_until` has passed, is passed over; in 2 it counts as being there. What a
 * section leaves out it inherits: a peer from 3, that from 4, and that from what this suite is shipped with (`rule.ts`). The
 * null sender belongs to no managed domain, and as a peer it has no name: names do not match it.
 */
import type { Failure } from '../failure';
import {
  firstApplicable,
  inboundCandidates,
  outboundCandidates,
  ownerOf,
  type InboundPeer,
  type Owner,
} from './candidates';
import type { Day } from './day';
import { inherited, layers } from './inherit';
import {
  asksWhatPeersPublish,
  shippedInbound,
  shippedOutbound,
  type InboundRule,
  type OutboundRule,
} from './rule';
import type { RuleSet } from './rule_set';
import type { InboundSection, OutboundSection } from './section';

export type Found<R> =
  | { readonly kind: 'rule'; readonly rule: R }
  /** The configuration that would say was never valid: hold the message back. */
  | { readonly kind: 'invalid'; readonly failure: Failure };

/**
 * The rule for a message from `sender` to `recipientDomain`.
 *
 * @param sender the domain of the envelope sender, empty for the null sender
 * @param recipientDomain as in the envelope; an address literal matches defaults only
 * @param today the day in UTC as `YYYY-MM-DD`, for `exempt_until`
 */
export function outboundRule(
  settings: RuleSet,
  sender: string,
  recipientDomain: string,
  today: Day,
): Found<OutboundRule> {
  const owner = ownerOf(settings, sender);
  if (owner.kind === 'invalid') return owner;
  const candidates = outboundCandidates(settings, owner, recipientDomain);
  const winner = firstApplicable(candidates, settings.global.outbound, today);
  return { kind: 'rule', rule: completeOutbound(winner, outboundDefaults(settings, owner), today) };
}

/** The rule for a message that `peer` sends to a recipient at `recipientDomain`; `today` as for `outboundRule`. */
export function inboundRule(
  settings: RuleSet,
  recipientDomain: string,
  peer: InboundPeer,
  today: Day,
): Found<InboundRule> {
  const owner = ownerOf(settings, recipientDomain);
  if (owner.kind === 'invalid') return owner;
  const winner = firstApplicable(inboundCandidates(settings, owner, peer), settings.global.inbound, today);
  return { kind: 'rule', rule: completeInbound(winner, inboundDefaults(settings, owner), today) };
}

export function outboundDefaults(settings: RuleSet, owner: Owner): OutboundSection[] {
  return owner.kind === 'managed'
    ? [owner.domain.outbound, settings.global.outbound]
    : [settings.global.outbound];
}

export function inboundDefaults(settings: RuleSet, owner: Owner): InboundSection[] {
  return owner.kind === 'managed'
    ? [owner.domain.inbound, settings.global.inbound]
    : [settings.global.inbound];
}

/** The outbound rule that `winner` gives with what it inherits. */
export function completeOutbound(
  winner: OutboundSection,
  defaults: readonly OutboundSection[],
  today: Day,
): OutboundRule {
  const from = layers(winner, defaults, today);
  const get = <K extends keyof typeof shippedOutbound>(key: K) => inherited(from, key, shippedOutbound[key]);
  const level = get('security_level');
  return {
    name: winner.name,
    level,
    minTlsVersion: inherited(from, 'min_tls_version', 'by_requirement'),
    match: get('match'),
    extraRoots: get('ca_file'),
    fingerprints: get('fingerprints'),
    actionOnFailure: get('action_on_failure'),
    enforcement: get('enforcement'),
    cleartextFallback: get('cleartext_fallback'),
    insecureMx: get('insecure_mx'),
    tlsReports: inherited(from, 'tls_reports', asksWhatPeersPublish(level) ? 'on' : 'off'),
    requireTls: get('requiretls'),
  };
}

/** The inbound rule that `winner` gives with what it inherits. */
export function completeInbound(
  winner: InboundSection,
  defaults: readonly InboundSection[],
  today: Day,
): InboundRule {
  const from = layers(winner, defaults, today);
  const get = <K extends keyof typeof shippedInbound>(key: K) => inherited(from, key, shippedInbound[key]);
  const level = get('security_level');
  const { name, network } = winner;
  return {
    name,
    ...(network === undefined ? {} : { network }),
    level,
    minTlsVersion: inherited(from, 'min_tls_version', level === 'mandatory' ? '1.2' : 'none'),
    actionOnFailure: get('action_on_failure'),
    enforcement: get('enforcement'),
  };
}
