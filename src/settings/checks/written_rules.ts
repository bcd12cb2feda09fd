/** The rules that an operator wrote and that apply. Pure. */
import { allSections } from '../../peers/index';
import type { OutboundRule } from '../../peers/rule';
import { completeInbound, completeOutbound, type InboundRule } from '../../peers/rules';
import { standing } from '../../peers/section';
import type { ManagedDomain, Settings } from '../schema/types';
import { outboundRules } from './warnings';

export function* writtenOutbound(settings: Settings, today: string): Generator<OutboundRule> {
  const { outbound } = settings.global;
  if (outbound.line > 0) yield completeOutbound(outbound, [outbound], today);
  for (const domain of enabledDomains(settings)) {
    for (const { section, rule } of outboundRules(settings, domain, today)) {
      if (standing(section, today) === 'applies') yield rule;
    }
  }
}

export function* writtenInbound(settings: Settings, today: string): Generator<InboundRule> {
  const { inbound } = settings.global;
  if (inbound.line > 0) yield completeInbound(inbound, [inbound], today);
  for (const domain of enabledDomains(settings)) {
    for (const section of [domain.inbound, ...allSections(domain.inboundPeers)]) {
      if (section.line === 0 || standing(section, today) !== 'applies') continue;
      yield completeInbound(section, [domain.inbound, inbound], today);
    }
  }
}

export function* enabledDomains(settings: Settings): Generator<ManagedDomain> {
  for (const domain of settings.domains.values()) {
    if (domain.kind === 'managed' && domain.status === 'enabled') yield domain;
  }
}
