/** Sections that apply for a while, and what stands behind them. Pure. */
import { isForAll } from '../../peers/candidates';
import { encryptedLevels } from '../../peers/cleartext';
import { dayAfter, type Day } from '../../peers/day';
import { allSections, sectionsForName, type PeerIndex } from '../../peers/index';
import { completeOutbound } from '../../peers/rules';
import { standing, type OutboundSection, type Section } from '../../peers/section';
import type { Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import type { FilesView } from './check';
import { atSection, onceEach, peerText } from './section_fault';
import { enabledDomains, outboundRules, sharedOutboundRules, type RuledSection } from './written_rules';

/** How many days ahead the end of an exemption is announced. */
const announceDays = 14;

/** The ends of exemptions, near or past. */
export function exemptionEnds({ settings, today }: FilesView): Fault[] {
  return [...enabledSections(settings)].flatMap((section) => exemptionEnd(section, today));
}

function* enabledSections(settings: Settings): Generator<Section<{ exempt_until?: Day }>> {
  yield settings.global.outbound;
  yield settings.global.inbound;
  yield* enabledPeers(settings.global);
  for (const domain of enabledDomains(settings)) {
    yield domain.outbound;
    yield domain.inbound;
    yield* enabledPeers(domain);
  }
}

/** The sections of a file that are switched on, outbound and inbound. */
export function* enabledPeers({
  outboundPeers,
  inboundPeers,
}: Pick<Settings['global'], 'outboundPeers' | 'inboundPeers'>): Generator<Section<{ exempt_until?: Day }>> {
  for (const peers of [allSections(outboundPeers), allSections(inboundPeers)]) {
    for (const section of peers) if (section.status === 'enabled') yield section;
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
  const shared = [...sharedOutboundRules(settings, today)].flatMap((one) =>
    lapse(one, sharedBehind(settings, one), today),
  );
  const own = [...enabledDomains(settings)].flatMap((domain) =>
    [...outboundRules(settings, domain, today)].flatMap((one) =>
      lapse(one, sectionsBehind(domain.outboundPeers, one.section), today),
    ),
  );
  return onceEach([...shared, ...own]);
}

/** @param behind the peers of the same file that may apply in its place, in order */
function lapse(
  { section, rule, defaults }: RuledSection,
  behind: readonly OutboundSection[],
  today: Day,
): Fault[] {
  const until = section.values.exempt_until;
  if (until === undefined || until < today || !encryptedLevels.has(rule.level)) return [];
  const then = dayAfter(until);
  const next = [...behind, ...defaults].find((one) => standing(one, then) === 'applies') ?? section;
  const { name, level } = completeOutbound(next, defaults, then);
  if (encryptedLevels.has(level)) return [];
  const problem = `afterwards ${name} applies, and ${level} does not forbid cleartext`;
  return [atSection(section, problem, 'exempt_until')];
}

/** A wildcard's text fits itself and the shorter ones, as every name does for which no longer one stands. */
function sectionsBehind<S>(peers: PeerIndex<S>, section: OutboundSection): S[] {
  return [...sectionsForName(peers, peerText(section))];
}

/** For a managed domain, only those that stand for it. */
function sharedBehind({ global }: Settings, { section, defaults }: RuledSection): OutboundSection[] {
  const all = sectionsBehind(global.outboundPeers, section);
  return defaults.length === 1 ? all : all.filter(isForAll);
}
