/** What only the network can tell: whether the resolver answers and validates, and what a hosted policy would do to mail. */
import { withDeadline } from '../deadline';
import { createResolver, type Resolver } from '../dns/resolver';
import { hostedFiles, type HostedFile } from '../hosting/catalogue';
import { checkRollout } from '../hosting/rollout_facts';
import type { NetworkView } from '../settings/checks/check';
import { resolverOptions } from '../settings/load/resolver_options';
import type { Settings } from '../settings/schema/types';
import { startMeter } from './meter';

export interface NetworkOptions {
  /** With which mail servers are greeted. */
  readonly ehloName: string;
  /** Told what is going on once it takes long. */
  readonly progress: (line: string) => void;
  /** Milliseconds for all hosted policies together; two minutes where absent. */
  readonly rolloutMs?: number;
}

/** Asks DNS, mail servers and policy hosts. Never rejects, and ends in time. */
export async function askNetwork(settings: Settings, options: NetworkOptions): Promise<NetworkView> {
  const resolver = createResolver(resolverOptions(settings.global));
  try {
    const [resolvers, policies] = await Promise.all([
      resolver.probe(),
      askAboutPolicies(resolver, settings, options),
    ]);
    return { resolvers, policies };
  } finally {
    resolver.close();
  }
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
      ...findings.map(({ domain, text }) => ({ domain, problem: text })),
      ...files
        .filter((file) => !checked.has(file))
        .map(({ domain }) => ({ domain, problem: 'was not checked: out of time' })),
    ];
  } finally {
    meter.stop();
  }
}
