/** The outside that decisions are made about: three kinds of peer, each in the lab's DNS and with the lab's policy host. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildWorld, type BuiltWorld } from '../../haraka-test-harness/build_world';
import type { RecordType } from '../../haraka-test-harness/world';
import { peers } from './levels';
import { startRelay } from './relay';

export interface Surroundings {
  /** `address:port` of the DNS server. */
  readonly dns: string;
  /** Leads a child into the lab: connections to its addresses, `node:dns`, its CA. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '../..');
const recordTypes: readonly RecordType[] = ['MX', 'A', 'AAAA', 'TXT', 'TLSA', 'CNAME'];

/** @param roundTripMs by so much each answer of DNS and of the policy host is late, and each connection. 0 for not at all */
export async function openSurroundings(roundTripMs: number): Promise<Surroundings> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-bench-'));
  const built = await buildWorld({
    domains: {
      [peers.plain]: {},
      [peers.dane]: { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
      [peers.sts]: { sts: { policy: { mode: 'enforce' } } },
    },
  });
  if (roundTripMs > 0) delayDns(built, roundTripMs);
  const relays = await Promise.all(
    [...built.policyHosts.values()].map(({ address, port }) =>
      startRelay({ host: address, port }, roundTripMs),
    ),
  );
  const routes = Object.fromEntries(
    [...built.routes].map(([key, target]) => {
      const relay = relays.find(({ to }) => to.host === target.host && to.port === target.port);
      const route = roundTripMs > 0 ? { delayMs: roundTripMs } : 'open';
      return [key, relay === undefined ? target : { host: '127.0.0.1', port: relay.port, route }];
    }),
  );
  const routesFile = path.join(directory, 'routes.json');
  const caFile = path.join(directory, 'ca.pem');
  writeFileSync(routesFile, JSON.stringify(routes));
  writeFileSync(caFile, built.office.caPem);
  return {
    dns: built.dns.address,
    env: {
      NODE_OPTIONS: `--require ${JSON.stringify(path.join(root, 'haraka-test-harness/shim.cjs'))}`,
      NODE_EXTRA_CA_CERTS: caFile,
      TLS_PEERS_LAB: JSON.stringify({ routes: routesFile, dns: built.dns.address }),
    },
    stop: async () => {
      await Promise.all(relays.map((relay) => relay.stop()));
      await built.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

/** What does not exist is late as well. */
function delayDns({ dns }: BuiltWorld, ms: number): void {
  for (const peer of Object.values(peers)) {
    for (const owner of [peer, `mx.${peer}`, `_25._tcp.mx.${peer}`, `_mta-sts.${peer}`, `mta-sts.${peer}`]) {
      for (const type of recordTypes) if (type !== 'CNAME') dns.delay(owner, type, ms);
    }
  }
}
