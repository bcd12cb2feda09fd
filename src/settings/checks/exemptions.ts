/** Sections that apply for a while, and what stands behind them. Pure. */
import { firstApplicable } from '../../peers/candidates';
import { encryptedLevels } from '../../peers/cleartext';
import { dayAfter, type Day } from '../../peers/day';
import { allSections, formatPeer, parsePeer, sectionsForName } from '../../peers/index';
import { completeOutbound } from '../../peers/rules';
import type { OutboundSection, Section } from '../../peers/section';
import type { Fault } from '../schema/fault';
import type { ManagedDomain, Settings } from '../schema/types';
import type { FilesView } from './check';
import { atSection, headerIn } from './section_fault';
import { enabledDomains, isWritten, outboundRules, type RuledSection } from './written_rules';

/** How many days ahead the end of an exemption is announced. */
const announceDays = 14;

/** The ends of exemptions, near or past. */
export function exemptionEnds({ settings, today }: FilesView): Fault[] {
  return [...enabledSections(settings)].flatMap((section) => exemptionEnd(section, today));
}

function* enabledSections(settings: Settings): Generator<Section<{ exempt_until?: Day }>> {
  yield settings.global.outbound;
  yield settings.global.inbound;
  for (const domain of enabledDomains(settings)) {
    yield domain.outbound;
    yield domain.inbound;
    for (const peers of [allSections(domain.outboundPeers), allSections(domain.inboundPeers)]) {
      for (const section of peers) if (section.status === 'enabled') yield section;
    }
  }
}

function exemptionEnd(section: Section<{ exempt_until?: Day }>, today: Day): Fault[] {
  const until = section.values.exempt_until;
  if (until === undefined) return [];
  if (until < today) {
    return [atSection(section, 'has lapsed: the section no longer applies', 'exempt_until')];
  }
  const left = daysBetween(today, until);
  if (left >= announceDays) return [];
  const when = left === 0 ? 'today' : left === 1 ? 'tomorrow' : `in ${left} days`;
  return [atSection(section, `ends ${when}`, 'exempt_until')];
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}

/** What lapses is meant to be the weaker rule. */
export function lapsesIntoCleartext({ settings, today }: FilesView): Fault[] {
  return [...enabledDomains(settings)].flatMap((domain) =>
    [...outboundRules(settings, domain, today)].flatMap((one) => lapse(settings, domain, one, today)),
  );
}

function lapse(
  settings: Settings,
  domain: ManagedDomain,
  { section, rule }: RuledSection,
  today: Day,
): Fault[] {
  const until = section.values.exempt_until;
  if (until === undefined || until < today || !encryptedLevels.has(rule.level)) return [];
  const then = dayAfter(until);
  const defaults = [domain.outbound, settings.global.outbound];
  const next = firstApplicable(sectionsBehind(domain, section), settings.global.outbound, then);
  const { name, level } = completeOutbound(next, defaults, then);
  if (encryptedLevels.has(level)) return [];
  const problem = `afterwards ${name} applies, and ${level} does not forbid cleartext`;
  return [atSection(section, problem, 'exempt_until')];
}

/** A wildcard's text fits itself and the shorter ones, as every name does for which no longer one stands. */
function* sectionsBehind(domain: ManagedDomain, section: OutboundSection): Generator<OutboundSection> {
  const peer = parsePeer(headerIn(section).split(/\s+/)[1] ?? '');
  if (peer !== undefined) yield* sectionsForName(domain.outboundPeers, formatPeer(peer));
  if (isWritten(domain.outbound)) yield domain.outbound;
}
