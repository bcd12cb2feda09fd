/** The process in which warm decisions are measured with a fleet and without: the same domain, and the same resolver. */
import { setTimeout as pause } from 'node:timers/promises';
import { connectFleet } from '../../src/fleet/connection';
import { FleetPolicies } from '../../src/fleet/policies';
import { createResolver, parseResolverServer } from '../../src/dns/resolver';
import { silent } from '../../src/log';
import { StsPolicies } from '../../src/mta_sts/policies';
import { createMemoryStore } from '../../src/mta_sts/store';
import { inChild } from '../child';
import { alternate, processorMs } from '../measure';
import { peers } from '../decision/levels';
import { openSuite } from '../decision/suite';

export interface FleetWarmOrder {
  readonly dns: string;
  readonly redisPort: number;
  readonly rounds: number;
  readonly decisions: number;
}

/** Decisions per second of processor time, by round; and how often Redis was asked by all of them. */
export interface FleetWarmResult {
  readonly fleet: readonly number[];
  readonly alone: readonly number[];
}

const secrets = ['0123456789abcdef0123456789abcdef'] as const;

inChild(async ({ dns, redisPort, rounds, decisions }: FleetWarmOrder): Promise<FleetWarmResult> => {
  const suite = openSuite(dns);
  const place = { host: '127.0.0.1', port: redisPort, path: '', tls: false };
  const redis = connectFleet({
    server: { ...place, username: '', password: '', database: 0, url: '' },
    prefix: 'bench',
    log: silent,
  });
  await redis.ready(5_000);
  const shared = new FleetPolicies({ redis, secrets, host: 'bench', log: silent, now: () => Date.now() });
  const server = parseResolverServer(dns);
  if (typeof server === 'string') throw new Error(`no resolver: ${dns}`);
  const resolver = createResolver({ servers: [server] });
  const open = (of: FleetPolicies | undefined): StsPolicies =>
    new StsPolicies({
      resolver,
      store: createMemoryStore(),
      fetchOptions: { allowPrivate: true },
      log: silent,
      shared: of,
    });
  const [fleet, alone] = [open(shared), open(undefined)];
  const run = async (policies: StsPolicies): Promise<number> => {
    const before = processorMs();
    for (let made = 0; made < decisions; made++)
      await suite.decideFrom({ resolver, policies }, 'mta_sts', peers.sts);
    return (decisions / (processorMs() - before)) * 1000;
  };
  const subjects = { fleet: () => run(fleet), alone: () => run(alone) };
  try {
    await alternate(subjects, 2);
    return await alternate(subjects, rounds);
  } finally {
    await Promise.all([fleet.close(), alone.close()]);
    resolver.close();
    suite.close();
    await pause(10);
    await redis.close();
  }
});
