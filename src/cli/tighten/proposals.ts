/** Which peers could be held to more: all of the record meets it, and all of their hosts do now. */
import {
  holdsInRecord,
  publishedFor,
  type PeerRecord,
  type RecordVerdict,
} from '../../evidence/views/tighten';
import type { PeerKey } from '../../evidence/day_table';
import type { Day } from '../../peers/day';
import { canonicalDomain } from '../../names';
import type { OutboundRule } from '../../peers/rule';
import { changeFrom, stricterRules, type RuleStep } from '../../policy/stricter';
import type { Settings } from '../../settings/schema/types';
import type { HostChecks } from '../host_checks';
import { countsText } from '../evidence';
import { missingTexts } from '../missing_text';
import { hostsHold, publishedNow, type HostsVerdict } from './hosts';
import { targetOf, type Target } from './target';

export interface Thresholds {
  readonly messages: number;
  /** On which messages went. */
  readonly days: number;
}

export interface Proposal {
  readonly kind: 'proposed';
  readonly key: PeerKey;
  readonly record: PeerRecord;
  readonly target: Extract<Target, { kind: 'target' }>;
  readonly rule: OutboundRule;
  readonly step: RuleStep;
  readonly hosts: number;
  /** Why not more: one line for each stricter step. */
  readonly notStricter: readonly string[];
  /** What it costs, or what may end it. */
  readonly notes: readonly string[];
}

/** A peer of which enough was seen, and that keeps its rule. */
export interface LeftPeer {
  readonly kind: 'left';
  /** `decided`: somebody wrote it so; `record`: what was seen does not meet more; `now`: that does, and a host does not. */
  readonly because: 'decided' | 'record' | 'now';
  readonly key: PeerKey;
  readonly record: PeerRecord;
  readonly why: readonly string[];
}

export type Considered =
  | Proposal
  | LeftPeer
  /** Too little was seen, or nothing is stricter than its rule. */
  | { readonly kind: 'passed_over' };

export interface Considering {
  readonly settings: Settings;
  readonly today: Day;
  readonly thresholds: Thresholds;
  readonly checks: HostChecks;
}

/** @param record of an outbound peer */
export async function consider(record: PeerRecord, of: Considering): Promise<Considered> {
  const { key } = record;
  const { messages, days } = of.thresholds;
  if (record.messages < messages || record.days < days) return { kind: 'passed_over' };
  // All others in one, and address literals.
  if (canonicalDomain(key.peer) !== key.peer) return { kind: 'passed_over' };
  const target = targetOf(of.settings, key, of.today);
  if (target.kind === 'left') return left(record, 'decided', [target.why]);
  const steps = stricterRules(target.rule);
  if (steps.length === 0) return { kind: 'passed_over' };
  if (record.strange > 0)
    return left(record, 'record', [`${record.strange} messages of kinds that this version does not know`]);
  return firstThatHolds(record, target, steps, of.checks);
}

function left(record: PeerRecord, because: LeftPeer['because'], why: readonly string[]): LeftPeer {
  return { kind: 'left', because, key: record.key, record, why };
}

/** Why a step is not proposed. */
interface Hindrance {
  readonly kind: 'record' | 'now';
  readonly text: string;
}

async function firstThatHolds(
  record: PeerRecord,
  target: Extract<Target, { kind: 'target' }>,
  steps: readonly OutboundRule[],
  checks: HostChecks,
): Promise<Considered> {
  const { key } = record;
  const hindered: (Hindrance & { readonly step: RuleStep })[] = [];
  for (const rule of steps) {
    const found = await tried(rule, record, target.rule, checks);
    const step = changeFrom(target.rule, rule);
    if (found.kind === 'hold') {
      const notes = notesOn(rule, target.rule, found);
      const notStricter = hindranceTexts(hindered);
      return { kind: 'proposed', key, record, target, rule, step, hosts: found.hosts, notStricter, notes };
    }
    hindered.push({ ...found, step });
  }
  const isOnlyNow = hindered.some(({ kind }) => kind === 'now');
  return left(record, isOnlyNow ? 'now' : 'record', hindranceTexts(hindered));
}

async function tried(
  rule: OutboundRule,
  record: PeerRecord,
  before: OutboundRule,
  checks: HostChecks,
): Promise<Hindrance | Extract<HostsVerdict, { kind: 'hold' }>> {
  const { peer } = record.key;
  const drops = rule.level === 'verify' && rule.level !== before.level;
  const published = drops ? publishedFor(before.level, record) : undefined;
  if (published !== undefined)
    return { kind: 'record', text: `the peer publishes ${published}, which verify does not look at` };
  const verdict = holdsInRecord(record, before, rule);
  if (verdict.kind === 'open') return { kind: 'record', text: openText(verdict) };
  const now = drops ? publishedNow((await checks.decide(before, peer)).decision) : undefined;
  if (now !== undefined)
    return { kind: 'now', text: `the peer publishes ${now} now, which verify does not look at` };
  const hosts = await hostsHold(checks, rule, peer);
  return hosts.kind === 'hold' ? hosts : { kind: 'now', text: hosts.why };
}

/** What hinders each version of one step alike is said once. */
function hindranceTexts(hindered: readonly (Hindrance & { readonly step: RuleStep })[]): string[] {
  const said = new Map<string, string>();
  for (const { step, text } of hindered) {
    // The last one is the one that asks for least.
    said.set(`${stepText({ ...step, min_tls_version: undefined })}: ${text}`, `${stepText(step)}: ${text}`);
  }
  return [...said.values()];
}

export function stepText(step: { readonly [Key in keyof RuleStep]: RuleStep[Key] | undefined }): string {
  return Object.entries(step)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} = ${value}`)
    .join(', ');
}

function openText({ reasons, missing, weakened }: Extract<RecordVerdict, { kind: 'open' }>): string {
  return [
    ...(Object.keys(reasons).length > 0 ? [`in the record: ${countsText(reasons)}`] : []),
    ...(weakened > 0 ? [`in the record: ${weakened} would go in cleartext`] : []),
    ...(Object.keys(missing).length > 0
      ? [`not known to the record: ${countsText(missing, (name) => missingTexts[name] ?? name)}`]
      : []),
  ].join('; ');
}

function notesOn(
  rule: OutboundRule,
  before: OutboundRule,
  { unseen }: Extract<HostsVerdict, { kind: 'hold' }>,
): string[] {
  const follows =
    before.level === 'auto' || before.level === 'mta_sts' || before.level === 'opportunistic_dane';
  return [
    ...(rule.level === 'mandatory_dane' && before.level !== 'mandatory_dane'
      ? ['mail waits as soon as the peer takes its TLSA records away, or its zone is not signed any more']
      : []),
    ...(rule.level === 'verify' && before.level !== 'verify'
      ? ['mail waits when a certificate of its hosts expires, or does not name the host any more']
      : []),
    ...(rule.level === 'verify' && follows
      ? [
          `TLSA records and policies that the peer may publish later are not looked at, as ${before.level} would`,
        ]
      : []),
    ...(before.enforcement === 'monitor' ? ['what was only watched is enforced'] : []),
    ...(rule.actionOnFailure === 'bounce'
      ? ['action_on_failure = bounce: a message that cannot be sent so is returned at once']
      : []),
    ...(unseen.length > 0 ? [`not seen, for there is no IPv6 here: ${unseen.join(', ')}`] : []),
  ];
}
