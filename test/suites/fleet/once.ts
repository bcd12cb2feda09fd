/** What a fleet is for: each policy fetched once, and what is new known everywhere. */
import type { World } from '../../../haraka-test-harness/world';
import { startRedis } from '../../support/redis_server';
import { startFleet, type FleetHost, type FleetLab } from './fleet_lab';
import { fail, seconds, type Print } from './words';

const sharedMx = [{ host: 'mx.shared.example' }];
const badMx = [{ host: 'mx.bad.example' }];

function worldOf(domains: number): World {
  const cold = Array.from({ length: domains }, (_, number) => [
    `d${number}.example`,
    { mx: sharedMx, sts: { policy: { mode: 'enforce' } } },
  ]);
  return {
    domains: {
      ...(Object.fromEntries(cold) as World['domains']),
      // What it says at first lets its mail through, and what it says then does not.
      'stricter.example': { mx: badMx, sts: { id: 'first', policy: { mode: 'testing' } } },
      // And the other way about.
      'relaxed.example': {
        mx: sharedMx,
        sts: { id: 'first', policy: { mode: 'enforce', mx: ['mx.old.example'] } },
      },
    },
    hosts: { 'mx.shared.example': {}, 'mx.bad.example': { certificate: 'self-signed' } },
  };
}

/** One host learns of new records within a second; the resolvers of the others have them for a day. */
const impatient = 'one';

export async function fetchedOnce(print: Print, { domains }: { readonly domains: number }): Promise<void> {
  const redis = await startRedis();
  const lab = await startFleet(worldOf(domains), {
    redisPort: redis.port,
    hosts: { one: 'fleet', two: 'fleet', three: 'fleet' },
    workers: 2,
    settings: (name) => (name === impatient ? '[cache]\nmax_ttl = 1\nmax_negative_ttl = 1\n' : ''),
  });
  try {
    await coldOnAllHosts(lab, print, domains);
    const calls = await redis.ask('INFO commandstats');
    const total = [...calls.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(
      ([, name, count]) => `${name} ${count}`,
    );
    print(`Redis was asked: ${total.join(', ')}`);
    await idChange(lab, print, 'stricter.example', { mode: 'enforce', mx: 'mx.bad.example' }, 'deferred');
    await idChange(lab, print, 'relaxed.example', { mode: 'enforce', mx: 'mx.shared.example' }, 'delivered');
  } finally {
    await lab.stop();
    await redis.stop();
  }
}

async function coldOnAllHosts({ world, hosts }: FleetLab, print: Print, domains: number): Promise<void> {
  const begun = performance.now();
  const names = Array.from({ length: domains }, (_, number) => `d${number}.example`);
  await Promise.all(hosts.map((host) => deliverAll(host, names)));
  const requests = names.map((name) => world.policyHosts.get(name)?.requests.length ?? 0);
  const more = requests.filter((count) => count > 1).length;
  const none = requests.filter((count) => count === 0).length;
  const sum = requests.reduce((all, count) => all + count, 0);
  print(`${domains} domains cold on ${hosts.length} hosts: ${sum} fetches, in ${seconds(begun)}`);
  const absences = hosts.flatMap(({ haraka }) => haraka.logLines.filter((line) => line.includes('is away')));
  if (absences.length > 0) print(`meanwhile Redis was away ${absences.length} times`);
  if (more > 0 || none > 0) fail(`${more} policies were fetched more than once, ${none} never`);
  const peer = world.peers.get('mx.shared.example');
  const arrived = peer?.messages.filter(({ protection }) => protection !== 'cleartext').length;
  if (arrived !== domains * hosts.length)
    fail(`${arrived} of ${domains * hosts.length} messages arrived under TLS`);
}

/** A few at a time. */
async function deliverAll(host: FleetHost, names: readonly string[]): Promise<void> {
  const queue = names.values();
  const one = async (): Promise<void> => {
    for (const name of queue) {
      const { status, error } = await host.deliver(name);
      if (status !== 'delivered') fail(`${host.name}: mail to ${name} is ${status}: ${error}`);
    }
  };
  await Promise.all(Array.from({ length: 2 }, one));
}

/** @param wanted what becomes of mail by the new policy; the old one has it the other way */
async function idChange(
  { world, hosts }: FleetLab,
  print: Print,
  domain: string,
  { mode, mx }: { readonly mode: string; readonly mx: string },
  wanted: 'delivered' | 'deferred',
): Promise<void> {
  const before = wanted === 'delivered' ? 'deferred' : 'delivered';
  for (const host of hosts) await seenByAll(host, domain, before, 30_000);
  const asked = world.policyHosts.get(domain)?.requests.length ?? 0;
  world.policyHosts
    .get(domain)
    ?.setBody(`version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: 86400\r\n`);
  world.dns.set({
    name: `_mta-sts.${domain}`,
    type: 'TXT',
    records: [{ type: 'TXT', text: 'v=STSv1; id=second;' }],
  });
  const [first, ...others] = hosts;
  if (first === undefined) return;
  while ((await first.deliver(domain)).status !== wanted) await pause(100);
  const begun = performance.now();
  await Promise.all(others.map((host) => seenByAll(host, domain, wanted, 10_000)));
  const took = performance.now() - begun;
  const fetches = (world.policyHosts.get(domain)?.requests.length ?? 0) - asked;
  print(
    `${domain}: every process of the others knows ${Math.round(took)} ms after the first; ${fetches} fetches`,
  );
  if (took > 2_000) fail(`it took ${Math.round(took)} ms`);
}

/** Resolves once each worker of the host has made `wanted` of mail to the domain, the last time that it had some. */
async function seenByAll(host: FleetHost, domain: string, wanted: string, ms: number): Promise<void> {
  const last = new Map<number, string>();
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const outcomes = await Promise.all([host.deliver(domain), host.deliver(domain), host.deliver(domain)]);
    for (const { pid, status } of outcomes) last.set(pid, status);
    if (last.size > 1 && [...last.values()].every((status) => status === wanted)) return;
    await pause(50);
  }
  fail(`${host.name}: mail to ${domain} is ${[...last.values()].join(', ')} after ${ms} ms, not ${wanted}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
