/** (managed domain, direction, peer) to a rule. Pure: the day comes in as an argument. */
import type { Failure } from '../failure';
import { inboundKeys, initials, outboundKeys } from '../settings/schema/keys';
import type { Settings } from '../settings/schema/types';
import {
  firstApplicable,
  inboundCandidates,
  outboundCandidates,
  ownerOf,
  type InboundPeer,
  type Owner,
} from './candidates';
import { inherited, layers } from './inherit';
import type { MinTlsVersion, OutboundRule } from './rule';
import type { InboundSection, OutboundSection } from './section';

/** What a connection from a peer must satisfy, for recipients of one managed domain. */
export interface InboundRule {
  /** For logs and replies, such as `example.com [inbound 203.0.113.0/24]`. */
  readonly name: string;
  readonly level: 'opportunistic' | 'mandatory';
  /** Where the key is not set: 1.2 at `mandatory`, `none` at `opportunistic`. */
  readonly minTlsVersion: MinTlsVersion;
  readonly actionOnFailure: 'defer' | 'bounce';
  readonly enforcement: 'enforce' | 'monitor';
}

export type Found<R> =
  | { readonly kind: 'rule'; readonly rule: R }
  /** The configuration that would say was never valid: hold the message back. */
  | { readonly kind: 'invalid'; readonly failure: Failure };

const outboundInitial = initials(outboundKeys);
const inboundInitial = initials(inboundKeys);

/**
 * The rule for a message from `sender` to `recipientDomain`.
 *
 * @param sender the domain of the envelope sender, empty for the null sender
 * @param recipientDomain as in the envelope; an address literal matches defaults only
 * @param today the day in UTC as `YYYY-MM-DD`, for `exempt_until`
 */
export function outboundRule(
  settings: Settings,
  sender: string,
  recipientDomain: string,
  today: string,
): Found<OutboundRule> {
  const owner = ownerOf(settings, sender);
  if (owner.kind === 'invalid') return owner;
  const candidates = outboundCandidates(settings, owner, recipientDomain);
  const winner = firstApplicable(candidates, settings.global.outbound, today);
  return { kind: 'rule', rule: completeOutbound(winner, outboundDefaults(settings, owner), today) };
}

/** The rule for a message that `peer` sends to a recipient at `recipientDomain`; `today` as for `outboundRule`. */
export function inboundRule(
  settings: Settings,
  recipientDomain: string,
  peer: InboundPeer,
  today: string,
): Found<InboundRule> {
  const owner = ownerOf(settings, recipientDomain);
  if (owner.kind === 'invalid') return owner;
  const winner = firstApplicable(inboundCandidates(settings, owner, peer), settings.global.inbound, today);
  return { kind: 'rule', rule: completeInbound(winner, inboundDefaults(settings, owner), today) };
}

export function outboundDefaults(settings: Settings, owner: Owner): OutboundSection[] {
  return owner.kind === 'managed'
    ? [owner.domain.outbound, settings.global.outbound]
    : [settings.global.outbound];
}

export function inboundDefaults(settings: Settings, owner: Owner): InboundSection[] {
  return owner.kind === 'managed'
    ? [owner.domain.inbound, settings.global.inbound]
    : [settings.global.inbound];
}

/** The outbound rule that `winner` gives with what it inherits. */
export function completeOutbound(
  winner: OutboundSection,
  defaults: readonly OutboundSection[],
  today: string,
): OutboundRule {
  const from = layers(winner, defaults, today);
  const get = <K extends keyof typeof outboundKeys>(key: K) => inherited(from, key, outboundInitial[key]);
  return {
    name: winner.name,
    level: get('security_level'),
    minTlsVersion: inherited(from, 'min_tls_version', 'by_requirement'),
    match: get('match'),
    extraRoots: get('ca_file'),
    fingerprints: get('fingerprints'),
    actionOnFailure: get('action_on_failure'),
    enforcement: get('enforcement'),
    cleartextFallback: get('cleartext_fallback'),
    insecureMx: get('insecure_mx'),
  };
}

/** The inbound rule that `winner` gives with what it inherits. */
export function completeInbound(
  winner: InboundSection,
  defaults: readonly InboundSection[],
  today: string,
): InboundRule {
  const from = layers(winner, defaults, today);
  const get = <K extends keyof typeof inboundKeys>(key: K) => inherited(from, key, inboundInitial[key]);
  const level = get('security_level');
  return {
    name: winner.name,
    level,
    minTlsVersion: inherited(from, 'min_tls_version', level === 'mandatory' ? '1.2' : 'none'),
    actionOnFailure: get('action_on_failure'),
    enforcement: get('enforcement'),
  };
}
