/** What the record of a fleet takes of Redis: measured for one process of many, and worked out for all of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unseen, type Sighting } from '../../../src/evidence/sighting';
import { createFileWriter } from '../../../src/evidence/store/file_writer';
import { connectFleet } from '../../../src/fleet/connection';
import { EvidencePublisher } from '../../../src/fleet/evidence/publisher';
import { createFleetReader } from '../../../src/fleet/evidence/reader';
import { silent } from '../../../src/log';
import { dayBefore, utcDay } from '../../../src/peers/day';
import { presentOwner } from '../../../src/state/owner';
import { startRedis, type RedisServer } from '../../support/redis_server';
import { fail, type Print } from './words';

/** Fleets, and their day. */
const fleets = [
  { hosts: 3, messages: 1_000_000 },
  { hosts: 100, messages: 100_000_000 },
];
const workers = 4;
const peers = 1_000_000;
const days = 30;
const secondsBetween = 5;
const writings = 86_400 / secondsBetween;
const secrets = ['0123456789abcdef0123456789abcdef'] as const;

/** Pieces of a file until it is sent whole again. */
const piecesUntilWhole = 1_024;

/** @param measured writings of one process that are carried out one by one; those of the whole day follow */
export async function costOfRecord(print: Print, measured: number): Promise<void> {
  for (const fleet of fleets) await costOfFleet(print, measured, fleet);
}

async function costOfFleet(
  print: Print,
  measured: number,
  { hosts, messages }: (typeof fleets)[number],
): Promise<void> {
  const processes = hosts * workers;
  const ofProcess = messages / processes;
  const server = await startRedis();
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-cost-'));
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'tls-peers-cost-'));
  const redis = connectFleet({
    server: {
      ...{ host: '127.0.0.1', port: server.port, path: '', tls: false },
      ...{ username: '', password: '', database: 0, url: '' },
    },
    prefix: 'tls-peers',
    log: silent,
  });
  let now = new Date('2026-11-29T00:00:10Z');
  const about = { directory, owner: presentOwner(), log: silent, days, now: () => now };
  const writer = createFileWriter({ ...about, maxPeers: 100_000, isNamed: () => false });
  const never = 3_600_000;
  const publisher = new EvidencePublisher({
    ...about,
    redis,
    host: 'mail1.example.com',
    secrets,
    interval: never,
  });
  try {
    if (!(await redis.ready(5_000))) fail('Redis does not answer');
    const next = mailOfDay();
    const count = (many: number): void => {
      for (let nth = 0; nth < many; nth++) writer.add(...next());
    };
    count(1);
    await writer.flush();
    await publisher.flush();
    const empty = await usage(server);
    const each = ofProcess / writings;
    let counted = 0;
    for (let nth = 1; nth <= measured; nth++) {
      const many = Math.round(nth * each) - counted;
      count(many);
      counted += many;
      await writer.flush();
      await publisher.flush('changed');
    }
    const many = await usage(server);
    const octetsOfDelta = (many.received - empty.received) / measured;
    print(
      `one process, ${measured} times ${each.toFixed(1)} messages: ${((many.calls - empty.calls) / measured).toFixed(2)} command, ` +
        `${Math.round(octetsOfDelta)} octets received, ${Math.round((many.memory - empty.memory) / measured)} octets of memory each time`,
    );

    count(Math.round(ofProcess) - counted);
    await writer.flush();
    now = new Date('2026-11-30T00:10:00Z');
    const before = await usage(server);
    await publisher.flush();
    const after = await usage(server);
    const [today] = [dayBefore(utcDay(now), 1)];
    const reader = createFleetReader({
      redis,
      secrets,
      local: { directory: elsewhere, owner: presentOwner(), today },
    });
    const begun = process.cpuUsage();
    const { rows } = await reader.read({ from: today, to: today });
    const { user, system } = process.cpuUsage(begun);
    const ms = (user + system) / 1_000;
    const whole = after.received - before.received;
    const memory = await memoryOfDay(server);
    print(
      `its day of ${Math.round(ofProcess)} messages, ${rows.length} peers: ${mb(whole)} MB sent whole, ${mb(memory)} MB of memory ` +
        `(${Math.round(memory / rows.length)} octets a peer and process), read by another host in ${Math.round(ms)} ms of processor time`,
    );

    const wholes = writings / piecesUntilWhole;
    // A file that is sent whole is on average as large as it is halfway.
    const octetsADay = writings * octetsOfDelta + (wholes / 2 + 1) * whole;
    const growing = Math.min(piecesUntilWhole, writings) * octetsOfDelta;
    const inMemory = processes * (days * memory + growing);
    print(
      `${hosts} hosts of ${workers} processes, ${messages.toExponential(0)} messages a day, ${peers.toExponential(0)} peers, ${days} days: ` +
        `${((processes * (writings + wholes)) / 86_400).toFixed(1)} commands/s, ` +
        `${Math.round((processes * octetsADay) / 86_400 / 1_000)} KB/s, ${(inMemory / 1e9).toFixed(1)} GB of memory ` +
        `(${((processes * memory) / 1e9).toFixed(3)} GB a day); for each message ${((processes * writings) / messages).toFixed(2)} commands and ` +
        `${Math.round((processes * octetsADay) / messages)} octets`,
    );
    print(
      `  a day of all of them read at once: ${mb(processes * memory)} MB, ${Math.round((processes * ms) / 1_000)} s`,
    );
  } finally {
    publisher.close();
    writer.close();
    await redis.close();
    await server.stop();
    for (const one of [directory, elsewhere]) rmSync(one, { recursive: true, force: true });
  }
}

interface Usage {
  readonly calls: number;
  readonly received: number;
  readonly memory: number;
}

async function usage(server: RedisServer): Promise<Usage> {
  const received = Number(/total_net_input_bytes:(\d+)/.exec(await server.ask('INFO stats'))?.[1]);
  return { calls: await server.calls('eval'), received, memory: await memoryOfDay(server) };
}

async function memoryOfDay(server: RedisServer): Promise<number> {
  const keys = (await server.ask('KEYS *'))
    .split('\r\n')
    .filter((line) => line.startsWith('tls-peers:evidence'));
  let octets = 0;
  for (const key of keys) octets += Number((await server.ask(`MEMORY USAGE ${key} SAMPLES 0`)).slice(1));
  return octets;
}

/** Peers as mail has them: the second gets half of what the first gets, and so on; and three kinds of messages. */
function mailOfDay() {
  const sums = new Float64Array(peers);
  let sum = 0;
  for (let rank = 0; rank < peers; rank++) sums[rank] = sum += 1 / (rank + 1);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const kinds: Sighting[] = (['TLSv1.3', 'TLSv1.3', 'TLSv1.2', 'none'] as const).map((tls) => ({
    ...unseen,
    outcome: 'delivered',
    level: 'auto',
    tls,
    startTls: tls === 'none' ? 'not_offered' : 'used',
    mx: 'insecure',
    pkix: tls === 'none' ? 'unknown' : 'pass',
    tlsa: 'none',
    policy: 'none',
  }));
  return () => {
    const at = random() * sum;
    let [low, high] = [0, peers - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    const peer = `customer-${Math.imul(low, 2_654_435_761) >>> 0}.example`;
    const kind = kinds[low % 4] ?? fail('no kind');
    return [{ managed: 'ours.example', direction: 'out', peer }, kind] as const;
  };
}

function mb(octets: number): string {
  return (octets / 1e6).toFixed(1);
}
