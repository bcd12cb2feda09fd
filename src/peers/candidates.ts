/** Which sections could set the rule for a message, in the order in which they are preferred. Pure. */
import { canonicalDomain } from '../names';
import type { Failure } from '../failure';
import type { Day } from './day';
import { sectionsForAddress, sectionsForName, type PeerIndex } from './index';
import { parseAddress, type Address } from './network';
import type { DomainRules, RuleSet } from './rule_set';
import {
  isWritten,
  standing,
  type InboundSection,
  type OutboundSection,
  type Scoped,
  type Section,
  type Standing,
} from './section';

/** The other side of an incoming message. */
export interface InboundPeer {
  /** The client's address. */
  readonly ip: string;
  /** The domain of the envelope sender, empty for the null sender. */
  readonly senderDomain: string;
}

/** The managed domain that a message belongs to. */
export type Owner =
  | { readonly kind: 'managed'; readonly domain: DomainRules }
  /** The default for unspecified domains governs. `why`: `null sender`, `not managed`, `disabled`. */
  | { readonly kind: 'unmanaged'; readonly why: 'null_sender' | 'not_managed' | 'disabled' }
  | { readonly kind: 'invalid'; readonly failure: Failure };

/** Whose rules apply to mail of `domain` (empty for the null sender, which belongs to no managed domain). */
export function ownerOf(settings: RuleSet, domain: string): Owner {
  if (settings.validity.kind === 'invalid') return settings.validity;
  if (domain === '') return { kind: 'unmanaged', why: 'null_sender' };
  const found = settings.domains.get(canonicalDomain(domain) ?? '');
  if (found === undefined) return { kind: 'unmanaged', why: 'not_managed' };
  if (found.kind === 'invalid') return { kind: 'invalid', failure: found.failure };
  return found.status === 'disabled'
    ? { kind: 'unmanaged', why: 'disabled' }
    : { kind: 'managed', domain: found };
}

/** The name of the managed domain that mail of `domain` counts for, empty for none. */
export function managedDomain(settings: RuleSet, domain: string): string {
  const owner = ownerOf(settings, domain);
  if (owner.kind === 'managed') return owner.domain.domain;
  // Its file is not valid: it is managed all the same.
  const name = canonicalDomain(domain);
  return owner.kind === 'invalid' && name !== undefined && settings.domains.has(name) ? name : '';
}

/** A section that could set the rule. */
export interface Candidate<S> {
  readonly section: S;
  /**
   * Why a peer of `tls-peers.ini` that fits does not stand for this managed domain: `scope`, its scope is `unmanaged`;
   * `listed`, the domain's own file lists the peer.
   */
  readonly barred: 'no' | 'scope' | 'listed';
}

/** The peers of the domain's file, those of `tls-peers.ini`, the default of the managed domain, that for unspecified domains. */
export function* outboundCandidates(
  settings: RuleSet,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  recipientDomain: string,
): Generator<Candidate<OutboundSection>> {
  const { global } = settings;
  const name = canonicalDomain(recipientDomain) ?? '';
  const own = owner.kind === 'managed' ? owner.domain : undefined;
  yield* peers(own?.outboundPeers, global.outboundPeers, (index) => sectionsForName(index, name));
  if (own !== undefined && isWritten(own.outbound)) yield open(own.outbound);
  yield open(global.outbound);
}

/** The same for mail that comes in. Within one file: the longest IP prefix, the exact name, the longest wildcard. */
export function* inboundCandidates(
  settings: RuleSet,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  peer: InboundPeer,
): Generator<Candidate<InboundSection>> {
  const { global } = settings;
  const name = canonicalDomain(peer.senderDomain) ?? '';
  const address = parseAddress(peer.ip);
  const own = owner.kind === 'managed' ? owner.domain : undefined;
  yield* peers(own?.inboundPeers, global.inboundPeers, function* (index) {
    if (address !== undefined) yield* sectionsForAddress(index, address);
    yield* sectionsForName(index, name);
  });
  if (own !== undefined && isWritten(own.inbound)) yield open(own.inbound);
  yield open(global.inbound);
}

/** Only what is for the client's address, in the same order and without defaults. */
export function addressCandidates(
  settings: RuleSet,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  address: Address,
): Generator<Candidate<InboundSection>> {
  const own = owner.kind === 'managed' ? owner.domain.inboundPeers : undefined;
  return peers(own, settings.global.inboundPeers, (index) => sectionsForAddress(index, address));
}

/** @param own of the managed domain; `undefined` where there is none */
function* peers<V extends object>(
  own: PeerIndex<Section<V>> | undefined,
  shared: PeerIndex<Section<V & Scoped>>,
  fitting: (index: PeerIndex<Section<V>>) => Iterable<Section<V>>,
): Generator<Candidate<Section<V>>> {
  let barred: Candidate<unknown>['barred'] = 'no';
  for (const section of own === undefined ? [] : fitting(own)) {
    // Whether it applies or not: that a domain speaks of a peer keeps the peers of all others away from it.
    barred = 'listed';
    yield open(section);
  }
  for (const section of fitting(shared)) {
    if (own === undefined || isForAll(section)) yield { section, barred };
    else yield { section, barred: 'scope' };
  }
}

function open<S>(section: S): Candidate<S> {
  return { section, barred: 'no' };
}

/** Whether a peer of `tls-peers.ini` stands for managed domains, too. */
export function isForAll({ values }: Section<object>): boolean {
  const { scope }: Scoped = values;
  return scope === 'all';
}

/** The first candidate that applies. The default for unspecified domains stands last and always does. */
export function firstApplicable<S extends Section<{ exempt_until?: Day }>>(
  candidates: Iterable<Candidate<S>>,
  fallback: S,
  today: Day,
): S {
  for (const { section, barred } of candidates)
    if (barred === 'no' && standing(section, today) === 'applies') return section;
  return fallback;
}

/** How one candidate fared. */
export interface Verdict<S> {
  readonly section: S;
  /**
   * `outranked`: it would apply, but another one that applies comes first. `unmanaged_only` and `listed`: a peer of
   * `tls-peers.ini` that does not stand for this managed domain, by its scope, or because the domain's file lists the peer.
   */
  readonly outcome: 'wins' | 'outranked' | 'unmanaged_only' | 'listed' | Exclude<Standing, 'applies'>;
}

/** Every candidate with its fate. Where none applies, the last, whose values are then all defaults, wins. */
export function judge<S extends Section<{ exempt_until?: Day }>>(
  candidates: Iterable<Candidate<S>>,
  today: Day,
): Verdict<S>[] {
  let won = false;
  return [...candidates].map(({ section, barred }) => {
    const state = standing(section, today);
    if (state !== 'applies') return { section, outcome: state };
    if (barred !== 'no') return { section, outcome: barred === 'scope' ? 'unmanaged_only' : 'listed' };
    const outcome = won ? 'outranked' : 'wins';
    won = true;
    return { section, outcome };
  });
}
