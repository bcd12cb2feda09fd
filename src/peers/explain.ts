/** Why a rule governs a message: every candidate with its fate, every key with the line that set it. Pure. */
import type { Failure } from '../failure';
import {
  inboundCandidates,
  judge,
  outboundCandidates,
  ownerOf,
  type InboundPeer,
  type Owner,
  type Verdict,
} from './candidates';
import type { Day } from './day';
import { inherited, isInherited, layers, originOf } from './inherit';
import { shippedInbound, shippedOutbound, type InboundRule, type OutboundRule } from './rule';
import type { DomainRules, RuleSet } from './rule_set';
import { completeInbound, completeOutbound, inboundDefaults, outboundDefaults } from './rules';
import type { Section } from './section';
import { weakensInbound, weakensOutbound } from './weakened';

export interface ExplainedCandidate {
  readonly name: string;
  /** `file:line`, or that it is not written. */
  readonly place: string;
  readonly outcome: Verdict<unknown>['outcome'];
  /** Why it lost; empty for the winner. */
  readonly why: string;
}

export interface ExplainedKey {
  readonly key: string;
  readonly value: unknown;
  /** `file:line`, or `default`. */
  readonly origin: string;
}

export interface Explained<R> {
  readonly kind: 'explained';
  /** Which managed domain the message belongs to, or why to none. */
  readonly managed: string;
  readonly candidates: readonly ExplainedCandidate[];
  readonly keys: readonly ExplainedKey[];
  readonly rule: R;
  /** What is to be known of the winner; mostly nothing. */
  readonly remarks: readonly string[];
}

interface Invalid {
  readonly kind: 'invalid';
  readonly failure: Failure;
}

export type OutboundExplanation = Explained<OutboundRule> | Invalid;
export type InboundExplanation = Explained<InboundRule> | Invalid;

/** Explains what `outboundRule` gives for the same arguments. */
export function explainOutbound(
  settings: RuleSet,
  sender: string,
  recipientDomain: string,
  today: Day,
): OutboundExplanation {
  const owner = ownerOf(settings, sender);
  if (owner.kind === 'invalid') return owner;
  const verdicts = judge(outboundCandidates(settings, owner, recipientDomain), today);
  const winner = winnerOf(verdicts) ?? settings.global.outbound;
  const defaults = outboundDefaults(settings, owner);
  return {
    kind: 'explained',
    managed: ownerText(owner, sender),
    candidates: verdicts.map((verdict) => candidate(verdict, winner)),
    keys: keysOf(shippedOutbound, layers(winner, defaults, today)),
    rule: completeOutbound(winner, defaults, today),
    remarks:
      owner.kind === 'managed' && weakensOutbound(settings, owner.domain, winner, today)
        ? [weakenedText(winner, owner.domain)]
        : [],
  };
}

/** Explains what `inboundRule` gives for the same arguments. */
export function explainInbound(
  settings: RuleSet,
  recipientDomain: string,
  peer: InboundPeer,
  today: Day,
): InboundExplanation {
  const owner = ownerOf(settings, recipientDomain);
  if (owner.kind === 'invalid') return owner;
  const verdicts = judge(inboundCandidates(settings, owner, peer), today);
  const winner = winnerOf(verdicts) ?? settings.global.inbound;
  const defaults = inboundDefaults(settings, owner);
  return {
    kind: 'explained',
    managed: ownerText(owner, recipientDomain),
    candidates: verdicts.map((verdict) => candidate(verdict, winner)),
    keys: keysOf(shippedInbound, layers(winner, defaults, today)),
    rule: completeInbound(winner, defaults, today),
    remarks:
      owner.kind === 'managed' && weakensInbound(settings, owner.domain, winner, today)
        ? [weakenedText(winner, owner.domain)]
        : [],
  };
}

function winnerOf<S>(verdicts: readonly Verdict<S>[]): S | undefined {
  return verdicts.find(({ outcome }) => outcome === 'wins')?.section;
}

function weakenedText({ name }: Section<object>, { domain }: DomainRules): string {
  return `${name} permits cleartext, where the default of ${domain} does not (scope = all)`;
}

function ownerText(owner: Exclude<Owner, { kind: 'invalid' }>, domain: string): string {
  if (owner.kind === 'managed') return `${owner.domain.domain} (${owner.domain.file})`;
  switch (owner.why) {
    case 'null_sender':
      return 'none: the null sender belongs to no managed domain';
    case 'not_managed':
      return `none: ${domain} is not managed`;
    case 'disabled':
      return `none: ${domain} is disabled`;
  }
}

function candidate(
  { section, outcome }: Verdict<Section<{ exempt_until?: Day }>>,
  winner: Section<object>,
): ExplainedCandidate {
  return { name: section.name, place: placeOf(section), outcome, why: whyLost(section, outcome, winner) };
}

function whyLost(
  section: Section<{ exempt_until?: Day }>,
  outcome: Verdict<unknown>['outcome'],
  winner: Section<object>,
): string {
  switch (outcome) {
    case 'wins':
      return '';
    case 'outranked':
      return `${winner.name} comes first`;
    case 'disabled':
      return 'status = disabled';
    case 'unmanaged_only':
      return 'scope = unmanaged: not for managed domains';
    case 'listed':
      return 'the file of the managed domain lists this peer';
    case 'lapsed':
      return `exempt_until = ${section.values.exempt_until ?? ''} has passed`;
  }
}

function placeOf(section: Section<object>): string {
  return section.line > 0 ? `${section.file}:${section.line}` : 'not written';
}

function keysOf(
  shipped: Readonly<Record<string, unknown>>,
  from: readonly Section<object>[],
): ExplainedKey[] {
  return Object.entries(shipped)
    .filter(([key]) => isInherited(key) || from[0]?.lines[key] !== undefined)
    .map(([key, initial]) => {
      // As it would be written: a key that is left out has no text.
      const value = inherited(from as readonly Section<Record<string, unknown>>[], key, initial ?? '');
      const origin = originOf(from, key);
      return { key, value, origin: origin === undefined ? 'default' : `${origin.file}:${origin.line}` };
    });
}
