/** Sections that ask for less, or for a while, and the rules that would apply without them. Pure but for the visits. */
import { isDeepStrictEqual } from 'node:util';
import { isForAll, judge, outboundCandidates, ownerOf, type Owner } from '../../peers/candidates';
import { forbidsCleartext } from '../../peers/cleartext';
import type { Day } from '../../peers/day';
import { allSections, type PeerIndex } from '../../peers/index';
import type { OutboundRule } from '../../peers/rule';
import { completeOutbound, outboundDefaults } from '../../peers/rules';
import { standing, type OutboundSection } from '../../peers/section';
import { peerText } from '../../settings/checks/section_fault';
import { globalFile } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import type { HostChecks } from '../host_checks';
import { hostsHold } from './hosts';

/** A section, and what would govern its peers without it. */
export interface Exemption {
  readonly section: OutboundSection;
  /** `YYYY-MM-DD`; empty where it stands for good. */
  readonly until: string;
  /** In the order of their names; those of a wildcard are the ones that the record has. */
  readonly peers: readonly string[];
  /** By peer and managed domain, those that differ. */
  readonly without: readonly { readonly peer: string; readonly rule: OutboundRule }[];
}

/** @param seen the outbound peers of the record, by managed domain */
export function exemptions(
  settings: Settings,
  seen: ReadonlyMap<string, readonly string[]>,
  today: Day,
): Exemption[] {
  const found = new Map<OutboundSection, Exemption>();
  for (const owner of owners(settings)) {
    const managed = owner.kind === 'managed' ? owner.domain.domain : '';
    for (const section of sectionsOf(settings, owner)) {
      if (standing(section, today) !== 'applies') continue;
      const named = peerText(section);
      const peers = named.startsWith('*.')
        ? (seen.get(managed) ?? []).filter((peer) => peer.endsWith(named.slice(1)))
        : [named];
      for (const peer of peers) {
        const without = ruleWithout(settings, { owner, section, peer }, today);
        if (without === undefined) continue;
        const { until, peers: known, without: others } = found.get(section) ?? fresh(section);
        found.set(section, {
          section,
          until,
          peers: [...new Set([...known, peer])].sort(),
          without: others.some((one) => isDeepStrictEqual(one, { peer, rule: without }))
            ? others
            : [...others, { peer, rule: without }],
        });
      }
    }
  }
  return [...found.values()];
}

function fresh(section: OutboundSection): Exemption {
  return { section, until: section.values.exempt_until ?? '', peers: [], without: [] };
}

type ValidOwner = Exclude<Owner, { kind: 'invalid' }>;

function owners(settings: Settings): ValidOwner[] {
  const all = ['', ...settings.domains.keys()].map((domain) => ownerOf(settings, domain));
  return all.filter(
    (owner, at): owner is ValidOwner => owner.kind === 'managed' || (at === 0 && owner.kind === 'unmanaged'),
  );
}

function* sectionsOf({ global }: Settings, owner: ValidOwner): Generator<OutboundSection> {
  const shared: PeerIndex<OutboundSection> = global.outboundPeers;
  if (owner.kind === 'managed') yield* allSections(owner.domain.outboundPeers);
  for (const section of allSections(shared)) if (owner.kind !== 'managed' || isForAll(section)) yield section;
}

interface Place {
  readonly owner: ValidOwner;
  readonly section: OutboundSection;
  readonly peer: string;
}

/** @returns `undefined` where the section does not govern the peer, or is none that asks for less */
function ruleWithout(
  settings: Settings,
  { owner, section, peer }: Place,
  today: Day,
): OutboundRule | undefined {
  const verdicts = judge(outboundCandidates(settings, owner, peer), today);
  if (verdicts.find(({ outcome }) => outcome === 'wins')?.section !== section) return undefined;
  const isPeerOf = (one: OutboundSection) => one.file !== globalFile && peerText(one) !== '';
  // With the last section of its file that is for the peer, that file no longer keeps those of tls-peers.ini away.
  const stillListed = verdicts.some((one) => one.section !== section && isPeerOf(one.section));
  const next = verdicts.find(
    (one) => one.outcome === 'outranked' || (one.outcome === 'listed' && !stillListed && isPeerOf(section)),
  );
  const defaults = outboundDefaults(settings, owner);
  const rule = completeOutbound(section, defaults, today);
  const without = completeOutbound(next?.section ?? settings.global.outbound, defaults, today);
  if (isDeepStrictEqual({ ...rule, name: '' }, { ...without, name: '' })) return undefined;
  return section.values.exempt_until !== undefined || asksForLess(rule, without) ? without : undefined;
}

function asksForLess(rule: OutboundRule, without: OutboundRule): boolean {
  if (rule.level === 'none') return without.level !== 'none';
  return forbidsCleartext(without) && !forbidsCleartext(rule);
}

/** As many peers of a wildcard are looked at. */
const mostPeers = 20;

/** Whether every message would go over TLS to every host of its peers without the section. */
export async function isNotNeeded(exemption: Exemption, checks: HostChecks): Promise<boolean> {
  const { without } = exemption;
  if (without.length === 0 || without.length > mostPeers) return false;
  const verdicts = await Promise.all(without.map(({ peer, rule }) => hostsHold(checks, rule, peer)));
  return verdicts.every(({ kind }) => kind === 'hold');
}
