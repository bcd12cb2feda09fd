/** Makes the peers of all behaviours real: servers, names in DNS, and which address leads where. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createSecureContext } from 'node:tls';

import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import { startDnsServer, type DnsServer } from '../../../haraka-test-harness/dns_server';
import { columns, isReal, type Behaviour, type Column } from './behaviour';
import { startPeer, type Peer } from './peer';
import type { Script } from './script';

/** One behaviour in one column. */
export interface Scenario {
  readonly behaviour: Behaviour;
  readonly column: Column;
  /** The recipient domain; unique. */
  readonly domain: string;
  readonly peers: readonly Peer[];
  /** Hosts in the order in which they were connected to. */
  readonly visited: string[];
}

export interface Domains {
  readonly dns: DnsServer;
  readonly caFile: string;
  readonly shimRoutesFile: string;
  readonly routesFile: string;
  readonly scenarios: readonly Scenario[];
  /** Where the DSNs of a column arrive. */
  readonly mailboxes: ReadonlyMap<Column, Mailbox>;
  stop(): Promise<void>;
}

export const senderDomain = (column: Column): string => `sender.${column}.wire.example`;

export async function buildDomains(behaviours: readonly Behaviour[], directory: string): Promise<Domains> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate('mx.wire.example', 'trusted');
  const context = createSecureContext({ cert: chainPem, key: keyPem });
  const dns = await startDnsServer();
  dns.zone('wire.example', 'insecure');
  const peers: Peer[] = [];
  const shimRoutes: Record<string, unknown> = {};
  const routes: Record<string, unknown> = {};
  const nextAddress = addressSequence();
  const sockets = path.join(directory, 's');
  await mkdir(sockets);

  async function host(name: string, script: Script, visited: string[]): Promise<Peer> {
    const address = nextAddress();
    const short = name.split('.')[0] ?? name;
    const peer = await startPeer({
      name,
      address,
      socket: path.join(sockets, String(peers.length)),
      script,
      context,
      visited: () => visited.push(short),
    });
    peers.push(peer);
    dns.set({ name, type: 'A', records: [{ type: 'A', address }] });
    shimRoutes[`${address}|25`] = {
      host: address,
      port: peer.port,
      route: script.reach === 'refused' ? 'refused' : 'open',
    };
    return peer;
  }

  async function domainOf(domain: string, scripts: readonly Script[], visited: string[]): Promise<Peer[]> {
    const own: Peer[] = [];
    for (const [at, script] of scripts.entries())
      own.push(await host(`mx${at + 1}.${domain}`, script, visited));
    dns.set({
      name: domain,
      type: 'MX',
      records: own.map(({ name }, at) => ({ type: 'MX', preference: 10 * (at + 1), exchange: name })),
    });
    return own;
  }

  const scenarios: Scenario[] = [];
  const mailboxes = new Map<Column, Mailbox>();
  for (const column of columns) {
    const [host] = await domainOf(senderDomain(column), [{}], []);
    mailboxes.set(column, mailboxOf(host!));
    for (const [index, behaviour] of behaviours.entries()) {
      const visited: string[] = [];
      const domain = `${slug(behaviour.name)}-${index}.${column}.wire.example`;
      const { hosts } = behaviour;
      // A real server does not tell who came.
      if (isReal(hosts)) visited.push('mx1');
      const own = isReal(hosts) ? [hosts.peerOf(domain)] : await domainOf(domain, hosts, visited);
      if (behaviour.route !== 'dns')
        routes[domain] = behaviour.route(
          own.map(({ name, address, port, socket }) => ({ host: name, address, port, socket })),
        );
      scenarios.push({ behaviour, column, domain, peers: own, visited });
    }
  }

  const files = {
    caFile: path.join(directory, 'ca.pem'),
    shimRoutesFile: path.join(directory, 'shim-routes.json'),
    routesFile: path.join(directory, 'routes.json'),
  };
  await writeFile(files.caFile, office.caPem);
  await writeFile(files.shimRoutesFile, JSON.stringify(shimRoutes));
  await writeFile(files.routesFile, JSON.stringify(routes));
  return {
    dns,
    ...files,
    scenarios,
    mailboxes,
    stop: async () => {
      await Promise.all([dns.stop(), ...peers.map((peer) => peer.stop())]);
    },
  };
}

/** The DSNs that arrived at a host, by the message that they are about. */
export interface Mailbox {
  about(id: string): readonly string[];
}

function mailboxOf({ visits }: Peer): Mailbox {
  const byId = new Map<string, string[]>();
  const read = new Map<Peer['visits'][number], number>();
  return {
    about: (id) => {
      for (const visit of visits) {
        for (const { wire } of visit.transfers.slice(read.get(visit) ?? 0)) {
          const about = /^Lab-Message-Id: (.*)\r$/m.exec(wire)?.[1] ?? '';
          byId.set(about, [...(byId.get(about) ?? []), wire]);
        }
        read.set(visit, visit.transfers.length);
      }
      return byId.get(id) ?? [];
    },
  };
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
    .replace(/-$/, '');
}

/** 127.40.0.1 and on: all of 127.0.0.0/8 is this machine on Linux. */
function addressSequence(): () => string {
  let last = 0;
  return () => {
    last++;
    return `127.${40 + Math.floor(last / 62_500)}.${Math.floor(last / 250) % 250}.${(last % 250) + 1}`;
  };
}
