/** The rules that an operator wrote. Pure. */
import { isForAll } from '../../peers/candidates';
import type { Day } from '../../peers/day';
import { allSections } from '../../peers/index';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { completeInbound, completeOutbound } from '../../peers/rules';
import { isWritten, standing, type OutboundSection, type Section } from '../../peers/section';
import type { ManagedDomain, Settings } from '../schema/types';

/** An outbound section with the rule that it gives. */
export interface RuledSection {
  readonly section: OutboundSection;
  readonly rule: OutboundRule;
  /** `shared`: a peer of `tls-peers.ini`. */
  readonly place: 'peer' | 'shared' | 'default';
  /** Written ones that stand behind it, nearest first; the last is the default for unspecified domains, written or not. */
  readonly defaults: readonly OutboundSection[];
}

export function* enabledDomains(settings: Settings): Generator<ManagedDomain> {
  for (const domain of settings.domains.values()) {
    if (domain.kind === 'managed' && domain.status === 'enabled') yield domain;
  }
}

/** Every outbound section of a domain that is switched on, with its rule. */
export function* outboundRules(
  settings: Settings,
  domain: ManagedDomain,
  today: Day,
): Generator<RuledSection> {
  const { outbound } = settings.global;
  const defaults = isWritten(domain.outbound) ? [domain.outbound, outbound] : [outbound];
  const ruled = (section: OutboundSection, place: RuledSection['place']): RuledSection => ({
    section,
    rule: completeOutbound(section, defaults, today),
    place,
    defaults,
  });
  if (isWritten(domain.outbound)) yield ruled(domain.outbound, 'default');
  for (const section of allSections(domain.outboundPeers)) {
    if (section.status === 'enabled') yield ruled(section, 'peer');
  }
}

/**
 * For each peer of `tls-peers.ini` that is switched on, the rule that it gives; where its scope is `all`, also those that it
 * gives with the defaults of managed domains. Of domains with the same default, one stands for all.
 */
export function* sharedOutboundRules(settings: Settings, today: Day): Generator<RuledSection> {
  const { outbound, outboundPeers } = settings.global;
  const managed = distinct([...enabledDomains(settings)].map((domain) => domain.outbound));
  for (const section of allSections(outboundPeers)) {
    if (section.status !== 'enabled') continue;
    for (const own of [[], ...(isForAll(section) ? managed : [])]) {
      const defaults = [...own, outbound];
      yield { section, rule: completeOutbound(section, defaults, today), place: 'shared', defaults };
    }
  }
}

/** Those that are written, without those that say the same as another. Each in a list of its own. */
function distinct<S extends Section<object>>(defaults: readonly S[]): S[][] {
  const written = defaults.filter(isWritten);
  return [...new Map(written.map((one) => [JSON.stringify(one.values), [one]])).values()];
}

/** Every outbound rule: the default for domains that are not managed, written or not, the peers beside it, and all domains. */
export function* everyOutboundRule(settings: Settings, today: Day): Generator<RuledSection> {
  const { outbound } = settings.global;
  const defaults = [outbound];
  yield { section: outbound, rule: completeOutbound(outbound, defaults, today), place: 'default', defaults };
  yield* sharedOutboundRules(settings, today);
  for (const domain of enabledDomains(settings)) yield* outboundRules(settings, domain, today);
}

/** The outbound rules that are written and apply. */
export function* writtenOutbound(settings: Settings, today: Day): Generator<OutboundRule> {
  for (const { section, rule } of everyOutboundRule(settings, today)) {
    if (isWritten(section) && standing(section, today) === 'applies') yield rule;
  }
}

/** The inbound rules that are written and apply. */
export function* writtenInbound(settings: Settings, today: Day): Generator<InboundRule> {
  const { inbound, inboundPeers } = settings.global;
  if (isWritten(inbound)) yield completeInbound(inbound, [inbound], today);
  const managed = distinct([...enabledDomains(settings)].map((domain) => domain.inbound));
  for (const section of allSections(inboundPeers)) {
    if (standing(section, today) !== 'applies') continue;
    for (const own of [[], ...(isForAll(section) ? managed : [])])
      yield completeInbound(section, [...own, inbound], today);
  }
  for (const domain of enabledDomains(settings)) {
    for (const section of [domain.inbound, ...allSections(domain.inboundPeers)]) {
      if (!isWritten(section) || standing(section, today) !== 'applies') continue;
      yield completeInbound(section, [domain.inbound, inbound], today);
    }
  }
}
