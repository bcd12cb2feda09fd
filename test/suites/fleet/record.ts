/**
 * The record of a fleet: what three Harakas with two workers each have counted, as any of them tells it, held against what the
 * peers saw; also after Redis was away and has come back empty, and after a worker was killed.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { freePort } from '../../../haraka-test-harness/program';
import type { World } from '../../../haraka-test-harness/world';
import type { PeerTraffic } from '../../../src/evidence/views/traffic';
import { startRedis } from '../../support/redis_server';
import { startFleet, type FleetHost, type FleetLab } from './fleet_lab';
import { fail, seconds, type Print } from './words';

const world: World = {
  domains: {
    'tls13.example': { mx: [{ tls: { min: 'TLSv1.3', max: 'TLSv1.3' } }] },
    'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'enforce.example': { sts: { policy: { mode: 'enforce' } } },
    'self-signed.example': { mx: [{ certificate: 'self-signed' }] },
  },
};
const domains = Object.keys(world.domains);

/** Milliseconds until all hosts must tell the same: files are written every 5 s, and looked at as often. */
const patience = 30_000;

const command = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
const run = promisify(execFile);

interface Place {
  readonly host: FleetHost;
  readonly page: string;
}

export async function recordOfFleet(print: Print): Promise<void> {
  const redis = await startRedis();
  const ports = new Map<string, number>();
  for (const name of ['one', 'two', 'three']) ports.set(name, await freePort());
  const lab = await startFleet(world, {
    redisPort: redis.port,
    hosts: { one: 'fleet', two: 'fleet', three: 'fleet' },
    workers: 2,
    settings: (name) => `[web]\nlisten = 127.0.0.1:${ports.get(name)}\nmetrics_peers = top 20\n`,
  });
  const places = lab.hosts.map((host) => ({
    host,
    page: `http://127.0.0.1:${ports.get(host.name)}/tls-peers`,
  }));
  try {
    await send(lab, 20);
    await equalOnAll(lab, places, print, 'with mail of three hosts');

    await redis.kill();
    await send(lab, 5);
    await alone(lab, places, print);
    await redis.restart();
    await equalOnAll(lab, places, print, 'after Redis was away, and came back empty');

    const [host = fail('no host')] = lab.hosts;
    const { pid } = await host.deliver('tls13.example');
    // What it has counted is on disk, as everything of the others.
    await equalOnAll(lab, places, print, 'before a worker is killed');
    process.kill(pid, 'SIGKILL');
    // The master hands over no connection to it any more.
    while (isThere(pid)) await pause(100);
    await send(lab, 5);
    await equalOnAll(lab, places, print, `after a worker of ${host.name} was killed`);
  } finally {
    await lab.stop();
    await redis.stop();
  }
}

async function send({ hosts }: FleetLab, each: number): Promise<void> {
  const one = async (host: FleetHost): Promise<void> => {
    for (let nth = 0; nth < each; nth++)
      await Promise.all(
        domains.map(async (domain) => {
          const { status, error } = await host.deliver(domain);
          if (status !== 'delivered') fail(`${host.name}: mail to ${domain} is ${status}: ${error}`);
        }),
      );
  };
  await Promise.all(hosts.map(one));
}

/** By peer and TLS version. */
type Sums = Readonly<Record<string, number>>;

function seenByPeers({ world: { peers } }: FleetLab): Sums {
  const seen: Record<string, number> = {};
  for (const { name, connections } of peers.values())
    for (const { tls, messages } of connections) {
      if (messages.length === 0) continue;
      const key = `${name.replace(/^mx\./, '')} ${tls.kind === 'established' ? tls.version : 'none'}`;
      seen[key] = (seen[key] ?? 0) + messages.length;
    }
  return sorted(seen);
}

interface Told {
  readonly sums: Sums;
  readonly problems: readonly string[];
}

async function toldByCommand({ haraka }: FleetHost, ...more: string[]): Promise<Told> {
  const args = [command, 'traffic', '--json', '-c', haraka.directory, ...more];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1e8 });
  const { peers, problems } = JSON.parse(stdout) as { peers: PeerTraffic[]; problems: string[] };
  const sums = peers.flatMap(({ peer, tls }) =>
    Object.entries(tls).map(([version, count]) => [`${peer} ${version}`, count] as const),
  );
  return { sums: sorted(Object.fromEntries(sums)), problems };
}

async function toldByPage({ host, page }: Place): Promise<Sums> {
  const response = await ask(host, `${page}/api/v1/traffic?days=7`);
  const { peers } = JSON.parse(response) as { peers: PeerTraffic[] };
  const sums = peers.flatMap(({ peer, tls }) =>
    Object.entries(tls).map(([version, count]) => [`${peer} ${version}`, count] as const),
  );
  return sorted(Object.fromEntries(sums));
}

async function toldByMetrics({ host, page }: Place): Promise<Sums> {
  const sums: Record<string, number> = {};
  const lines = (await ask(host, `${page}/metrics`)).matchAll(
    /^haraka_tls_peers_peer_messages\{(.*)\} (\d+)$/gm,
  );
  for (const [, labels = '', count] of lines) {
    const [, peer = ''] = /peer="(.*?)"/.exec(labels) ?? [];
    const [, version = ''] = /tls="(.*?)"/.exec(labels) ?? [];
    if (Number(count) > 0) sums[`${peer} ${version}`] = Number(count);
  }
  return sorted(sums);
}

async function ask({ haraka }: FleetHost, url: string): Promise<string> {
  const token = (await readFile(path.join(haraka.directory, 'web/token'), 'utf8')).trim();
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, connection: 'close' } });
  const text = await response.text();
  if (!response.ok) fail(`${url}: ${response.status} ${text.slice(0, 200)}`);
  return text;
}

async function equalOnAll(
  lab: FleetLab,
  places: readonly Place[],
  print: Print,
  when: string,
): Promise<void> {
  const begun = performance.now();
  const seen = seenByPeers(lab);
  const messages = Object.values(seen).reduce((all, one) => all + one, 0);
  for (const { host } of places)
    await within(() => toldByCommand(host).then(({ sums }) => sums), seen, host.name);
  print(
    `${when}: traffic on each of ${places.length} hosts is the ${messages} messages that the peers saw, ${seconds(begun)} later`,
  );
  for (const place of places) {
    await within(() => toldByPage(place), seen, `page of ${place.host.name}`);
    await within(() => toldByMetrics(place), seen, `metrics of ${place.host.name}`);
  }
  print(`  and so are page and metrics, ${seconds(begun)} later`);
}

async function within(told: () => Promise<Sums>, seen: Sums, who: string): Promise<void> {
  const until = performance.now() + patience;
  for (;;) {
    const found = await told();
    if (isDeepStrictEqual(found, seen)) return;
    if (performance.now() > until)
      fail(`${who} tells ${JSON.stringify(found)}, and peers saw ${JSON.stringify(seen)}`);
    await pause(500);
  }
}

/** Without Redis, each host tells what it has counted itself, and says so; together that is what the peers saw. */
async function alone(lab: FleetLab, places: readonly Place[], print: Print): Promise<void> {
  const seen = seenByPeers(lab);
  const sumOfOwn = async (): Promise<Sums> => {
    const sums: Record<string, number> = {};
    for (const { host } of places) {
      const begun = performance.now();
      const told = await toldByCommand(host);
      if (performance.now() - begun > 15_000) fail(`${host.name} took ${seconds(begun)} without Redis`);
      if (!told.problems.some((problem) => problem.includes('these are the figures of this host alone')))
        fail(`${host.name} does not say that it tells its own figures: ${told.problems.join('; ')}`);
      for (const [key, count] of Object.entries(told.sums)) sums[key] = (sums[key] ?? 0) + count;
    }
    return sorted(sums);
  };
  await within(sumOfOwn, seen, 'each host by itself');
  print('without Redis: each host tells its own figures, says so, and together they are what the peers saw');
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function sorted(sums: Record<string, number>): Sums {
  return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)));
}
