/**
 * Rules that a counted message might fall under as well, because the record does not hold what decides it: the address of a
 * client, the sender of one in a network, or the domain of a message that belonged to no managed domain. Pure.
 */
import { isForAll, ownerOf } from '../peers/candidates';
import type { Day } from '../peers/day';
import { sectionsByPeer, type PeerIndex } from '../peers/index';
import { formatAddress, parseNetwork, width, type Network } from '../peers/network';
import type { InboundRule, OutboundRule } from '../peers/rule';
import type { RuleSet } from '../peers/rule_set';
import {
  completeInbound,
  completeOutbound,
  inboundDefaults,
  inboundRule,
  outboundDefaults,
} from '../peers/rules';
import { standing, type InboundSection, type OutboundSection, type Section } from '../peers/section';

/** Domains that are managed by `after`, and were not by `before`: their mail was counted as of none. */
export function newlyManaged(before: RuleSet, after: RuleSet): string[] {
  const isManaged = (rules: RuleSet, name: string) => ownerOf(rules, name).kind === 'managed';
  return [...after.domains.keys()].filter((name) => isManaged(after, name) && !isManaged(before, name));
}

type Listed<S> = readonly (readonly [peer: string, section: S])[];

/** Outbound rules for peers that have no line of their own: whom a wildcard is for, and whom nothing named so far. */
export function otherOutboundRules(
  before: RuleSet,
  after: RuleSet,
  managed: string,
  today: Day,
): OutboundRule[] {
  const owner = ownerOf(after, managed);
  if (owner.kind === 'invalid') return [];
  const defaults = outboundDefaults(after, owner);
  return unlisted(outboundSections(before, managed, today), outboundSections(after, managed, today)).map(
    (section) => completeOutbound(section, defaults, today),
  );
}

/** The same for inbound ones. */
export function otherInboundRules(
  before: RuleSet,
  after: RuleSet,
  managed: string,
  today: Day,
): InboundRule[] {
  const owner = ownerOf(after, managed);
  if (owner.kind === 'invalid') return [];
  const defaults = inboundDefaults(after, owner);
  return unlisted(inboundSections(before, managed, today), inboundSections(after, managed, today)).map(
    (section) => completeInbound(section, defaults, today),
  );
}

function unlisted<S extends Section<object>>(were: Listed<S>, are: Listed<S>): S[] {
  const before = new Set(were.map(([peer]) => peer));
  return are.flatMap(([peer, section]) => {
    const isMeant = peer.startsWith('*.') || (section.network === undefined && !before.has(peer));
    return isMeant ? [section] : [];
  });
}

/** Sections for peers that may apply to mail of `managed`. */
function outboundSections(rules: RuleSet, managed: string, today: Day): Listed<OutboundSection> {
  const owner = ownerOf(rules, managed);
  if (owner.kind === 'invalid') return [];
  const own = owner.kind === 'managed' ? owner.domain.outboundPeers : undefined;
  return applying(own, rules.global.outboundPeers, today);
}

function inboundSections(rules: RuleSet, managed: string, today: Day): Listed<InboundSection> {
  const owner = ownerOf(rules, managed);
  if (owner.kind === 'invalid') return [];
  const own = owner.kind === 'managed' ? owner.domain.inboundPeers : undefined;
  return applying(own, rules.global.inboundPeers, today);
}

function applying<S extends Section<{ exempt_until?: Day }>>(
  own: PeerIndex<S> | undefined,
  shared: PeerIndex<S>,
  today: Day,
): Listed<S> {
  return [
    ...(own === undefined ? [] : sectionsByPeer(own)),
    ...[...sectionsByPeer(shared)].filter(([, section]) => own === undefined || isForAll(section)),
  ].filter(([, section]) => standing(section, today) === 'applies');
}

interface Written {
  readonly networks: readonly { readonly network: Network; readonly section: InboundSection }[];
  readonly names: readonly InboundSection[];
}

/** Rules that differ by anything but their names. */
type Distinct = Map<string, InboundRule>;

/** Of clients of one managed domain; empty for none. */
export class OtherInboundRules {
  readonly #after: RuleSet;
  readonly #managed: string;
  readonly #today: Day;
  readonly #is: Written;
  /** Networks that no rule was for so far: mail from there was counted under its senders, or a larger network. */
  readonly #added: Written['networks'];

  constructor(before: RuleSet, after: RuleSet, managed: string, today: Day) {
    this.#after = after;
    this.#managed = managed;
    this.#today = today;
    this.#is = writtenIn(after, managed, today);
    const were = new Set(writtenIn(before, managed, today).networks.map(({ section }) => section.network));
    this.#added = this.#is.networks.filter(({ section }) => !were.has(section.network));
  }

  /** @param peer of the record: a domain, or the network of the rule that was in force */
  for(peer: string): readonly InboundRule[] {
    const found: Distinct = new Map();
    const network = parseNetwork(peer);
    for (const added of this.#added)
      if (network === undefined || (added.network !== network && holds(network, added.network)))
        this.#complete(found, added.section);
    if (network !== undefined) {
      this.#add(found, this.#ruleAt(lastOf(network)));
      // Who sent from there goes by the name of the sender now.
      if (!this.#is.networks.some((other) => holds(other.network, network)))
        for (const section of this.#is.names) this.#complete(found, section);
    }
    return [...found.values()];
  }

  #complete(found: Distinct, section: InboundSection): void {
    const owner = ownerOf(this.#after, this.#managed);
    if (owner.kind === 'invalid') return;
    this.#add(found, completeInbound(section, inboundDefaults(this.#after, owner), this.#today));
  }

  #ruleAt(ip: string): InboundRule | undefined {
    const found = inboundRule(this.#after, this.#managed, { ip, senderDomain: '' }, this.#today);
    return found.kind === 'rule' ? found.rule : undefined;
  }

  #add(found: Distinct, rule: InboundRule | undefined): void {
    if (rule === undefined) return;
    found.set([rule.level, rule.minTlsVersion, rule.enforcement].join(), rule);
  }
}

/** What may apply to mail for `managed`, by what it is for. */
function writtenIn(rules: RuleSet, managed: string, today: Day): Written {
  const sections = inboundSections(rules, managed, today).map(([, section]) => section);
  return {
    networks: sections.flatMap((section) => {
      const network = parseNetwork(section.network ?? '');
      return network === undefined ? [] : [{ network, section }];
    }),
    names: sections.filter(({ network }) => network === undefined),
  };
}

/** Whether all of `inner` is in `outer`. */
function holds(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const rest = BigInt(width[outer.family] - outer.prefix);
  return outer.bits >> rest === inner.bits >> rest;
}

function lastOf({ family, bits, prefix }: Network): string {
  return formatAddress({ family, bits: bits | ((1n << BigInt(width[family] - prefix)) - 1n) });
}
