/** One attack on one real Haraka: the steady flow without it and with it, one after the other in the same process. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openCertificateOffice, type CertificateOffice } from '../../../haraka-test-harness/certificates';
import { startDnsServer, type DnsServer } from '../../../haraka-test-harness/dns_server';
import { startHaraka, type HarakaProcess } from '../../../haraka-test-harness/haraka';
import { startReports, type Reports } from '../../../haraka-test-harness/reports';
import { submit } from '../../../haraka-test-harness/smtp_client';
import { recipients, type Attack } from './attacks';
import { startChild, type Child } from './child';
import { fateOf, queuedIds } from './fate';
import type { HostileDeeds, HostileOrder } from './hostile_peers';
import { percentilesOf, type Measured, type Window } from './judge';
import type { LoadOrder } from './load';
import { processorSeconds, watchMemory } from './memory';
import { now } from './smtp_host';
import type { SoundOrder, Taken } from './sound_peers';

export interface Plan {
  /** The level to which all mail is held. */
  readonly level: string;
  /** Haraka with the suite, or as it is without. */
  readonly suite: 'with_suite' | 'without_suite';
  readonly seconds: number;
  /** Messages of the steady flow a second. */
  readonly rate: number;
  /** Messages to hostile hosts, all within the first seconds of their window. */
  readonly messages: number;
}

const warmUpMs = 5_000;
/** How long a message of the flow may take at most, and how long attacked messages are waited for. */
const patienceMs = 30_000;
const betweenAttacksMs = 250;
const soundDomains = ['one.example', 'two.example', 'three.example', 'four.example'];
/** Takes as many messages with as many recipients as the hostile hosts do, in the window without them. */
const counterpart = 'counterpart.example';
const hostileDomain = 'hostile.example';

interface Rig {
  readonly haraka: HarakaProcess;
  readonly reports: Reports;
  readonly sound: Child<readonly number[], readonly Taken[]>;
  readonly hostile: Child<readonly number[], HostileDeeds>;
  readonly load: Child<'started', number>;
}

export async function measure(attack: Attack, plan: Plan): Promise<Measured> {
  const cleanUp: (() => Promise<void>)[] = [];
  try {
    return await measureIn(await openRig(attack, plan, cleanUp), attack, plan);
  } finally {
    for (const step of cleanUp.reverse()) await step();
  }
}

async function openRig(attack: Attack, plan: Plan, cleanUp: (() => Promise<void>)[]): Promise<Rig> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-hostile-'));
  cleanUp.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const office = await openCertificateOffice();
  const dns = await startDnsServer();
  cleanUp.push(() => dns.stop());
  const reports = await startReports();
  cleanUp.push(reports.stop);

  const sound = await hostsOf(
    office,
    [...soundDomains, counterpart].map((domain) => `mx.${domain}`),
    30,
  );
  const hostile = await hostsOf(
    office,
    attack.points.map((_point, index) => `mx${index}.${hostileDomain}`),
    40,
  );
  const [soundChild, hostileChild] = await Promise.all([
    startChild<readonly number[], readonly Taken[]>('sound_peers.ts', { hosts: sound } satisfies SoundOrder),
    startChild<readonly number[], HostileDeeds>('hostile_peers.ts', {
      attack: attack.name,
      hosts: hostile,
    } satisfies HostileOrder),
  ]);
  cleanUp.push(
    () => soundChild.stop(),
    () => hostileChild.stop(),
  );

  for (const domain of [...soundDomains, counterpart]) publish(dns, domain, [`mx.${domain}`]);
  publish(
    dns,
    hostileDomain,
    hostile.map(({ name }) => name),
  );
  const routes: Record<string, object> = {};
  for (const [hosts, ports] of [
    [sound, soundChild.started],
    [hostile, hostileChild.started],
  ] as const) {
    hosts.forEach(({ name, address }, index) => {
      dns.set({ name, type: 'A', records: [{ type: 'A', address }] });
      routes[`${address}|25`] = { host: address, port: ports[index], route: 'open' };
    });
  }
  const routesFile = path.join(directory, 'routes.json');
  const caFile = path.join(directory, 'ca.pem');
  const install = path.join(directory, 'haraka');
  await Promise.all([
    writeFile(routesFile, JSON.stringify(routes)),
    writeFile(caFile, office.caPem),
    mkdir(install),
  ]);
  const haraka = await startHaraka(
    {
      plugins: plan.suite === 'with_suite' ? ['tls-peers/outbound'] : [],
      config: { 'tls-peers/ours.example.ini': `[outbound]\nsecurity_level = ${plan.level}\n` },
      logLevel: 'notice',
    },
    { directory: install, routesFile, caFile, dnsAddress: dns.address, reports },
  );
  cleanUp.push(() => haraka.stop('SIGKILL'));
  const { port } = haraka;
  const load = await startChild<'started', number>('load.ts', {
    port,
    rate: plan.rate,
    domains: soundDomains,
  } satisfies LoadOrder);
  cleanUp.push(() => load.stop());
  return { haraka, reports, sound: soundChild, hostile: hostileChild, load };
}

async function hostsOf(office: CertificateOffice, names: readonly string[], network: number) {
  return Promise.all(
    names.map(async (name, index) => {
      const { keyPem, chainPem } = await office.certificate(name, 'trusted');
      return { name, address: `127.${network}.0.${index + 1}`, certificate: { keyPem, chainPem } };
    }),
  );
}

function publish(dns: DnsServer, domain: string, hosts: readonly string[]): void {
  dns.zone(domain, 'insecure');
  const records = hosts.map((exchange) => ({ type: 'MX', preference: 10, exchange }) as const);
  dns.set({ name: domain, type: 'MX', records });
}

async function measureIn(rig: Rig, attack: Attack, plan: Plan): Promise<Measured> {
  const { haraka, reports, sound, hostile, load } = rig;
  let ended = 'alive';
  void haraka.ended.then((how) => (ended = how));
  const memory = watchMemory(haraka.pid);
  try {
    await wait(warmUpMs);
    memory.peak();
    const idle = await windowOf(rig, plan, counterpart);
    const idlePeak = memory.peak();
    const attacked = await windowOf(rig, plan, hostileDomain);
    const end = Date.now() + patienceMs;
    // What is left over of both windows has its time, and no more.
    const taken: Taken[] = [];
    const collect = async (): Promise<void> => void taken.push(...(await sound.ask()));
    const complete = (): boolean =>
      [idle, attacked].every(({ from, to, due }) => within(taken, from, to).length >= due);
    for (;;) {
      await collect();
      if (complete() || ended !== 'alive' || Date.now() > end) break;
      await wait(500);
    }
    const told = (): boolean =>
      [...attacked.messages.keys()].every((id) => reports.outcomes(id).length > 0) || ended !== 'alive';
    // One octet a second is more patient than we are.
    const patient = attack.pauseMs === 0 ? end : 0;
    while (!told() && Date.now() < patient) await wait(200);
    const queued = await queuedIds(haraka.directory);
    return {
      attack: attack.name,
      what: attack.what,
      idle: windowFrom(taken, idle),
      attacked: windowFrom(taken, attacked),
      idlePeak,
      attackedPeak: memory.peak(),
      process: ended === 'alive' ? ended : `${ended}; ${lastWords(haraka)}`,
      fate: fateOf(attacked.messages, reports.outcomes(), queued),
      refused: await load.ask(),
      deeds: await hostile.ask(),
    };
  } finally {
    memory.stop();
  }
}

interface Opened {
  readonly from: number;
  readonly to: number;
  readonly due: number;
  readonly processor: number | undefined;
  /** Recipients of the messages that Haraka took for the domain in question, by id. */
  readonly messages: ReadonlyMap<string, readonly string[]>;
}

/** Sends so many messages with many recipients to `domain` beside the steady flow. */
async function windowOf({ haraka }: Rig, plan: Plan, domain: string): Promise<Opened> {
  const from = now();
  const before = processorSeconds(haraka.pid);
  const to = from + plan.seconds * 1000;
  const messages = new Map<string, readonly string[]>();
  const sending: Promise<void>[] = [];
  for (let number = 0; number < plan.messages; number++) {
    const id = randomUUID();
    const all = Array.from({ length: recipients }, (_, index) => `r${index}@${domain}`);
    const submission = { port: haraka.port, from: 'a@ours.example', to: all, timeoutMs: patienceMs };
    const data = `Lab-Message-Id: ${id}\r\nSubject: to many\r\n\r\nHello.\r\n`;
    // What Haraka did not take it has not promised to keep.
    sending.push(
      submit({ ...submission, data }).then(
        () => void messages.set(id, all),
        () => undefined,
      ),
    );
    await wait(betweenAttacksMs);
  }
  await wait(Math.max(0, to - now()));
  const after = processorSeconds(haraka.pid);
  await Promise.all(sending);
  const processor = before === undefined || after === undefined ? undefined : after - before;
  return { from, to, due: Math.floor(plan.seconds * plan.rate) - 1, processor, messages };
}

function within(taken: readonly Taken[], from: number, to: number): readonly Taken[] {
  return taken.filter(({ due }) => due >= from && due < to);
}

function windowFrom(taken: readonly Taken[], { from, to, due, processor }: Opened): Window {
  const these = within(taken, from, to);
  const missing = Math.max(0, due - these.length);
  return {
    due: these.length + missing,
    missing,
    processor,
    session: percentilesOf(
      these.map(({ session }) => session),
      missing,
    ),
    way: percentilesOf(
      these.map(({ way }) => way),
      missing,
    ),
  };
}

/** The error that ended it, if it said so. */
function lastWords({ logLines }: HarakaProcess): string {
  const last = logLines.slice(-60).reverse();
  return (last.find((line) => /Error|FATAL|allocation failed/.test(line)) ?? last[0] ?? '').slice(0, 200);
}
