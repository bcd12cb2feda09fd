/**
 * Redis goes through all that can become of it, with mail flowing: nothing is lost, nothing is protected less, and no decision takes
 * more than twice as long as at a host beside them that has no fleet.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeFailure, encodeLock, encodePolicy } from '../../../src/fleet/policy_entry';
import type { StoredPolicy } from '../../../src/mta_sts/store';
import type { DomainSpec, World } from '../../../haraka-test-harness/world';
import { freePort } from '../../../haraka-test-harness/program';
import { startRedis, type RedisServer } from '../../support/redis_server';
import { fleetSecret, startFleet, type FleetHost, type FleetLab } from './fleet_lab';
import { Flow } from './flow';
import { quantile, readTimings } from './timing';
import { fail, seconds, type Print } from './words';

/** Messages a second to each host. Of ten: seven to domains that are known, two to new ones, one that must not go. */
const rate = 3;
const coldShare = 2;
const warmDomains = 10;
const goneDomains = 5;
/** Fewer measurements have no 99th percentile. */
const enough = 150;

interface Stage {
  readonly redis: RedisServer;
  readonly proxy: ChildProcess;
  /** Domains to which no mail went yet. */
  readonly upcoming: () => readonly string[];
}

interface Fault {
  readonly name: string;
  readonly begin: (stage: Stage) => Promise<unknown>;
  readonly end: (stage: Stage) => Promise<unknown>;
}

const nothing = (): Promise<void> => Promise.resolve();

const faults: readonly Fault[] = [
  { name: 'sound', begin: nothing, end: nothing },
  { name: 'killed', begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.restart() },
  {
    name: 'paused (SIGSTOP)',
    begin: ({ redis }) => redis.freeze(),
    end: ({ redis }) => {
      redis.thaw();
      return nothing();
    },
  },
  {
    name: 'restarted empty',
    begin: async ({ redis }) => {
      await redis.kill();
      await redis.restart();
    },
    end: nothing,
  },
  {
    name: 'read-only',
    begin: ({ redis }) => redis.ask('REPLICAOF 127.0.0.1 1'),
    end: ({ redis }) => redis.ask('REPLICAOF NO ONE'),
  },
  {
    name: 'out of memory',
    begin: ({ redis }) => redis.ask('CONFIG SET maxmemory 1'),
    end: ({ redis }) => redis.ask('CONFIG SET maxmemory 0'),
  },
  {
    name: 'answering after 5 s',
    begin: ({ proxy }) => {
      proxy.send(5_000);
      return nothing();
    },
    end: ({ proxy }) => {
      proxy.send(0);
      return nothing();
    },
  },
  { name: 'filled with lies', begin: lie, end: ({ redis }) => redis.ask('FLUSHALL') },
];

export async function throughFaults(print: Print, { minutes }: { readonly minutes: number }): Promise<void> {
  const each = (minutes * 60) / (faults.length + 1);
  const perPhase = Math.ceil((each * rate * coldShare) / 10) + 5;
  const names = namesFor((faults.length + 1) * perPhase);
  const redisPort = await freePort();
  const proxy = fork(path.join(import.meta.dirname, 'slow_proxy.cjs'), [String(redisPort)]);
  const [proxyPort] = (await once(proxy, 'message')) as [number];
  let redis: RedisServer | undefined;
  const lab = await startFleet(worldOf(names), {
    redisPort: proxyPort,
    hosts: { one: 'fleet', two: 'fleet', three: 'fleet', alone: 'alone' },
    workers: 2,
  });
  const domains = new Domains(names);
  const flow = new Flow(lab.hosts, () => domains.next());
  const slow: string[] = [];
  const phase = async (name: string, from: number): Promise<void> => {
    const line = await decisions(lab.hosts, from);
    print(`${name}: ${line.text}`);
    if (line.isSlow) slow.push(name);
  };
  try {
    await warm(lab);
    print('known domains are known');
    flow.start(rate);
    let from = Date.now();
    await pause(each * 1000);
    await phase('away from the start', from);
    redis = await startRedis([], redisPort);
    await joined(lab, print);
    const stage: Stage = { redis, proxy, upcoming: () => domains.upcoming() };
    for (const fault of faults) {
      await fault.begin(stage);
      from = Date.now();
      await pause(each * 1000);
      await phase(fault.name, from);
      await fault.end(stage);
      // It is over for all before the next begins.
      await pause(Math.min(each * 250, 8_000));
    }
    await flow.stop();
    const wrong = [...(await everythingArrived(lab, flow, print)), ...unprotected(lab, flow, print)];
    wrong.push(...(await asWithoutRedis(lab, print)));
    said(lab, print);
    if (slow.length > 0) wrong.push(`decisions took more than twice as long: ${slow.join(', ')}`);
    if (wrong.length > 0) fail(wrong.join('; '));
  } finally {
    await flow.stop();
    await lab.stop();
    await redis?.stop();
    proxy.disconnect();
  }
}

interface Names {
  readonly warm: readonly string[];
  /** Delivered, each to be met once. */
  readonly cold: readonly string[];
  /** Enforced, with a host that must not have the mail; each met once. */
  readonly traps: readonly string[];
  /** The same, with record and policy host gone by the time that mail flows. */
  readonly gone: readonly string[];
}

function namesFor(cold: number): Names {
  const some = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, number) => `${kind}${number}.example`);
  return {
    warm: some('warm', warmDomains),
    cold: some('cold', cold),
    traps: some('trap', Math.ceil(cold / 4)),
    gone: some('gone', goneDomains),
  };
}

function worldOf({ warm: known, cold, traps, gone }: Names): World {
  const enforced = (host: string): DomainSpec => ({
    mx: [{ host }],
    sts: { policy: { mode: 'enforce', mx: [host] } },
  });
  const all = [
    ...[...known, ...cold].map((name) => [name, enforced('mx.shared.example')] as const),
    ...[...traps, ...gone, late].map((name) => [name, enforced('mx.bad.example')] as const),
  ];
  return {
    domains: Object.fromEntries(all),
    hosts: { 'mx.shared.example': {}, 'mx.bad.example': { certificate: 'self-signed' } },
  };
}

/** Which domain is next, in turn. */
class Domains {
  readonly #names: Names;
  #sent = 0;
  #cold = 0;
  #traps = 0;

  constructor(names: Names) {
    this.#names = names;
  }

  next(): string {
    const { warm: known, cold, traps, gone } = this.#names;
    const turn = this.#sent++ % 10;
    const tens = Math.floor(this.#sent / 10);
    if (turn === 3 || turn === 7) return cold[this.#cold++] ?? known[0] ?? '';
    if (turn !== 5) return known[this.#sent % known.length] ?? '';
    if (tens % 2 === 0) return gone[tens % gone.length] ?? '';
    return traps[this.#traps++] ?? gone[0] ?? '';
  }

  upcoming(): string[] {
    return [...this.#names.cold.slice(this.#cold), ...this.#names.traps.slice(this.#traps)];
  }
}

/** Each worker of each host has met what is to be known; then what is to be gone goes. */
async function warm({ world, hosts }: FleetLab): Promise<void> {
  const known = [...world.policyHosts.keys()].filter((name) => /^(?:warm|gone)/.test(name));
  await Promise.all(
    hosts.map(async (host) => {
      for (const name of known) {
        const met = new Set<number>();
        for (let tries = 0; met.size < 2 && tries < 20; tries++) met.add((await host.deliver(name)).pid);
      }
    }),
  );
  for (const name of known.filter((one) => one.startsWith('gone'))) {
    world.dns.remove(`_mta-sts.${name}`, 'TXT');
    world.policyHosts.get(name)?.setBehaviour('server-error');
  }
}

async function joined({ hosts }: FleetLab, print: Print): Promise<void> {
  const begun = performance.now();
  await Promise.all(
    hosts
      .filter(({ name }) => name !== 'alone')
      .map(({ haraka }) => haraka.waitForLog(/fleet: Redis at .* is back/, { timeoutMs: 60_000 })),
  );
  print(`all have joined, and said so, ${seconds(begun)} after Redis came`);
}

/** Everything that somebody could put there who has read all, and knows no secret. */
async function lie({ redis, upcoming }: Stage): Promise<void> {
  const now = Date.now();
  const stranger = ['0123456789abcdef0123456789abcdef'] as const;
  const none = { mode: 'none', mx: [], maxAge: 31_557_600, extensions: [] } as const;
  const set = (name: string, value: string): Promise<string> =>
    redis.ask(`SET tls-peers:${name} ${JSON.stringify(value)}`);
  for (const [number, domain] of upcoming().entries()) {
    const stored: StoredPolicy = { domain, roots: 'default', id: '1', fetchedAt: now, policy: none };
    const failure = { reason: 'sts-policy-fetch-error', text: 'refused' } as const;
    const failed = { ...stored, failures: 9, failedAt: now, failure };
    const lies = [
      encodePolicy(stranger, 'one', stored),
      // Replayed: signed, of another domain and from another time.
      encodePolicy(fleetSecret, 'one', { ...stored, domain: 'other.example' }),
      encodePolicy(fleetSecret, 'one', { ...stored, fetchedAt: now - 1000 * none.maxAge - 1 }),
      encodePolicy(fleetSecret, 'one', { ...stored, fetchedAt: now + 3600_000 }),
      encodePolicy(fleetSecret, 'one', stored).slice(0, -9),
      'OK',
    ];
    await set(`policy:${domain}`, lies[number % lies.length] ?? '');
    await set(`failed:${domain}`, encodeFailure(stranger, 'one', failed));
    await set(`lock:${domain}`, encodeLock(stranger, stored, 'x', now));
  }
  await redis.ask('SET tls-peers:rules x');
  await redis.ask('PUBLISH tls-peers:policy-news x');
}

/** How long decisions took since then, at the hosts of the fleet and at the one that is alone. */
async function decisions(
  hosts: readonly FleetHost[],
  from: number,
): Promise<{ readonly text: string; readonly isSlow: boolean }> {
  const of = async (wanted: (name: string) => boolean): Promise<number[]> => {
    const all = await Promise.all(
      hosts.filter(({ name }) => wanted(name)).map(({ timings }) => readTimings(timings)),
    );
    return all.flat().flatMap(({ at, ms }) => (at >= from ? [ms] : []));
  };
  const fleet = await of((name) => name !== 'alone');
  const alone = await of((name) => name === 'alone');
  const [p99, p99Alone] = [quantile(fleet, 0.99), quantile(alone, 0.99)];
  const text =
    `${fleet.length} decisions, p50 ${quantile(fleet, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(0)} ms; ` +
    `alone ${alone.length}, p50 ${quantile(alone, 0.5).toFixed(1)} ms, p99 ${p99Alone.toFixed(0)} ms`;
  return { text, isSlow: alone.length >= enough && p99 > 2 * p99Alone };
}

/** Known to one host alone. */
const late = 'late.example';

const mustNotGo = /^(?:trap|gone)/;

/** @returns what is wrong */
async function everythingArrived({ world, hosts }: FleetLab, flow: Flow, print: Print): Promise<string[]> {
  const wanted = flow.sent.filter(({ domain }) => !mustNotGo.test(domain));
  const peer = world.peers.get('mx.shared.example');
  const arrived = (): Map<string, number> => {
    const times = new Map<string, number>();
    for (const { id } of peer?.messages ?? []) times.set(id, (times.get(id) ?? 0) + 1);
    return times;
  };
  const until = performance.now() + 120_000;
  const missing = () => wanted.filter(({ id }) => !arrived().has(id));
  while (missing().length > 0 && performance.now() < until) await pause(500);
  const twice = [...arrived().values()].filter((count) => count > 1).length;
  print(
    `${flow.sent.length} messages to ${hosts.length} hosts, ${flow.refused.length} not taken; of ${wanted.length} that may go ` +
      `${missing().length} are lost, ${twice} came twice`,
  );
  for (const { host: name, id, domain } of missing().slice(0, 10)) {
    const outcomes = hosts.find((host) => host.name === name)?.reports.outcomes(id) ?? [];
    const last = outcomes.at(-1);
    print(
      `    ${name} to ${domain}: ${outcomes.length} attempts, ${last?.status}: ${last?.error.slice(0, 200)}`,
    );
  }
  return [
    ...flow.refused.slice(0, 1).map((why) => `not taken: ${why}`),
    ...(missing().length === 0 ? [] : [`${missing().length} messages are lost`]),
  ];
}

/** What went to the host that it must not go to. @returns what is wrong */
function unprotected({ world, hosts }: FleetLab, flow: Flow, print: Print): string[] {
  const got = world.peers.get('mx.bad.example')?.messages ?? [];
  const clear = world.peers
    .get('mx.shared.example')
    ?.messages.filter(({ protection }) => protection === 'cleartext');
  print(
    `${got.length} messages reached the host that enforced policies forbid, ${clear?.length ?? 0} went in cleartext`,
  );
  for (const { id } of got) {
    const sent = flow.sent.find((one) => one.id === id);
    const host = hosts.find(({ name }) => name === sent?.host);
    const about = host?.haraka.logLines.filter((line) => line.includes(`policy of ${sent?.domain}`)) ?? [];
    print(`    ${sent?.host} to ${sent?.domain}: ${about.map((line) => line.slice(0, 300)).join(' | ')}`);
  }
  return got.length > 0 || (clear?.length ?? 0) > 0 ? ['something was protected less than it has to be'] : [];
}

/**
 * One host has a policy whose record and policy host are gone: it holds its mail to it. For a host that never had it, it is as it
 * is for the one that is alone. @returns what is wrong
 */
async function asWithoutRedis({ world, hosts }: FleetLab, print: Print): Promise<string[]> {
  const [one, two] = hosts;
  const alone = hosts.find(({ name }) => name === 'alone');
  if (one === undefined || two === undefined || alone === undefined) return ['hosts are missing'];
  const statuses: string[] = [];
  const mail = async (host: FleetHost): Promise<void> =>
    void statuses.push((await host.deliver(late)).status);
  await mail(one);
  world.dns.remove(`_mta-sts.${late}`, 'TXT');
  world.policyHosts.get(late)?.setBehaviour('server-error');
  for (const host of [one, two, alone]) await mail(host);
  print(`record and policy host gone: ${statuses.join(', ')} (before, there, elsewhere, alone)`);
  const [before, there, elsewhere, byItself] = statuses;
  if (before !== 'deferred' || there !== 'deferred') return ['a policy was lost with its record'];
  return elsewhere === byItself ? [] : ['a host that never had a policy is not as without Redis'];
}

/** What operators read of it. */
function said({ hosts }: FleetLab, print: Print): void {
  for (const { name, haraka } of hosts) {
    const lines = haraka.logLines.filter((line) => line.includes('fleet:'));
    print(`${name} says ${lines.length} lines of it`);
    for (const line of lines) print(`    ${line.replace(/^.*?fleet:/, 'fleet:').slice(0, 160)}`);
  }
}
