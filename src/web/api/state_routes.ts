/** How things stand: the process, the domains, the files, the policies of others, and figures for metrics. */
import path from 'node:path';
import { dayAfter, utcDay } from '../../peers/day';
import { completeInbound, completeOutbound, inboundDefaults, outboundDefaults } from '../../peers/rules';
import { standing } from '../../peers/section';
import { ownerOf } from '../../peers/candidates';
import { createFileStore } from '../../mta_sts/file_store';
import { silent } from '../../log';
import { harakaHttpIn } from '../../cli/haraka_http';
import { policyDocument, sorted } from '../../cli/documents';
import { certificatesIn } from '../../cli/certificate_files';
import { memoryIn } from '../../cli/accept_removal';
import { ownerOfState } from '../../cli/install';
import { enabledPeers } from '../../settings/checks/exemptions';
import { allFindings } from '../../settings/checks/checks';
import { loadSettings } from '../../settings/load/load';
import { faultDocument } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import type { MetricsFacts } from '../shared/metrics_facts';
import { heldNow } from './held';
import { ownCertificates, ownPolicies, type OwnPolicy } from './own';
import { monthDays, type Desk } from './desk';
import { groupOf, type PeerTable } from './peers';
import { sumsAt, type PeerSums } from './columns';
import type { Query } from './query';
import { reportFacts } from './reports';
import { csv, document, type Reply } from './reply';
import type { ProcessFacts } from '../shared/wire';

export function status(desk: Desk, facts: ProcessFacts): Reply {
  const settings = desk.settings();
  const { evidence } = settings.global;
  return document({
    now: desk.now().toISOString(),
    ...facts,
    configuration: settings.validity.kind === 'valid' ? '' : settings.validity.failure.text,
    evidence: { enabled: evidence.enabled, days: evidence.days },
    metricsPeers: settings.global.web.metricsPeers,
  });
}

export interface DomainRow {
  /** Empty for domains that are not managed. */
  readonly domain: string;
  readonly file: string;
  readonly status: 'enabled' | 'disabled' | 'invalid';
  /** Why, where it is not valid. */
  readonly fault: string;
  readonly comment: string;
  readonly outbound:
    { readonly level: string; readonly minTlsVersion: string; readonly enforcement: string } | undefined;
  readonly inbound: DomainRow['outbound'];
  /** Sections, and peers that were seen. */
  readonly peers: { readonly out: number; readonly in: number };
  readonly month: { readonly out: PeerSums; readonly in: PeerSums };
  readonly policy: OwnPolicy | undefined;
}

export async function domains(desk: Desk, table: PeerTable, query: Query): Promise<Reply> {
  const settings = desk.settings();
  const [{ groups, problems }, policies] = await Promise.all([table.groups(), ownPolicies(desk)]);
  const none = sumsAt(new Float64Array(0), 0);
  const row = (domain: string): DomainRow => {
    const found = settings.domains.get(domain);
    const of = (direction: 'out' | 'in') => groups.get(groupOf(domain, direction));
    return {
      domain,
      file: domain === '' ? 'tls-peers.ini' : (found?.file ?? ''),
      status: found?.kind === 'invalid' ? 'invalid' : found?.kind === 'managed' ? found.status : 'enabled',
      fault: found?.kind === 'invalid' ? found.failure.text : '',
      comment: found?.kind === 'managed' ? found.comment : '',
      ...defaultsOf(settings, domain, desk),
      peers: { out: of('out')?.peers ?? 0, in: of('in')?.peers ?? 0 },
      month: { out: of('out')?.month ?? none, in: of('in')?.month ?? none },
      policy: policies.find((policy) => policy.domain === domain),
    };
  };
  const rows = [...settings.domains.keys()].sort().map(row);
  const all = [...rows, row('')];
  if (query.text('format') === 'csv')
    return csv('domains', [
      [
        'domain',
        'status',
        'outbound',
        'inbound',
        'peers out',
        'peers in',
        'messages out',
        'cleartext out',
        'policy',
      ],
      ...all.map((one) => [
        ...[one.domain, one.status, one.outbound?.level ?? '', one.inbound?.level ?? ''],
        ...[one.peers.out, one.peers.in, one.month.out.messages, one.month.out.tls['none'] ?? 0].map(String),
        one.policy === undefined ? '' : `${one.policy.mode} ${one.policy.id}`,
      ]),
    ]);
  return document({ days: monthDays, domains: rows, unspecified: row(''), problems });
}

function defaultsOf(settings: Settings, domain: string, desk: Desk): Pick<DomainRow, 'outbound' | 'inbound'> {
  const owner = ownerOf(settings, domain);
  if (owner.kind === 'invalid') return { outbound: undefined, inbound: undefined };
  const today = desk.today();
  const [out] = outboundDefaults(settings, owner);
  const [into] = inboundDefaults(settings, owner);
  if (out === undefined || into === undefined) return { outbound: undefined, inbound: undefined };
  const shown = (rule: { level: string; minTlsVersion: string; enforcement: string }) => ({
    level: rule.level,
    minTlsVersion: rule.minTlsVersion,
    enforcement: rule.enforcement,
  });
  return {
    outbound: shown(completeOutbound(out, outboundDefaults(settings, owner), today)),
    inbound: shown(completeInbound(into, inboundDefaults(settings, owner), today)),
  };
}

/** The same shape as `lint --offline --json`, without the list of files. */
export async function lint(desk: Desk): Promise<Reply> {
  const { configDirectory, source } = desk;
  const loaded = loadSettings(source);
  const { settings } = loaded;
  const found = allFindings({
    files: { settings, source, today: desk.today() },
    memory: memoryIn(configDirectory, loaded),
    certificates: await certificatesIn(configDirectory, source, settings, desk.now()),
    http: harakaHttpIn(configDirectory),
  });
  const { faults, warnings } = sorted(loaded.faults, found);
  return document({ faults: faults.map(faultDocument), warnings: warnings.map(faultDocument) });
}

/** The same shape as `cache list --json`. */
export async function policies(desk: Desk, query: Query): Promise<Reply> {
  const found = await storedPolicies(desk);
  if (query.text('format') === 'csv')
    return csv('policies', [
      ['domain', 'mode', 'id', 'fetched', 'expires', 'mx'],
      ...found.map((one) => [
        ...[one.domain, one.policy.mode, one.id, one.fetched, one.expires],
        one.policy.mx.join(' '),
      ]),
    ]);
  return document(found);
}

async function storedPolicies(desk: Desk) {
  const { mtaSts } = desk.settings().global;
  const directory = path.resolve(desk.configDirectory, '..', mtaSts.directory);
  const owner = ownerOfState(desk.configDirectory);
  const found = [];
  for await (const stored of createFileStore(directory, { log: silent, owner }).all())
    found.push(policyDocument(stored));
  return found.sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

/** Exemptions that are told to metrics. */
const soonest = 100;

export async function figures(desk: Desk, table: PeerTable, query: Query): Promise<Reply> {
  const peers = query.integer('peers', { min: 0, max: 1000, usual: 0 });
  const [stored, own, busiest, waiting, reports] = await Promise.all([
    storedPolicies(desk),
    ownCertificates(desk),
    table.busiest(peers),
    heldNow(desk).catch(() => undefined),
    reportFacts(desk).catch(() => 'not_known' as const),
  ]);
  const held = new Map<string, number>();
  for (const { reason, messages } of waiting?.groups ?? [])
    held.set(reason, (held.get(reason) ?? 0) + messages);
  const [oldest] = waiting?.messages ?? [];
  const modes = new Map<string, number>([
    ['enforce', 0],
    ['testing', 0],
    ['none', 0],
  ]);
  for (const { policy } of stored) modes.set(policy.mode, (modes.get(policy.mode) ?? 0) + 1);
  return document({
    policies: Object.fromEntries(modes),
    certificates: own.certificates.map(({ use, name, validTo }) => ({
      name: `${use} ${name}`,
      expires: validTo,
    })),
    exemptions: exemptions(desk.settings(), desk.now()).slice(0, soonest),
    peers: busiest.map(({ managed, direction, peer, week }) => ({
      managed,
      direction,
      peer,
      tls: week.tls,
      failures: week.deferred + week.bounced + week.refused,
    })),
    held: Object.fromEntries(held),
    oldestHeld: oldest === undefined ? '' : oldest.arrived.toISOString(),
    isHeldKnown: waiting !== undefined,
    reports,
  } satisfies MetricsFacts);
}

/** Those that still apply, the next to end first. */
function exemptions(settings: Settings, now: Date): { readonly rule: string; readonly ends: string }[] {
  const today = utcDay(now);
  const files = [settings.global, ...[...settings.domains.values()].filter((one) => one.kind === 'managed')];
  return files
    .flatMap((file) => [...enabledPeers(file)])
    .flatMap((section) => {
      const { exempt_until: until } = section.values;
      if (until === undefined || standing(section, today) !== 'applies') return [];
      // It applies through that day.
      return [{ rule: section.name, ends: new Date(dayAfter(until)).toISOString() }];
    })
    .sort((a, b) => (a.ends < b.ends ? -1 : 1));
}
