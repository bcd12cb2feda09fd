/** Which sections could set the rule for a message, in the order in which they are preferred. Pure. */
import { canonicalDomain } from '../names';
import type { Failure } from '../failure';
import type { Day } from './day';
import { sectionsForAddress, sectionsForName } from './index';
import { parseAddress } from './network';
import type { DomainRules, RuleSet } from './rule_set';
import { standing, type InboundSection, type OutboundSection, type Section, type Standing } from './section';

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

/** Exact name, longest wildcard, default of the managed domain, default for unspecified domains. */
export function* outboundCandidates(
  settings: RuleSet,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  recipientDomain: string,
): Generator<OutboundSection> {
  if (owner.kind === 'managed') {
    yield* sectionsForName(owner.domain.outboundPeers, canonicalDomain(recipientDomain) ?? '');
    if (isWritten(owner.domain.outbound)) yield owner.domain.outbound;
  }
  yield settings.global.outbound;
}

/** Longest IP prefix, exact name, longest wildcard, default of the managed domain, default for unspecified domains. */
export function* inboundCandidates(
  settings: RuleSet,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  peer: InboundPeer,
): Generator<InboundSection> {
  if (owner.kind === 'managed') {
    const address = parseAddress(peer.ip);
    if (address !== undefined) yield* sectionsForAddress(owner.domain.inboundPeers, address);
    yield* sectionsForName(owner.domain.inboundPeers, canonicalDomain(peer.senderDomain) ?? '');
    if (isWritten(owner.domain.inbound)) yield owner.domain.inbound;
  }
  yield settings.global.inbound;
}

function isWritten(section: Section<unknown>): boolean {
  return section.line > 0;
}

/** The first candidate that applies. The default for unspecified domains stands last and always does. */
export function firstApplicable<S extends Section<{ exempt_until?: Day }>>(
  candidates: Iterable<S>,
  fallback: S,
  today: Day,
): S {
  for (const candidate of candidates) if (standing(candidate, today) === 'applies') return candidate;
  return fallback;
}

/** How one candidate fared. */
export interface Verdict<S> {
  readonly section: S;
  /** `outranked`: it would apply, but another one that applies comes first. */
  readonly outcome: 'wins' | 'outranked' | Exclude<Standing, 'applies'>;
}

/** Every candidate with its fate. Where none applies, the last, whose values are then all defaults, wins. */
export function judge<S extends Section<{ exempt_until?: Day }>>(
  candidates: Iterable<S>,
  today: Day,
): Verdict<S>[] {
  let won = false;
  return [...candidates].map((section) => {
    const state = standing(section, today);
    if (state !== 'applies') return { section, outcome: state };
    const outcome = won ? 'outranked' : 'wins';
    won = true;
    return { section, outcome };
  });
}
