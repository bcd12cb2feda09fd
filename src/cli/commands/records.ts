/** `tls-peers records`: what a managed domain should publish, and how that differs from what it does publish. */
import type { KeyObject } from 'node:crypto';
import { createResolver, type Resolver } from '../../dns/resolver';
import { canonicalDomain } from '../../names';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { smtpListeners } from '../../settings/haraka/listeners';
import { resolverOptions } from '../../settings/load/resolver_options';
import type { ManagedDomain, Settings } from '../../settings/schema/types';
import { asHaraka, CommandError, exit, UsageError, type Context } from '../command';
import { isSameKey } from '../../tlsrpt/key_record';
import { parseReportRecords } from '../../tlsrpt/record';
import { nextKey, presented } from '../install_keys';
import { reportUris } from '../operands';
import { reportKeyRecords, reportRemarks, reportsOf } from '../report_records';
import { heldAgainstShown } from '../shown_records';
import type { HostVerdict } from '../shown_text';
import { json } from '../output';
import { commentLines, recordLines } from '../zone_text';
import { validSettings } from '../valid_settings';
import { policyRecords, tlsaRecords, tlsaText, unquoted, type Chain, type ZoneRecord } from '../zone';

export const recordsCommand = asHaraka({
  name: 'records',
  summary:
    'Print the DNS records that a managed domain should publish, and how they differ from what it publishes.',
  operands: '[--offline] [--next FILE] [--rua URI] DOMAIN',
  help: [
    'The output is zone data. TLSA records are for the certificates of tls.ini and config/tls, at every MX host.',
    'Publish the record of a new key at least two TTLs before the key is used, and keep the old one until it is not.',
    '',
    '  --offline         ask no DNS: the MX hosts are those of the hosted policy, and nothing is compared',
    '  --next FILE       PEM of a certificate or key that will be used next',
    '  --rua URI         where reports go, mailto: or https:, several with commas (default: as [tls_reports] receive has it, or mailto:tls-reports@DOMAIN)',
  ],
  options: { offline: { type: 'boolean' }, next: { type: 'string' }, rua: { type: 'string' } },
  look: lookAtKeys,
  judge: records,
});

/** What Haraka reads before it becomes its user, and a key that is not Haraka's yet. */
interface Keys {
  readonly chains: readonly Chain[];
  readonly next: readonly KeyObject[];
}

async function lookAtKeys({ source, directory, options, operands }: Context): Promise<Keys> {
  if (operands.length !== 1) throw new UsageError('one DOMAIN is needed');
  return {
    chains: await presented(source, directory),
    next: typeof options['next'] === 'string' ? [nextKey(source, options['next'])] : [],
  };
}

interface Compared extends ZoneRecord {
  readonly state: 'published' | 'missing' | 'not compared' | `unknown: ${string}`;
}

interface Report {
  readonly records: readonly Compared[];
  /** What is published and should not be, and what could not be found out. */
  readonly remarks: readonly string[];
  /** What is worth knowing and no fault: which record authenticates which host, and a key to come. */
  readonly notes: readonly string[];
  /** What senders that demand DANE make of each MX host; empty with `--offline`. */
  readonly hosts: readonly HostVerdict[];
}

async function records(context: Context, keys: Keys) {
  const [operand = ''] = context.operands;
  const settings = validSettings(context.source);
  const report = await reportOn(context, settings, keys, managed(settings, operand));
  if (context.json) context.output.print(json(report));
  else {
    const { output } = context;
    const lines = [
      ...report.remarks.flatMap((remark) => commentLines(output, remark)),
      ...report.notes.flatMap((note) => commentLines(output, note)),
      ...report.records.flatMap((record) => recordLines(output, record, record.state)),
    ];
    for (const line of lines) output.print(line);
  }
  const compared = report.records.every(({ state }) => state === 'published' || state === 'not compared');
  return compared && (context.options['offline'] === true || report.remarks.length === 0)
    ? exit.ok
    : exit.findings;
}

function managed(settings: Settings, operand: string): ManagedDomain {
  const found = settings.domains.get(canonicalDomain(operand) ?? '');
  if (found === undefined) throw new CommandError(`${operand} is not managed: it has no file`);
  if (found.kind === 'invalid') throw new CommandError(found.failure.text);
  return found;
}

async function reportOn(
  context: Context,
  settings: Settings,
  { chains, next }: Keys,
  domain: ManagedDomain,
): Promise<Report> {
  const { options, source } = context;
  const rua =
    typeof options['rua'] === 'string'
      ? reportUris(options['rua'])
      : reportsOf(settings.global, domain.domain);
  const served = asServed(domain);
  const resolver = createResolver(resolverOptions(settings.global));
  try {
    const offline = options['offline'] === true;
    if (!offline) void resolver.probe();
    const hosts = offline ? policyHosts(domain) : ((await mxHosts(resolver, domain)) ?? policyHosts(domain));
    const known = [...hosts, ...[...settings.domains.keys()].map((name) => `mta-sts.${name}`)];
    const others = (host: string) => known.filter((other) => other !== host);
    const wanted = [
      ...policyRecords(served, settings.global.hosting.listen, rua),
      ...reportKeyRecords(settings.global, domain.domain, context.directory),
      ...hosts.flatMap((host) => tlsaRecords(host, chains, next, others(host))),
    ];
    const remarks = [...notServed(domain), ...withoutTlsa(hosts, chains, wanted)];
    const missing = withoutAddress(served, wanted);
    if (offline)
      return {
        records: wanted.map((one) => ({ ...one, state: 'not compared' })),
        remarks: [...remarks, ...missing],
        notes: [],
        hosts: [],
      };
    const compared = await Promise.all(
      wanted.map(async (one) => ({
        ...one,
        state: await stateOf(resolver, one, options['rua'] !== undefined),
      })),
    );
    const held = await heldAgainstShown({
      resolver,
      domain: domain.domain,
      ehloName: ehloName(source),
      listeners: smtpListeners(source),
      visitMs: settings.global.timeouts.tlsHandshake * 1000,
      progress: (line) => context.output.progress(line),
      chains,
      wanted,
      now: context.now,
    });
    const reporting = await reportRemarks(resolver, settings.global, domain.domain, context.directory);
    const unreachable = missing.length === 0 ? [] : await withoutPublishedAddress(resolver, domain);
    return {
      records: compared,
      remarks: [...held.wrong, ...remarks, ...unreachable, ...reporting],
      notes: held.notes,
      hosts: held.verdicts,
    };
  } finally {
    resolver.close();
  }
}

/** A policy that is not served is not to be published either (RFC 8461 section 3.1). */
function asServed(domain: ManagedDomain): ManagedDomain {
  return domain.status === 'disabled' ? { ...domain, policy: { kind: 'none' } } : domain;
}

function notServed({ domain, status, policy }: ManagedDomain): string[] {
  return status === 'disabled' && policy.kind === 'hosted'
    ? [`${domain} is disabled: its policy is not served, and has no records`]
    : [];
}

function withoutTlsa(
  hosts: readonly string[],
  chains: readonly Chain[],
  wanted: readonly ZoneRecord[],
): string[] {
  if (chains.length === 0) {
    return ['no certificate was found in tls.ini or config/tls, so there is no TLSA record'];
  }
  return hosts
    .filter((host) => !wanted.some(({ owner }) => owner === `_25._tcp.${host}`))
    .map((host) => `${host}.: every certificate here names another host, so there is no TLSA record for it`);
}

function withoutAddress({ domain, policy }: ManagedDomain, wanted: readonly ZoneRecord[]): string[] {
  const given = wanted.some(({ type }) => type === 'A' || type === 'AAAA');
  return policy.kind === 'none' || given
    ? []
    : [`mta-sts.${domain}. needs an A or AAAA record that leads to this host`];
}

/** Where the listeners tell no address, any that is published will do: it may be that of a proxy. */
async function withoutPublishedAddress(resolver: Resolver, { domain }: ManagedDomain): Promise<string[]> {
  const host = `mta-sts.${domain}`;
  const answers = await Promise.all([resolver.a(host), resolver.aaaa(host)]);
  if (answers.some(({ kind }) => kind === 'records')) return [];
  const unknown = answers.flatMap((answer) => (answer.kind === 'failed' ? [answer.detail] : []));
  return [
    unknown.length === 0
      ? `${host}. has no address: it needs an A or AAAA record that leads to this host`
      : `${host}.: its address could not be looked up: ${unknown.join('; ')}`,
  ];
}

function policyHosts({ policy }: ManagedDomain): string[] {
  return policy.kind === 'none' ? [] : policy.mx.filter((pattern) => !pattern.startsWith('*.'));
}

/** `undefined` where the look-up failed; what that means to senders is said beside the records. */
async function mxHosts(resolver: Resolver, { domain }: ManagedDomain): Promise<string[] | undefined> {
  const answer = await resolver.mx(domain);
  if (answer.kind === 'failed') return undefined;
  if (answer.kind === 'denied') return [domain];
  return [...new Set(answer.records.map(({ exchange }) => exchange).filter((host) => host !== ''))];
}

async function stateOf(
  resolver: Resolver,
  record: ZoneRecord,
  ruaGiven: boolean,
): Promise<Compared['state']> {
  const answer = await publishedAt(resolver, record);
  if (answer.kind === 'failed') return `unknown: ${answer.detail}`;
  if (answer.kind === 'denied') return 'missing';
  return isAmong(record, answer.records, ruaGiven) ? 'published' : 'missing';
}

function isAmong(
  { owner, type, data }: ZoneRecord,
  published: readonly string[],
  ruaGiven: boolean,
): boolean {
  // Reports may go wherever the operator already sends them.
  if (!ruaGiven && owner.startsWith('_smtp._tls.')) return parseReportRecords(published).kind === 'found';
  if (owner.includes('._domainkey.')) return published.some((one) => isSameKey(one, unquoted(data)));
  return published.includes(type === 'TXT' ? unquoted(data) : data);
}

async function publishedAt(resolver: Resolver, { owner, type }: ZoneRecord) {
  switch (type) {
    case 'A':
      return resolver.a(owner);
    case 'AAAA':
      return resolver.aaaa(owner);
    case 'TXT':
      return resolver.txt(owner);
    case 'TLSA': {
      const answer = await resolver.tlsa(owner);
      return answer.kind === 'records' ? { ...answer, records: answer.records.map(tlsaText) } : answer;
    }
  }
}
