/** What only the network can tell: whether the resolver answers and validates, and what a hosted policy would do to mail. */
import { withDeadline } from '../deadline';
import { discoverDestination } from '../dns/destination';
import { createResolver, type Resolver } from '../dns/resolver';
import { hostedFiles, type HostedFile } from '../hosting/catalogue';
import { checkRollout } from '../hosting/rollout_facts';
import type { NetworkView } from '../settings/checks/check';
import { enabledDomains } from '../settings/checks/written_rules';
import { resolverOptions } from '../settings/load/resolver_options';
import type { Settings } from '../settings/schema/types';
import { inTurns } from './in_turns';
import { startMeter } from './meter';
import { heldAgainstShown, type HeldOptions } from './shown_records';
import { tlsaRecords } from './zone';

export interface NetworkOptions {
  /** With which mail servers are greeted. */
  readonly ehloName: string;
  /** Told what is going on once it takes long. */
  readonly progress: (line: string) => void;
  /** Milliseconds for all hosted policies together; two minutes where absent. */
  readonly rolloutMs?: number;
  /** What the listeners of this install show, and where they are; nothing is held against TLSA records where absent. */
  readonly shown?: Pick<HeldOptions, 'chains' | 'listeners' | 'visitMs' | 'now'>;
}

/** Asks DNS, mail servers and policy hosts. Never rejects, and ends in time. */
export async function askNetwork(settings: Settings, options: NetworkOptions): Promise<NetworkView> {
  const resolver = createResolver(resolverOptions(settings.global));
  try {
    const [resolvers, policies, tlsa] = await Promise.all([
      resolver.probe(),
      askAboutPolicies(resolver, settings, options),
      askAboutTlsa(resolver, settings, options),
    ]);
    return { resolvers, policies, tlsa };
  } finally {
    resolver.close();
  }
}

/** Managed domains whose MX hosts publish any: mail from senders with DANE depends on what stands there. */
async function askAboutTlsa(
  resolver: Resolver,
  settings: Settings,
  { ehloName, progress, shown, rolloutMs = 120_000 }: NetworkOptions,
): Promise<NetworkView['tlsa']> {
  if (shown === undefined) return [];
  const domains = [...enabledDomains(settings)].map(({ domain }) => domain);
  const look = async (domain: string, signal: AbortSignal): Promise<NetworkView['tlsa']> => {
    const hosts = signal.aborted ? [] : await hostsWithTlsa(resolver, domain);
    if (hosts.length === 0 || signal.aborted) return [];
    const wanted = hosts.flatMap((host) => {
      const others = hosts.filter((other) => other !== host);
      return tlsaRecords(host, shown.chains, [], others);
    });
    const held = await heldAgainstShown({ ...shown, resolver, domain, ehloName, progress, wanted });
    return held.wrong.map((problem) => ({ domain, problem }));
  };
  return withDeadline(rolloutMs, undefined, async (signal) => {
    const found = await inTurns(domains, domainsAtOnce, (domain) => look(domain, signal));
    return found.flat();
  });
}

async function hostsWithTlsa(resolver: Resolver, domain: string): Promise<string[]> {
  const found = await discoverDestination(resolver, domain, { dane: true, insecureMx: 'dane' });
  const hosts = found.kind === 'mx' ? found.hosts : found.kind === 'implicit' ? [found.host] : [];
  return hosts.flatMap(({ host, tlsa }) => (tlsa.kind === 'present' ? [host] : []));
}

const domainsAtOnce = 16;

/** Milliseconds for one MX host. Where outgoing port 25 is closed none answers, and somebody waits. */
const hostMs = 15_000;

/** The check that a running Haraka makes daily, here before anything is published. */
async function askAboutPolicies(
  resolver: Resolver,
  settings: Settings,
  { ehloName, progress, rolloutMs = 120_000 }: NetworkOptions,
): Promise<NetworkView['policies']> {
  const files = [...hostedFiles(settings).values()];
  const checked = new Set<HostedFile>();
  const meter = startMeter('checking hosted policies', files.length, progress);
  const deps = { resolver, ehloName, atOnce: domainsAtOnce, visitMs: hostMs };
  try {
    const findings = await withDeadline(rolloutMs, undefined, (signal) =>
      checkRollout(deps, files, signal, (file) => {
        checked.add(file);
        meter.advance(file.domain);
      }),
    );
    return [
      ...findings.map(({ domain, text, uncovered }) => ({
        domain,
        problem: text,
        ...(uncovered === undefined ? {} : { uncovered }),
      })),
      ...files
        .filter((file) => !checked.has(file))
        .map(({ domain }) => ({ domain, problem: 'was not checked: out of time' })),
    ];
  } finally {
    meter.stop();
  }
}
