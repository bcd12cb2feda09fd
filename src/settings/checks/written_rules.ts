/** The rules that an operator wrote. Pure. */
import type { Day } from '../../peers/day';
import { allSections } from '../../peers/index';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { completeInbound, completeOutbound } from '../../peers/rules';
import { standing, type OutboundSection, type Section } from '../../peers/section';
import type { ManagedDomain, Settings } from '../schema/types';

/** An outbound section with the rule that it gives. */
export interface RuledSection {
  readonly section: OutboundSection;
  readonly rule: OutboundRule;
  readonly place: 'peer' | 'default';
}

export function isWritten({ line }: Section<object>): boolean {
  return line > 0;
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
  const defaults = [domain.outbound, settings.global.outbound];
  const ruled = (section: OutboundSection, place: RuledSection['place']): RuledSection => ({
    section,
    rule: completeOutbound(section, defaults, today),
    place,
  });
  if (isWritten(domain.outbound)) yield ruled(domain.outbound, 'default');
  for (const section of allSections(domain.outboundPeers)) {
    if (section.status === 'enabled') yield ruled(section, 'peer');
  }
}

/** The same of all domains that are switched on, and before them the default for the others, written or not. */
export function* everyOutboundRule(settings: Settings, today: Day): Generator<RuledSection> {
  const { outbound } = settings.global;
  yield { section: outbound, rule: completeOutbound(outbound, [outbound], today), place: 'default' };
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
  const { inbound } = settings.global;
  if (isWritten(inbound)) yield completeInbound(inbound, [inbound], today);
  for (const domain of enabledDomains(settings)) {
    for (const section of [domain.inbound, ...allSections(domain.inboundPeers)]) {
      if (!isWritten(section) || standing(section, today) !== 'applies') continue;
      yield completeInbound(section, [domain.inbound, inbound], today);
    }
  }
}
