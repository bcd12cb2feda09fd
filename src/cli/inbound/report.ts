/** What a peer would see of this Haraka: its listeners, the MX hosts of managed domains, and what these publish. */
import { withDeadline } from '../../deadline';
import { hostedFiles, type HostedFile } from '../../hosting/catalogue';
import { hostedPolicy } from '../../hosting/policy_text';
import type { Finding as RolloutFinding } from '../../hosting/rollout';
import { checkRollout } from '../../hosting/rollout_facts';
import { matchesPolicy } from '../../mta_sts/match';
import type { StsFacts } from '../../mta_sts/types';
import { iniValues, isTrue, type ConfigFiles } from '../../settings/haraka/config_files';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { smtpListeners, tlsListeners } from '../../settings/haraka/listeners';
import type { Settings } from '../../settings/schema/types';
import { sanMatches } from '../../x509/names';
import { presented } from '../install_keys';
import { lookAtHosts, type ShownHost } from '../shown';
import { hostVerdict, type HostVerdict } from '../shown_text';
import type { OpenSources } from '../sources';
import { lookAtPlace, placeOf, type LookAtOptions, type LookedAt, type PlaceSeen } from './look';

export interface HostReport {
  readonly host: string;
  /** Whether the policy in force names it; `no_policy` where there is none that is followed. */
  readonly covered: 'yes' | 'no' | 'no_policy' | 'unknown';
  /** What its zone says of TLSA records. */
  readonly tlsa: 'present' | 'absent' | 'failed' | 'not_asked';
  /** What senders make of it that demand DANE. */
  readonly dane: HostVerdict;
  /** At each address. */
  readonly places: readonly PlaceSeen[];
}

export interface DomainReport {
  readonly domain: string;
  /** Mode and source of the policy, or why there is none. */
  readonly policy:
    | {
        readonly kind: 'policy';
        readonly mode: 'enforce' | 'testing' | 'none';
        readonly source: 'hosted' | 'elsewhere';
      }
    | { readonly kind: 'none' }
    | { readonly kind: 'unknown'; readonly problem: string };
  /** Of the check that a running Haraka makes of the policies that it serves. */
  readonly rollout: readonly RolloutFinding[];
  readonly hosts: readonly HostReport[];
}

export interface InboundReport {
  readonly listeners: readonly PlaceSeen[];
  readonly domains: readonly DomainReport[];
}

export interface ReportOptions {
  readonly directory: string;
  readonly source: ConfigFiles;
  readonly settings: Settings;
  readonly sources: OpenSources;
  readonly domains: readonly string[];
  readonly now: Date;
  readonly progress: (line: string) => void;
}

/** Asks DNS and connects. Never rejects, and ends in time. */
export async function inboundReport(options: ReportOptions): Promise<InboundReport> {
  const { source, settings, directory, domains } = options;
  const chains = await presented(source, directory);
  const isNamedHere = (host: string) => chains.some(([leaf]) => sanMatches(leaf, host));
  const found = await Promise.all(domains.map((domain) => hostsOf(domain, isNamedHere, options)));
  const hosts = found.flat().map(({ host }) => host);
  // Senders ask for the name of the MX host.
  const name = hosts.find(isNamedHere) ?? hosts[0] ?? ehloName(source);
  const look = lookOptions(options);
  const visits = new Map<string, Promise<PlaceSeen>>();
  const visit = (place: LookedAt): Promise<PlaceSeen> => {
    const key = JSON.stringify([place.addresses, place.port, place.name]);
    const made = visits.get(key) ?? lookAtPlace(place, look);
    visits.set(key, made);
    return made;
  };
  const files = hostedFiles(settings);
  const [listeners, reports] = await Promise.all([
    Promise.all(tlsListeners(source).map((listener) => visit(placeOf(listener, name)))),
    Promise.all(
      domains.map((domain, at) =>
        domainReport(domain, found[at] ?? [], {
          ...options,
          visit,
          file: [...files.values()].find((file) => file.domain === domain),
        }),
      ),
    ),
  ]);
  return { listeners, domains: reports };
}

function lookOptions({ source, settings, now }: ReportOptions): LookAtOptions {
  return {
    ehloName: ehloName(source),
    visitMs: settings.global.timeouts.tlsHandshake * 1000,
    now,
    // Haraka would keep STARTTLS from this machine for an hour after a handshake that fails.
    handshakes: isTrue(String(iniValues(source, 'tls.ini')['redis']?.['disable_for_failed_hosts']))
      ? 'only_ordinary'
      : 'every_version',
  };
}

function hostsOf(
  domain: string,
  isNamedHere: (host: string) => boolean,
  { sources, source, settings, progress }: ReportOptions,
): Promise<ShownHost[]> {
  return lookAtHosts(domain, {
    resolver: sources.resolver,
    ehloName: ehloName(source),
    listeners: smtpListeners(source),
    isNamedHere,
    visitMs: settings.global.timeouts.tlsHandshake * 1000,
    progress,
  });
}

interface DomainOptions extends ReportOptions {
  readonly visit: (place: LookedAt) => Promise<PlaceSeen>;
  /** The policy that is served from here. */
  readonly file: HostedFile | undefined;
}

async function domainReport(
  domain: string,
  hosts: readonly ShownHost[],
  options: DomainOptions,
): Promise<DomainReport> {
  const { sources, file } = options;
  const [sts, rollout] = await Promise.all([
    sources.policies.get(domain, { extraRoots: '' }),
    file === undefined ? [] : rolloutOf(file, options),
  ]);
  return {
    domain,
    policy: policyOf(sts, file),
    rollout,
    hosts: await Promise.all(hosts.map((shown) => hostReport(shown, sts, options))),
  };
}

/** What is served from here counts: whether the world sees it so is the check of `rollout`. */
function policyOf(sts: StsFacts, file: HostedFile | undefined): DomainReport['policy'] {
  if (file !== undefined) return { kind: 'policy', mode: file.policy.mode, source: 'hosted' };
  if (sts.kind === 'policy') return { kind: 'policy', mode: sts.policy.mode, source: 'elsewhere' };
  return sts.kind === 'unknown' ? { kind: 'unknown', problem: sts.failure.text } : { kind: 'none' };
}

/** Milliseconds for one domain. */
const rolloutMs = 60_000;

function rolloutOf(
  file: HostedFile,
  { sources, source, settings }: DomainOptions,
): Promise<RolloutFinding[]> {
  const visitMs = settings.global.timeouts.tlsHandshake * 1000;
  const deps = { resolver: sources.resolver, ehloName: ehloName(source), visitMs };
  return withDeadline(rolloutMs, undefined, (signal) => checkRollout(deps, [file], signal));
}

async function hostReport(
  shown: ShownHost,
  sts: StsFacts,
  { visit, file }: DomainOptions,
): Promise<HostReport> {
  const { host, facts } = shown;
  const addresses = facts?.addresses.kind === 'found' ? facts.addresses.addresses : [];
  const places = addresses.map((address): LookedAt => ({
    addresses: [address],
    port: 25,
    tls: 'starttls',
    name: host,
  }));
  return {
    host,
    covered: coverage(host, sts, file),
    tlsa: facts?.tlsa.kind ?? 'not_asked',
    dane: hostVerdict(shown),
    places: await Promise.all(places.map(visit)),
  };
}

function coverage(host: string, sts: StsFacts, file: HostedFile | undefined): HostReport['covered'] {
  const policy =
    file !== undefined ? hostedPolicy(file.policy) : sts.kind === 'policy' ? sts.policy : undefined;
  if (policy === undefined) return sts.kind === 'unknown' ? 'unknown' : 'no_policy';
  if (policy.mode === 'none') return 'no_policy';
  return matchesPolicy(policy, host) ? 'yes' : 'no';
}
