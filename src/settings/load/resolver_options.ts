import type { ResolverOptions, ResolverServer } from '../../dns/resolver';
import type { GlobalSettings } from '../schema/types';

/** Probes of a resolver that validates come ten times as far apart as those of one that does not. */
const unvalidatedProbes = 10;

/** What the resolver is made from. The settings count in seconds, the resolver in milliseconds. */
export function resolverOptions({ resolver, cache }: GlobalSettings): Omit<ResolverOptions, 'log'> {
  return {
    servers: resolver.servers.map(toServer),
    trustAd: resolver.trustAd,
    timeoutMs: resolver.timeout * 1000,
    deadlineMs: resolver.deadline * 1000,
    probe: `${resolver.dnssecProbe} NS`,
    probeIntervalMs: (resolver.probeInterval * 1000) / unvalidatedProbes,
    cache: {
      maxEntries: cache.entries,
      maxSize: 32 * 1024 * 1024,
      minTtl: cache.minTtl,
      maxTtl: cache.maxTtl,
      maxNegativeTtl: cache.maxNegativeTtl,
      failureTtl: 5,
    },
  };
}

function toServer(server: GlobalSettings['resolver']['servers'][number]): ResolverServer {
  const { address, port } = server;
  return server.transport === 'plain'
    ? { transport: 'udp', address, port }
    : { transport: 'tls', address, port, name: server.tlsName };
}
