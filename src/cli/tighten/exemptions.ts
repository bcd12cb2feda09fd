/** Sections that ask for less, or for a while, and the rules that would apply without them. Pure but for the visits. */
import { isDeepStrictEqual } from 'node:util';
import { judge, outboundCandidates, ownerOf, type Owner } from '../../peers/candidates';
import { forbidsCleartext } from '../../peers/cleartext';
import type { Day } from '../../peers/day';
import type { OutboundRule } from '../../peers/rule';
import { completeOutbound, outboundDefaults } from '../../peers/rules';
import type { OutboundSection } from '../../peers/section';
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

/** As many peers of a wildcard are looked at. */
const mostPeers = 20;

/** @param seen the outbound peers of the record, by managed domain */
export function exemptions(
  settings: Settings,
  seen: ReadonlyMap<string, readonly string[]>,
  today: Day,
): Exemption[] {
  const found = new Map<OutboundSection, Exemption>();
  for (const owner of owners(settings)) {
    const managed = owner.kind === 'managed' ? owner.domain.domain : '';
    const own = owner.kind === 'managed' ? owner.domain.outboundPeers : settings.global.outboundPeers;
    // By peer and not by section: what stands for everybody is not gone through once for each domain.
    for (const peer of new Set([...own.names.keys(), ...(seen.get(managed) ?? [])])) {
      const one = sectionOf(settings, { owner, peer }, today);
      if (one === undefined) continue;
      const { until, peers, without } = found.get(one.section) ?? fresh(one.section);
      // It is one too many then, and nobody looks at it.
      if (without.length > mostPeers) continue;
      const rules = { peer, rule: one.without };
      found.set(one.section, {
        section: one.section,
        until,
        peers: [...new Set([...peers, peer])].sort(),
        without: without.some((other) => isDeepStrictEqual(other, rules)) ? without : [...without, rules],
      });
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

interface Place {
  readonly owner: ValidOwner;
  readonly peer: string;
}

/** @returns `undefined` where no section governs the peer that asks for less, or for a while */
function sectionOf(
  settings: Settings,
  { owner, peer }: Place,
  today: Day,
): { readonly section: OutboundSection; readonly without: OutboundRule } | undefined {
  const verdicts = judge(outboundCandidates(settings, owner, peer), today);
  const section = verdicts.find(({ outcome }) => outcome === 'wins')?.section;
  if (section === undefined || peerText(section) === '') return undefined;
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
  const isExempt = section.values.exempt_until !== undefined || asksForLess(rule, without);
  return isExempt ? { section, without } : undefined;
}

function asksForLess(rule: OutboundRule, without: OutboundRule): boolean {
  if (rule.level === 'none') return without.level !== 'none';
  return forbidsCleartext(without) && !forbidsCleartext(rule);
}

/** Whether every message would go over TLS to every host of its peers without the section. */
export async function isNotNeeded(exemption: Exemption, checks: HostChecks): Promise<boolean> {
  const { without } = exemption;
  if (without.length === 0 || without.length > mostPeers) return false;
  const verdicts = await Promise.all(without.map(({ peer, rule }) => hostsHold(checks, rule, peer)));
  return verdicts.every(({ kind }) => kind === 'hold');
}
