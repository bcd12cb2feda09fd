/**
 * What all subjects deliver into: one world with its DNS and policy hosts, one resolver before it, and sinks in processes of
 * their own. Every host has an address of its own on loopback, and listens on port 25 where that may be used: then a mail server
 * that knows nothing of the lab reaches it as well.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWorld } from '../../haraka-test-harness/build_world';
import type { World } from '../../haraka-test-harness/world';
import { startHelper } from '../child';
import type { ResolverOrder, ResolverReady } from './resolver_child';
import type { SinkHost } from './sink_child';
import { startSinks, type Sinks } from './sinks';

export interface Surroundings {
  /** Removed at the end. */
  readonly directory: string;
  readonly caFile: string;
  readonly routesFile: string;
  /** The resolver: an address of its own, and its port. */
  readonly dns: { readonly address: string; readonly port: number };
  readonly sinks: Sinks;
  /** Whether the resolver and every host have their usual ports. */
  readonly ports: 'usual' | 'of_the_lab';
  stop(): Promise<void>;
}

const places = { near: 0, far: 30, mute: 0 } as const;
export type Place = keyof typeof places;

/** Domains by where their hosts are: `far` is 30 ms away and back, `mute` takes connections and never says a word. */
export const peers: Readonly<Record<Place, readonly string[]>> = {
  near: Array.from({ length: 10 }, (_, i) => `peer${i}.example`),
  far: Array.from({ length: 10 }, (_, i) => `far${i}.example`),
  mute: ['mute.example'],
};

const domains = (Object.keys(places) as Place[]).flatMap((place) =>
  peers[place].map((domain) => ({ place, domain })),
);

/** Processes of sinks: one beside the server that is measured and one more, as there may be processors. */
const processes = 2;

/** Of our own in 127.0.0.0/8, so that two benchmarks at a time are in nobody's way. */
const network = `127.${64 + (process.pid % 128)}`;

/** Each peer has all there is, so that the levels alone make the difference. */
function worldOf(addresses: ReadonlyMap<string, string>): World {
  return {
    domains: Object.fromEntries(
      domains.map(({ domain }) => [
        domain,
        {
          dnssec: 'secure',
          mx: [{ tlsa: ['match'], addresses: [addresses.get(domain) ?? ''] }],
          sts: { policy: { mode: 'enforce' } },
        },
      ]),
    ),
  };
}

const script = fileURLToPath(new URL('resolver_child.ts', import.meta.url));

export async function startSurroundings(): Promise<Surroundings> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-bench-'));
  // Also where the process ends in a hurry.
  const removeNow = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeNow);
  const cleanUp: (() => Promise<void>)[] = [
    async () => {
      process.removeListener('exit', removeNow);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  ];
  const stop = async (): Promise<void> => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  };
  try {
    const addresses = new Map(domains.map(({ domain }, i) => [domain, `${network}.25.${i + 1}`]));
    const world = await buildWorld(worldOf(addresses));
    cleanUp.push(world.stop);
    const hosts = domains.map(({ domain, place }): SinkHost => {
      const name = `mx.${domain}`;
      const certificate = world.peers.get(name)?.certificate;
      if (certificate === undefined) throw new Error(`no certificate for ${name}`);
      return {
        name,
        address: addresses.get(domain) ?? '',
        certificate: { chainPem: certificate.chainPem, keyPem: certificate.keyPem },
        kind: place === 'mute' ? 'mute' : 'takes',
        roundTrip: places[place],
      };
    });
    const sinks = await startSinks(hosts, processes);
    cleanUp.push(() => sinks.stop());
    const order: ResolverOrder = { address: `${network}.53.1`, authority: world.dns.port };
    const resolver = await startHelper<ResolverReady>(script, order, () => undefined);
    cleanUp.push(() => resolver.stop());

    const routes = new Map(world.routes);
    for (const { name, address } of hosts) {
      routes.set(`${address}|25`, { host: address, port: sinks.ports[name] ?? 0, route: 'open' });
    }
    const caFile = path.join(directory, 'lab-ca.pem');
    const routesFile = path.join(directory, 'routes.json');
    await writeFile(caFile, world.office.caPem);
    await writeFile(routesFile, JSON.stringify(Object.fromEntries(routes)));
    const usual = Object.values(sinks.ports).every((port) => port === 25) && resolver.ready.port === 53;
    return {
      directory,
      caFile,
      routesFile,
      dns: { address: order.address, port: resolver.ready.port },
      sinks,
      ports: usual ? 'usual' : 'of_the_lab',
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
