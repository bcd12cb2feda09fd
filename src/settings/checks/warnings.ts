/** What is allowed in a configuration and yet probably not meant. Pure. */
import { firstApplicable } from '../../peers/candidates';
import { encryptedLevels } from '../../peers/cleartext';
import { dayAfter } from '../../peers/day';
import { allSections, formatPeer, parsePeer, sectionsForName, type PeerIndex } from '../../peers/index';
import { parseNetwork, width, type Network } from '../../peers/network';
import { completeOutbound } from '../../peers/rules';
import type { OutboundRule, SecurityLevel } from '../../peers/rule';
import { standing, type InboundSection, type OutboundSection, type Section } from '../../peers/section';
import { fault, inOrder, type Fault } from '../schema/fault';
import type { ManagedDomain, Settings } from '../schema/types';

/** How many days ahead the end of an exemption is announced. */
export const announceDays = 14;

/** A section with the rule that it gives. */
interface Ruled<S, R> {
  readonly section: S;
  readonly rule: R;
  readonly place: 'peer' | 'default';
}

/** Warnings for everything in `settings` that is switched on, by file and line. `today` is a day as `YYYY-MM-DD`. */
export function warnings(settings: Settings, today: string): Fault[] {
  const { outbound, inbound } = settings.global;
  const found = [
    ...outboundWarnings(ruleOf(outbound, [outbound], 'default', today), today),
    ...inboundWarnings(inbound, today),
  ];
  for (const domain of settings.domains.values()) {
    if (domain.kind !== 'managed' || domain.status === 'disabled') continue;
    for (const one of outboundRules(settings, domain, today)) {
      found.push(...outboundWarnings(one, today), ...lapsesIntoCleartext(settings, domain, one, today));
    }
    for (const section of [domain.inbound, ...allSections(domain.inboundPeers)]) {
      found.push(...inboundWarnings(section, today));
    }
    found.push(...shadowedByNetworks(domain, today));
  }
  return inOrder(found);
}

/** The ends of exemptions, near or past: what a running Haraka announces. */
export function exemptionEnds(settings: Settings, today: string): Fault[] {
  const found = [settings.global.outbound, settings.global.inbound].flatMap((one) => exemption(one, today));
  for (const domain of settings.domains.values()) {
    if (domain.kind !== 'managed' || domain.status === 'disabled') continue;
    const defaults = [domain.outbound, domain.inbound];
    const peers = [...allSections(domain.outboundPeers), ...allSections(domain.inboundPeers)];
    for (const section of [...defaults, ...peers]) {
      if (section.status === 'enabled') found.push(...exemption(section, today));
    }
  }
  return inOrder(found);
}

/** Every outbound section of a domain that is switched on, with its rule. */
export function* outboundRules(
  settings: Settings,
  domain: ManagedDomain,
  today: string,
): Generator<Ruled<OutboundSection, OutboundRule>> {
  const defaults = [domain.outbound, settings.global.outbound];
  if (domain.outbound.line > 0) yield ruleOf(domain.outbound, defaults, 'default', today);
  for (const section of allSections(domain.outboundPeers)) {
    if (section.status === 'enabled') yield ruleOf(section, defaults, 'peer', today);
  }
}

function ruleOf(
  section: OutboundSection,
  defaults: readonly OutboundSection[],
  place: 'peer' | 'default',
  today: string,
): Ruled<OutboundSection, OutboundRule> {
  return { section, rule: completeOutbound(section, defaults, today), place };
}

function outboundWarnings(one: Ruled<OutboundSection, OutboundRule>, today: string): Fault[] {
  const ending = exemption(one.section, today);
  if (standing(one.section, today) !== 'applies') return ending;
  return [...ending, ...oldTlsToCleartext(one), ...versionBelowPkix(one), ...keysWithoutEffect(one)];
}

function inboundWarnings(section: InboundSection, today: string): Fault[] {
  return section.status === 'disabled' ? [] : exemption(section, today);
}

function exemption(section: Section<{ exempt_until?: string }>, today: string): Fault[] {
  const until = section.values.exempt_until;
  if (until === undefined) return [];
  if (until < today) return [at(section, 'exempt_until', 'has lapsed: the section no longer applies')];
  const left = daysBetween(today, until);
  if (left >= announceDays) return [];
  const when = left === 0 ? 'today' : left === 1 ? 'tomorrow' : `in ${left} days`;
  return [at(section, 'exempt_until', `ends ${when}`)];
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}

/** What lapses is meant to be the weaker rule. */
function lapsesIntoCleartext(
  settings: Settings,
  domain: ManagedDomain,
  { section, rule }: Ruled<OutboundSection, OutboundRule>,
  today: string,
): Fault[] {
  const until = section.values.exempt_until;
  if (until === undefined || until < today || !encryptedLevels.has(rule.level)) return [];
  const then = dayAfter(until);
  const defaults = [domain.outbound, settings.global.outbound];
  const next = firstApplicable(sectionsBehind(domain, section), settings.global.outbound, then);
  const { name, level } = completeOutbound(next, defaults, then);
  if (encryptedLevels.has(level)) return [];
  return [at(section, 'exempt_until', `afterwards ${name} applies, and ${level} does not forbid cleartext`)];
}

/** A wildcard's text fits itself and the shorter ones, as every name does for which no longer one stands. */
function* sectionsBehind(domain: ManagedDomain, section: OutboundSection): Generator<OutboundSection> {
  const peer = parsePeer(headerOf(section).split(/\s+/)[1] ?? '');
  if (peer !== undefined) yield* sectionsForName(domain.outboundPeers, formatPeer(peer));
  if (domain.outbound.line > 0) yield domain.outbound;
}

/** A peer whose best is old TLS would be sent cleartext, which is worse than old TLS. */
function oldTlsToCleartext({ section, rule }: Ruled<OutboundSection, OutboundRule>): Fault[] {
  const strictVersion = rule.minTlsVersion === '1.2' || rule.minTlsVersion === '1.3';
  if (encryptedLevels.has(rule.level) || rule.level === 'none' || !strictVersion) return [];
  if (rule.cleartextFallback !== 'handshake_failure') return [];
  const key = ['min_tls_version', 'security_level', 'cleartext_fallback'].find(
    (one) => one in section.values,
  );
  if (key === undefined) return [];
  const problem =
    `at ${rule.level}, a peer without TLS ${rule.minTlsVersion} gets cleartext instead of older TLS; ` +
    'leave min_tls_version out, or set cleartext_fallback';
  return [at(section, key, problem)];
}

/** Certificates are not checked by PKIX below TLS 1.2, since that takes a lower security level of OpenSSL. */
function versionBelowPkix({ section, rule }: Ruled<OutboundSection, OutboundRule>): Fault[] {
  const old = ['none', '1.0', '1.1'].includes(rule.minTlsVersion);
  if (!old || !['verify', 'mta_sts'].includes(rule.level)) return [];
  const key = ['min_tls_version', 'security_level'].find((one) => one in section.values);
  if (key === undefined) return [];
  return [
    at(section, key, `at ${rule.level}, verified connections need TLS 1.2 whatever min_tls_version says`),
  ];
}

const dane: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane', 'auto'];
const usesRoots: readonly SecurityLevel[] = ['verify', 'mta_sts', 'auto'];
const allowsCleartext: readonly SecurityLevel[] = ['opportunistic', 'opportunistic_dane', 'mta_sts', 'auto'];

/** The levels at which a key means something. */
const levelsOfKey: Readonly<Record<string, readonly SecurityLevel[]>> = {
  match: ['verify'],
  fingerprints: ['verify'],
  insecure_mx: dane,
  ca_file: usesRoots,
  cleartext_fallback: allowsCleartext,
};

/** Only at peers: what a default sets may be meant for peers of another level. */
function keysWithoutEffect({ section, rule, place }: Ruled<OutboundSection, OutboundRule>): Fault[] {
  if (place === 'default') return [];
  return Object.entries(levelsOfKey)
    .filter(([key, levels]) => key in section.values && !levels.includes(rule.level))
    .map(([key]) => at(section, key, `has no effect at ${rule.level}`));
}

/** A network rule whose every address is covered by longer prefixes never applies. */
function shadowedByNetworks(domain: ManagedDomain, today: string): Fault[] {
  const { inboundPeers: index } = domain;
  const applies = (section: InboundSection) => standing(section, today) === 'applies';
  const found: Fault[] = [];
  for (const family of [4, 6] as const) {
    const longer = new Set<string>();
    for (const { prefix, networks } of index.networks[family]) {
      for (const [bits, section] of networks) {
        if (applies(section) && isCovered({ family, bits, prefix }, longer)) {
          found.push(at(section, '', 'never applies: longer prefixes cover all of its addresses'));
        }
      }
      for (const [bits, section] of networks) if (applies(section)) cover({ family, bits, prefix }, longer);
    }
  }
  return [...found, ...shadowedByEverything(domain, applies)];
}

function cover(network: Network, covered: Set<string>): void {
  covered.add(networkKey(network));
  // Two covered halves cover the whole that they make up, and so on upwards.
  for (let whole = parentOf(network); whole !== undefined; whole = parentOf(whole)) {
    if (!halvesOf(whole).every((half) => covered.has(networkKey(half)))) return;
    covered.add(networkKey(whole));
  }
}

function isCovered(network: Network, covered: ReadonlySet<string>): boolean {
  return covered.has(networkKey(network));
}

function networkKey({ prefix, bits }: Network): string {
  return `${prefix} ${bits}`;
}

function parentOf(network: Network): Network | undefined {
  if (network.prefix === 0) return undefined;
  const prefix = network.prefix - 1;
  const rest = BigInt(width[network.family] - prefix);
  return { ...network, prefix, bits: (network.bits >> rest) << rest };
}

function halvesOf(network: Network): Network[] {
  const prefix = network.prefix + 1;
  const second = network.bits | (1n << BigInt(width[network.family] - prefix));
  return [
    { ...network, prefix },
    { ...network, prefix, bits: second },
  ];
}

/** Rules for all of IPv4 and all of IPv6 leave nothing for names. */
function shadowedByEverything(domain: ManagedDomain, applies: (section: InboundSection) => boolean): Fault[] {
  const { inboundPeers: index } = domain;
  const everything = ['0.0.0.0/0', '::/0'].every((text) => coversAll(index, text, applies));
  if (!everything) return [];
  const named = [...index.names.values(), ...index.wildcards.values(), domain.inbound];
  return named
    .filter((section) => section.line > 0 && applies(section))
    .map((section) => at(section, '', 'never applies: rules for networks cover every address'));
}

function coversAll(
  index: PeerIndex<InboundSection>,
  text: string,
  applies: (section: InboundSection) => boolean,
): boolean {
  const network = parseNetwork(text);
  if (network === undefined) return false;
  const first = index.networks[network.family].at(-1);
  return first?.prefix === 0 && [...first.networks.values()].some(applies);
}

/** A warning at `key` of a section, or at its header. */
export function at(section: Section<object>, key: string, problem: string): Fault {
  const written = (section.values as Readonly<Record<string, unknown>>)[key];
  const value = typeof written === 'string' ? written : '';
  return fault({
    file: section.file,
    line: section.lines[key] ?? section.line,
    section: headerOf(section),
    key,
    value,
    problem,
  });
}

/** What stands between the brackets. */
function headerOf(section: Section<object>): string {
  return /\[(.*)\]$/.exec(section.name)?.[1] ?? '';
}
