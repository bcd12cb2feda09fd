/** `tls-peers cache`: the MTA-STS policies that Haraka keeps on disk. */
import { lstatSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { FleetPolicies } from '../../fleet/policies';
import { createResolver } from '../../dns/resolver';
import { silent, type Log } from '../../log';
import { entryName } from '../../mta_sts/entry';
import { createFileStore } from '../../mta_sts/file_store';
import { StsPolicies } from '../../mta_sts/policies';
import { serializePolicy } from '../../mta_sts/policy';
import { keyText, type StoredPolicy } from '../../mta_sts/store';
import { namedPeers } from '../../peers/named';
import { fetchOptions } from '../../settings/load/fetch_options';
import { resolverOptions } from '../../settings/load/resolver_options';
import { directorySource } from '../../settings/load/source';
import type { GlobalSettings } from '../../settings/schema/types';
import { given } from '../../state/state_fault';
import type { Owner } from '../../state/owner';
import { rootsDigest } from '../../tls/roots';
import { messageOf } from '../../text';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { policyDocument } from '../documents';
import { joinFleet } from '../fleet';
import { ownerOfState } from '../install';
import { domainName } from '../operands';
import { fitted } from '../layout/paragraph';
import { stacked, table } from '../layout/table';
import { json, type Output } from '../output';
import { validSettings } from '../valid_settings';

export const cacheCommand: Command = {
  name: 'cache',
  summary: 'List, show, refresh or purge stored MTA-STS policies.',
  operands: '[--local] list | show DOMAIN | refresh DOMAIN | purge DOMAIN...',
  help: [
    'Where several hosts share their memory ([fleet]), list and show tell what any of them has fetched, refresh tells the others,',
    'and purge forgets what Redis holds as well; what other hosts hold themselves stays.',
    '',
    '  --local  this host alone',
    '',
    'refresh and purge change files, and have to be run as the user that Haraka runs as, or as root where smtp.ini names',
    'that user. A running Haraka keeps what it has in memory: it takes in a refreshed policy when it next looks, and forgets a purged one when it is restarted.',
  ],
  options: { local: { type: 'boolean' } },
  run: cache,
};

/** The directory of stored policies, as it is. */
interface Stored {
  readonly directory: string;
  readonly owner: Owner;
  readonly global: GlobalSettings;
  readonly policies: readonly Known[];
  /** Where others have theirs. */
  readonly shared: FleetPolicies | undefined;
}

/** `host`: which one told the fleet of it; absent where it is on disk here. */
type Known = StoredPolicy & { readonly host?: string };

async function cache(context: Context): Promise<ExitCode> {
  const joined =
    context.options['local'] === true
      ? ({ kind: 'alone' } as const)
      : await joinFleet(validSettings(directorySource(context.directory)), context.source);
  if (joined.kind === 'away') context.output.complain(`${joined.why}: this is what this host has alone`);
  if (joined.kind !== 'joined') return cacheOf(context, undefined);
  const { fleet } = joined;
  return cacheOf(context, fleet.policies).finally(() => fleet.close());
}

async function cacheOf(context: Context, shared: FleetPolicies | undefined): Promise<ExitCode> {
  const [action, ...domains] = context.operands;
  const stored = async (): Promise<Stored> => ({ ...(await storedHere(context)), shared });
  switch (action) {
    case 'list':
      if (domains.length > 0) throw new UsageError('list takes no DOMAIN');
      return list(context, await withOthers(context, await stored()));
    case 'show':
      return show(context, await withOthers(context, await stored()), one(domains));
    case 'refresh':
      return refresh(context, await stored(), one(domains));
    case 'purge':
      if (domains.length === 0) throw new UsageError('a DOMAIN is needed');
      return purge(context, await stored(), domains.map(domainName));
    default:
      throw new UsageError('one of list, show, refresh, purge is needed');
  }
}

function one(domains: readonly string[]): string {
  const [domain, ...more] = domains;
  if (domain === undefined || more.length > 0) throw new UsageError('one DOMAIN is needed');
  return domainName(domain);
}

async function storedHere(context: Context): Promise<Omit<Stored, 'shared'>> {
  const settings = validSettings(directorySource(context.directory));
  const { global } = settings;
  const directory = path.resolve(context.directory, '..', global.mtaSts.directory);
  const owner = ownerOfState(context.directory);
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined) return { directory, owner, global, policies: [] };
  if (found.uid !== owner.uid) {
    // For root, the owner is the user of smtp.ini; anybody else may simply not be that user.
    const remedy =
      process.geteuid?.() === 0
        ? `not to ${owner.name}, as whom Haraka runs; to mend it: ${given(directory, owner)}`
        : 'run this as the user that Haraka runs as';
    throw new CommandError(`${directory} belongs to another user (uid ${found.uid}): ${remedy}`);
  }
  const policies: StoredPolicy[] = [];
  const complaints = complaining(context);
  for await (const policy of createFileStore(directory, {
    log: complaints,
    owner,
    namedPeers: () => namedPeers(settings),
    maxEntries: global.mtaSts.maxPolicies,
  }).all()) {
    policies.push(policy);
  }
  return { directory, owner, global, policies: policies.sort((a, b) => (a.domain < b.domain ? -1 : 1)) };
}

/** With what only other hosts have, and what they have that is newer. */
async function withOthers({ output }: Context, here: Stored): Promise<Stored> {
  const others = await here.shared?.all().catch((error: unknown) => {
    output.complain(`Redis: ${messageOf(error)}: this is what this host has alone`);
    return [];
  });
  const known = new Map<string, Known>(here.policies.map((one) => [keyText(one), one]));
  for (const other of others ?? []) {
    const held = known.get(keyText(other));
    if (held === undefined || other.fetchedAt > held.fetchedAt) known.set(keyText(other), other);
  }
  return { ...here, policies: [...known.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1)) };
}

function complaining({ output }: Context): Log {
  const complain = (line: string) => output.complain(line);
  return { ...silent, warn: complain, error: complain };
}

function tell(output: Output, text: string): void {
  for (const line of fitted(output, text)) output.print(line);
}

/** With the host that told of it. */
function documentOf(of: Known) {
  return { ...policyDocument(of), ...(of.host === undefined ? {} : { fetched_by: of.host }) };
}

function list({ output, json: asJson }: Context, { directory, policies }: Stored): ExitCode {
  if (asJson) {
    output.print(json(policies.map(documentOf)));
    return exit.ok;
  }
  if (policies.length === 0) tell(output, `no policy is stored in ${directory}`);
  for (const line of policyTable(output, policies)) output.print(line);
  return exit.ok;
}

/** On a terminal the hosts, which are many, come below. */
function policyTable(output: Output, policies: readonly Known[]): string[] {
  const rows = policies.map((of) => ({
    head: [
      { text: of.domain, style: 'bold' as const },
      of.policy.mode,
      `until ${policyDocument(of).expires.slice(0, 16)}Z`,
    ],
    facts: [`id ${of.id}`, of.policy.mx.join(' '), ...(of.host === undefined ? [] : [`from ${of.host}`])],
  }));
  return output.width === undefined
    ? table(
        output,
        rows.map(({ head, facts }) => [...head, ...facts]),
      )
    : rows.flatMap(({ head, facts }) => stacked(output, head, [...facts].reverse()));
}

function show({ output, json: asJson }: Context, { policies }: Stored, domain: string): ExitCode {
  const found = policies.filter((of) => of.domain === domain);
  if (asJson) output.print(json(found.map(documentOf)));
  else if (found.length === 0) tell(output, `no policy of ${domain} is stored`);
  else for (const policy of found) for (const line of policyLines(policy)) tell(output, line);
  return found.length === 0 ? exit.findings : exit.ok;
}

function policyLines(of: Known): string[] {
  const { domain, id, fetched, expires } = policyDocument(of);
  const by = of.host === undefined ? [] : [`fetched by: ${of.host}`];
  const head = [`domain: ${domain}`, `id: ${id}`, `fetched: ${fetched}`, ...by, `expires: ${expires}`];
  return [...head, ...serializePolicy(of.policy).trimEnd().split('\r\n')];
}

/** Looks for the policy as a delivery that is about to be given up does: whatever was looked up before. */
async function refresh(
  context: Context,
  { directory, owner, global, shared }: Stored,
  domain: string,
): Promise<ExitCode> {
  const resolver = createResolver(resolverOptions(global));
  void resolver.probe();
  const { mtaSts } = global;
  const policies = new StsPolicies({
    resolver,
    store: createFileStore(directory, { log: complaining(context), owner, maxEntries: mtaSts.maxPolicies }),
    fetchOptions: fetchOptions(global),
    log: silent,
    shared,
  });
  try {
    const facts = await policies.refresh(domain, { extraRoots: '' });
    const failure =
      facts.kind === 'policy' ? facts.refreshFailure : facts.kind === 'not_asked' ? 'none' : facts.failure;
    if (context.json) context.output.print(json(facts));
    else if (facts.kind === 'policy')
      tell(context.output, `${domain}: mode ${facts.policy.mode}, id ${facts.id}`);
    else tell(context.output, `${domain}: no policy`);
    if (typeof failure !== 'string') context.output.complain(`${failure.reason}: ${failure.text}`);
    return failure === 'none' ? exit.ok : exit.findings;
  } finally {
    await policies.close();
    resolver.close();
  }
}

async function purge(
  { output, json: asJson }: Context,
  { directory, policies, shared }: Stored,
  domains: readonly string[],
): Promise<ExitCode> {
  const whole = policies.filter(({ domain }) => domains.includes(domain));
  // What does not read back whole has only its name to say whose it is.
  const all = [...whole, ...domains.map((domain) => ({ domain, roots: rootsDigest('') }))];
  const there = all.filter((key) => isThere(path.join(directory, entryName(key))));
  // First: what is there could come back to this host.
  await shared
    ?.forget(all)
    .catch((error: unknown) => output.complain(`Redis: ${messageOf(error)}: it may come back from there`));
  for (const key of there) rmSync(path.join(directory, entryName(key)), { force: true });
  const purged = new Set(there.map(({ domain }) => domain));
  if (asJson) output.print(json({ purged: [...purged] }));
  else
    for (const domain of domains)
      tell(output, `${domain}: ${purged.has(domain) ? 'purged' : 'no policy is stored'}`);
  return domains.every((domain) => purged.has(domain)) ? exit.ok : exit.findings;
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
