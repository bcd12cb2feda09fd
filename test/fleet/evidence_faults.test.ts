/** The record in Redis while Redis is killed, emptied, full, slow, behind, or written by somebody else. */
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeerKey } from '../../src/evidence/day_table';
import type { EvidenceWriter } from '../../src/evidence/evidence';
import { countsLine, evidenceHeader } from '../../src/evidence/lines';
import { sightingText } from '../../src/evidence/sighting';
import { createFileWriter } from '../../src/evidence/store/file_writer';
import type { FleetRedis } from '../../src/fleet/connection';
import { publish } from '../../src/fleet/evidence/scripts';
import { silent } from '../../src/log';
import { dayBefore, utcDay } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';
import { key, noon, sent, today } from '../evidence/store_facts';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';
import { connectTo, FleetHost } from './evidence_lab';

describe.skipIf(!redisIsThere)('the record of a fleet', () => {
  let server: RedisServer;
  let redis: FleetRedis;
  let directory = '';
  const hosts: FleetHost[] = [];
  const writers: EvidenceWriter[] = [];
  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-redis-'));
    server = await startRedis(['--dir', directory]);
    redis = connectTo(server.port, 'fleet');
    await redis.ready(5_000);
  });
  afterEach(async () => {
    for (const one of writers.splice(0)) one.close();
    for (const host of hosts.splice(0)) host.end();
    for (const close of closers.splice(0)) await close();
    await redis.close();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function host(name: string, secret?: string, by: FleetRedis = redis): FleetHost {
    const one = new FleetHost(by, name, secret);
    hosts.push(one);
    return one;
  }

  function writer(of: FleetHost): EvidenceWriter {
    const one = createFileWriter({
      directory: of.directory,
      owner: presentOwner(),
      log: silent,
      days: 30,
      maxPeers: 1000,
      isNamed: () => false,
      now: () => of.now,
    });
    writers.push(one);
    return one;
  }

  async function count(one: EvidenceWriter, times: number, at: PeerKey = key): Promise<void> {
    for (let nth = 0; nth < times; nth++) one.add(at, sent);
    await one.flush();
  }

  async function read(of: FleetHost, days = 1) {
    const {
      rows,
      problems,
      hosts: others,
    } = await of.reader(today).read({ from: dayBefore(today, days - 1), to: today });
    const sum = rows.reduce(
      (total, { sightings, strange }) => sightings.reduce((all, [, some]) => all + some, total + strange),
      0,
    );
    return { sum, problems, others };
  }

  const all = (sum: number, others: string[]) => ({ sum, problems: [], others });
  const soon = { timeout: 8_000, interval: 20 };
  const listOf = (of: FleetHost) =>
    `fleet:evidence:${today}:${(readdirSync(of.directory).find((name) => name.startsWith(today)) ?? '').split('.')[1]}`;
  const index = `fleet:evidence:${today}`;

  it('is the same on every host, each with its own files', async () => {
    const [a, b, c] = [host('a.example'), host('b.example'), host('c.example')];
    await count(writer(a), 1);
    await count(writer(a), 2);
    await count(writer(b), 4);
    for (const one of [a, b]) await one.publisher.flush();
    expect(await read(a)).toEqual(all(7, ['b.example']));
    expect(await read(b)).toEqual(all(7, ['a.example']));
    expect(await read(c)).toEqual(all(7, ['a.example', 'b.example']));
  });

  it('counts once what was stored and not acknowledged', async () => {
    const relay = await startRelay(server.port);
    closers.push(() => relay.close());
    const behind = connectTo(relay.port, 'fleet');
    closers.push(() => behind.close());
    await behind.ready(5_000);
    const [a, b] = [host('a.example', undefined, behind), host('b.example')];
    const one = writer(a);
    await count(one, 1);
    await a.publisher.flush();
    for (let nth = 0; nth < 3; nth++) {
      relay.swallowReplies();
      await count(one, 1);
      await a.publisher.flush();
      await vi.waitFor(() => expect(behind.isUp).toBe(true), soon);
      await a.publisher.flush();
      expect(await read(b)).toEqual(all(2 + nth, ['a.example']));
    }
    expect(relay.swallowed).toBeGreaterThanOrEqual(3);
  });

  it('is not changed by what arrives after something newer', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const one = writer(a);
    await count(one, 1);
    await a.publisher.flush();
    const file = listOf(a).split(':').at(-1) ?? '';
    const before = await stateOf(file);
    await count(one, 1);
    await a.publisher.flush();
    const after = await stateOf(file);
    for (const how of ['more', 'whole'] as const) {
      const late = { index, list: listOf(a), file, expected: before, state: before, ttl: 60, how };
      const answer = await redis.run(1_000, (client) => publish(client, { ...late, pieces: [Buffer.of(1)] }));
      expect(answer).toBe(after);
    }
    expect(await read(b)).toEqual(all(2, ['a.example']));
  });

  async function stateOf(file: string): Promise<string> {
    return (await redis.run(1_000, (client) => client.hGet(index, file))) ?? '';
  }

  it('is there again after Redis came back empty, and with an old snapshot', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const [one, two] = [writer(a), writer(b)];
    a.now = new Date('2026-11-28T12:00:00Z');
    await count(one, 1);
    a.now = noon;
    for (const where of [one, two]) await count(where, 1);
    for (const of of [a, b]) await of.publisher.flush();
    await server.ask('SAVE');
    for (const where of [one, two]) await count(where, 3);
    for (const of of [a, b]) await of.publisher.flush();
    expect(await read(a, 2)).toEqual(all(9, ['b.example']));
    await restarted();
    expect(await read(a, 2)).toEqual(all(6, ['b.example']));
    for (const of of [a, b]) await of.publisher.flush();
    expect(await read(a, 2)).toEqual(all(9, ['b.example']));
    expect(await read(b, 2)).toEqual(all(9, ['a.example']));
    rmSync(path.join(directory, 'dump.rdb'));
    await restarted();
    // By itself, at the next look.
    b.restart({ interval: 10 });
    await vi.waitFor(async () => expect(await read(a, 2)).toEqual(all(9, ['b.example'])), soon);
    // Of a host that is away for good, what it had is gone: these are its files.
    expect(await read(host('c.example'), 2)).toEqual(all(4, ['b.example']));
  });

  async function restarted(): Promise<void> {
    await server.kill();
    await vi.waitFor(() => expect(redis.isUp).toBe(false), soon);
    await server.restart(['--dir', directory]);
    await vi.waitFor(() => expect(redis.isUp).toBe(true), soon);
  }

  it('is found to be gone by the next count also where nothing was restarted', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    a.restart({ interval: 20 });
    const one = writer(a);
    await count(one, 2);
    await vi.waitFor(async () => expect(await read(b)).toEqual(all(2, ['a.example'])), soon);
    await server.ask('FLUSHALL');
    await count(one, 1);
    await vi.waitFor(async () => expect(await read(b)).toEqual(all(3, ['a.example'])), soon);
    // Put out to make room, in part.
    await server.ask(`DEL ${listOf(a)}`);
    await count(one, 1);
    await vi.waitFor(async () => expect(await read(b)).toEqual(all(4, ['a.example'])), soon);
  });

  it('stays as it was where Redis is full or read-only, and catches up', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const one = writer(a);
    await count(one, 1);
    await a.publisher.flush();
    const refusing = [
      ['CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0'],
      ['REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE'],
    ] as const;
    let sum = 1;
    for (const [begin, end] of refusing) {
      await server.ask(begin);
      await count(one, 1);
      await a.publisher.flush();
      // What would be sent whole must not take the place of what is there, either.
      a.restart();
      await a.publisher.flush();
      expect(await read(b)).toEqual(all(sum, ['a.example']));
      expect(await read(a)).toEqual(all(sum + 1, []));
      await server.ask(end);
      await a.publisher.flush();
      sum += 1;
      expect(await read(b)).toEqual(all(sum, ['a.example']));
    }
  });

  it('is not read at all while Redis does not answer, which does not take long', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const one = writer(a);
    await count(one, 2);
    await count(writer(b), 1);
    await a.publisher.flush();
    await server.freeze();
    await count(one, 2);
    const begun = performance.now();
    await expect(read(b)).rejects.toThrow('no answer within 2000 ms');
    const publishing = a.publisher.flush();
    await expect(read(b)).rejects.toThrow('Redis is away');
    expect(performance.now() - begun).toBeLessThan(3_000);
    await publishing;
    server.thaw();
    await vi.waitFor(() => expect(redis.isUp).toBe(true), soon);
    await a.publisher.flush();
    expect(await read(b)).toEqual(all(5, ['a.example']));
  });

  it('is right where hosts share a name, have the same files, or two processes send them', async () => {
    const [a, b, clone] = [host('same.example'), host('same.example'), host('clone.example')];
    const [one, two] = [writer(a), writer(b)];
    await count(one, 1);
    await count(two, 2);
    cpSync(a.directory, clone.directory, { recursive: true });
    for (const of of [a, b, clone]) await of.publisher.flush();
    const second = host('same.example');
    rmSync(second.directory, { recursive: true });
    cpSync(a.directory, second.directory, { recursive: true });
    for (let nth = 0; nth < 5; nth++) {
      await count(one, 1);
      cpSync(a.directory, second.directory, { recursive: true });
      await Promise.all([a.publisher.flush(), second.publisher.flush(), clone.publisher.flush()]);
    }
    for (const of of [a, second]) await of.publisher.flush();
    const { sum, problems } = await read(host('other.example'));
    expect([sum, problems]).toEqual([8, []]);
  });

  it('is kept for its days and no longer, whatever a clock says', async () => {
    const a = host('a.example');
    const one = writer(a);
    const lives = async (day: string) => Number((await server.ask(`TTL fleet:evidence:${day}`)).slice(1));
    a.now = new Date('2026-11-01T10:00:00Z');
    await count(one, 1);
    a.now = noon;
    await count(one, 1);
    await a.publisher.flush();
    const day = 86_400;
    expect(await lives('2026-11-29')).toBeGreaterThan(30 * day);
    expect(await lives('2026-11-29')).toBeLessThanOrEqual(30.5 * day);
    expect(await lives('2026-11-01')).toBeLessThanOrEqual(2.5 * day);
    expect(await lives('2026-11-01')).toBeGreaterThan(2 * day);
    expect(await lives(listOf(a).slice('fleet:evidence:'.length))).toBeGreaterThan(0);
    // A clock that was wrong for a while: what was counted then is of that day, and goes as all others.
    a.now = new Date('2027-11-29T12:00:00Z');
    await count(one, 1);
    await a.publisher.flush();
    expect(await lives('2027-11-29')).toBeLessThanOrEqual(31 * day);
    a.now = new Date('2026-11-28T12:00:00Z');
    await a.publisher.flush();
    expect((await read(host('c.example'))).sum).toBe(1);
    a.now = new Date('2026-12-05T12:00:00Z');
    await server.ask('FLUSHALL');
    await a.publisher.flush();
    expect(await server.ask('KEYS *')).toContain('2026-11-29');
    expect(await server.ask('KEYS *')).not.toContain('2026-11-01');
    expect(await server.ask('KEYS *')).not.toContain('2027-11-29');
    expect((await read(host('b.example'))).sum).toBe(1);
  });

  describe('with what somebody else has written there', () => {
    const counts = (peer: string, number = 1) =>
      countsLine({ ...key, peer }, new Map([[sightingText(sent), number]]));
    const pieceOf = (text: string) => Buffer.concat([Buffer.of(1), deflateRawSync(text)]);

    async function forge(pieces: readonly Buffer[], state?: string, file = 'f'.repeat(16)): Promise<void> {
      const text = state ?? `1 100 ${pieces.length} ${'0'.repeat(32)} - forger`;
      await redis.run(1_000, (client) => client.hSet(index, file, text));
      for (const piece of pieces) await redis.run(5_000, (client) => client.rPush(`${index}:${file}`, piece));
    }

    it('believes it without a key, beside what this host has itself, and with a key does not', async () => {
      const secret = 'a secret of the fleet of 32 octets';
      for (const [name, its, sum] of [
        ['plain', undefined, 110],
        ['signed', secret, 10],
      ] as const) {
        await server.ask('FLUSHALL');
        const [a, b] = [host(`${name}-a.example`, its), host(`${name}-b.example`, its)];
        await count(writer(a), 6);
        await count(writer(b), 4);
        for (const of of [a, b]) await of.publisher.flush();
        await forge([pieceOf(evidenceHeader.text(today) + counts('forged.example', 100))]);
        const found = await read(b);
        expect(found.sum).toBe(sum);
        expect(found.problems).toEqual(
          its === undefined
            ? []
            : [expect.stringContaining('of forger: not signed with the key of this fleet')],
        );
        // Files that this host has itself are never taken from there.
        const own = listOf(b).split(':').at(-1) ?? '';
        await redis.run(1_000, (client) => client.del(listOf(b)));
        await forge([pieceOf(evidenceHeader.text(today) + counts('forged.example', 1000))], undefined, own);
        expect((await read(b)).sum).toBe(sum);
      }
    });

    it('takes no signed piece for another file, another day, another place, or twice', async () => {
      const secret = 'a secret of the fleet of 32 octets';
      const [a, b] = [host('a.example', secret), host('b.example', secret)];
      const one = writer(a);
      for (let nth = 0; nth < 3; nth++) {
        await count(one, 1, { ...key, peer: `p${nth}.example` });
        await a.publisher.flush();
      }
      expect(await read(b)).toEqual(all(3, ['a.example']));
      const file = listOf(a).split(':').at(-1) ?? '';
      const state = await stateOf(file);
      const ask = (command: string) => server.ask(command);
      await ask(`COPY ${listOf(a)} ${index}:${'e'.repeat(16)}`);
      await redis.run(1_000, (client) => client.hSet(index, 'e'.repeat(16), state));
      const yesterday = `fleet:evidence:${dayBefore(today, 1)}`;
      await ask(`COPY ${listOf(a)} ${yesterday}:${file}`);
      await redis.run(1_000, (client) => client.hSet(yesterday, file, state));
      expect((await read(b, 2)).sum).toBe(3);
      // The last two change places.
      await ask(`LMOVE ${listOf(a)} ${listOf(a)} RIGHT LEFT`);
      const found = await read(b);
      expect(found.sum).toBe(0);
      expect(found.problems).toContainEqual(expect.stringContaining('not signed with the key of this fleet'));
    });

    it('is signed anew where there is another secret, or one at last', async () => {
      const [a, other] = [host('a.example'), host('other.example')];
      const one = writer(a);
      a.now = new Date('2026-11-28T12:00:00Z');
      await count(one, 1);
      a.now = noon;
      await count(one, 2);
      await a.publisher.flush();
      expect(await read(other, 2)).toEqual(all(3, ['a.example']));
      const [old, next] = [
        'the first secret, of more than 32 octets',
        'the second secret, of more than 32 octets',
      ];
      for (const [signing, believing] of [
        [[old], [old]],
        [[next, old], [next]],
      ] as const) {
        a.restart({ secrets: signing });
        await a.publisher.flush();
        const reader = host('b.example', believing[0]);
        expect(await read(reader, 2)).toEqual(all(3, ['a.example']));
      }
      const calls = await server.calls('eval');
      await a.publisher.flush();
      expect(await server.calls('eval')).toBe(calls + 2);
    });

    it('loses damaged entries and no other', async () => {
      const [a, b] = [host('a.example'), host('b.example')];
      await count(writer(a), 5);
      await a.publisher.flush();
      const good = evidenceHeader.text(today) + counts('kept.example');
      const unprintable = { ...key, peer: 'a\u001b[31mb' };
      await forge([pieceOf(good + counts('x y') + countsLine(unprintable, new Map([['aa', 1]])) + 'zz\n')]);
      await forge([Buffer.from('no piece')], undefined, 'e'.repeat(16));
      await forge([pieceOf('foreign')], undefined, 'd'.repeat(16));
      await forge([pieceOf(evidenceHeader.text(dayBefore(today, 1)))], undefined, 'c'.repeat(16));
      await forge([], `1 100 3 ${'0'.repeat(32)} - gone`, 'b'.repeat(16));
      await forge([], `1 100 999999999 ${'0'.repeat(32)} - many`, 'a'.repeat(16));
      await forge([], 'nonsense', '9'.repeat(16));
      await forge([], 'x'.repeat(100_000), '8'.repeat(16));
      await forge([], 'x', 'not a file');
      const bomb = pieceOf(evidenceHeader.text(today) + 'x'.repeat(200_000_000));
      await forge([bomb], undefined, '7'.repeat(16));
      await forge([Buffer.alloc(30_000_000, 1)], undefined, '6'.repeat(16));
      await forge([pieceOf(good.replace('=1', '=1e15'))], undefined, '5'.repeat(16));
      await server.ask(`SET ${index}:${'4'.repeat(16)} text`);
      await forge([], `1 100 1 ${'0'.repeat(32)} - kind`, '4'.repeat(16));
      const before = process.memoryUsage().rss;
      const { sum, problems } = await read(b);
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
      expect(sum).toBe(6);
      expect(problems).toHaveLength(11);
      for (const problem of problems) expect(problem).toMatch(/^[\x20-\x7e]{10,200}$/);
    });

    it('is read and written whatever kinds of keys stand in its place', async () => {
      const [a, b] = [host('a.example'), host('b.example')];
      const one = writer(a);
      await count(one, 1);
      await server.ask(`SET ${index} text`);
      await server.ask(`SET ${listOf(a)} text`);
      expect(await read(b)).toEqual(all(0, []));
      await a.publisher.flush();
      expect(await read(b)).toEqual(all(1, ['a.example']));
      await forge([], 'nonsense', listOf(a).split(':').at(-1) ?? '');
      await count(one, 1);
      await a.publisher.flush();
      expect(await read(b)).toEqual(all(2, ['a.example']));
    });

    it('survives anything at all', async () => {
      const b = host('b.example');
      const octets = fc.uint8Array({ maxLength: 60 }).map((some) => Buffer.from(some));
      const text = fc.oneof(
        octets,
        fc.string().map((some) => pieceOf(evidenceHeader.text(today) + some)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(text, { maxLength: 4 }), fc.nat(9), async (pieces, more) => {
          await server.ask('FLUSHALL');
          await forge(pieces, `1 50 ${pieces.length + more} ${'0'.repeat(32)} - x`);
          expect((await read(b)).sum).toBe(0);
        }),
        { numRuns: 40 },
      );
    });

    it('does not look at a day with more files than a fleet has', async () => {
      const b = host('b.example');
      await count(writer(b), 1);
      await redis.run(5_000, (client) =>
        client.eval(
          `for at = 1, 20001 do redis.call('HSET', KEYS[1], string.format('%016x', at), '1 1 1 ${'0'.repeat(32)} - x') end`,
          { keys: [index] },
        ),
      );
      await expect(read(b)).rejects.toThrow('TOOMANY');
    });
  });

  it('sends a file in many pieces, puts them together when the day is over, and stays in step', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const one = writer(a);
    for (let nth = 0; nth < 30; nth++) {
      await count(one, 1, { ...key, peer: `p${nth}.example` });
      await a.publisher.flush();
    }
    expect(await server.ask(`LLEN ${listOf(a)}`)).toBe(':30\r\n');
    a.now = new Date('2026-11-30T00:01:00Z');
    await a.publisher.flush();
    expect(await server.ask(`LLEN ${listOf(a)}`)).toBe(':1\r\n');
    expect(await read(b)).toEqual(all(30, ['a.example']));
    const calls = await server.calls('eval');
    await a.publisher.flush();
    // It asks what is there, and sends nothing.
    expect(await server.calls('eval')).toBe(calls + 1);
  });

  it('has a file that is larger than one piece, and one that is being written', async () => {
    const [a, b] = [host('a.example'), host('b.example')];
    const name = (id: string) => path.join(a.directory, `${utcDay(a.now)}.${id.repeat(16)}.counts`);
    let text = evidenceHeader.text(today);
    for (let nth = 0; nth < 30_000; nth++)
      text += countsLine({ ...key, peer: `p${nth}.example` }, new Map([[sightingText(sent), 1]]));
    writeFileSync(name('1'), text);
    const half = text.slice(0, text.length - 20);
    writeFileSync(name('2'), half);
    await a.publisher.flush();
    expect(await read(b)).toEqual(all(59_999, ['a.example']));
    writeFileSync(name('2'), text);
    await a.publisher.flush();
    expect(await read(b)).toEqual(all(60_000, ['a.example']));
    expect(Number((await server.ask(`LLEN ${index}:${'1'.repeat(16)}`)).slice(1))).toBeGreaterThan(3);
  });
});

interface Relay {
  readonly port: number;
  readonly swallowed: number;
  /** What is asked from now on reaches the server, the answer does not: the connection ends instead. Once. */
  swallowReplies(): void;
  close(): Promise<void>;
}

async function startRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let [isSwallowing, swallowed] = [false, 0];
  const relay: Server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let isPublishing = false;
    client.on('data', (data) => {
      isPublishing = isSwallowing && data.includes('RPUSH');
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (!isPublishing) {
        client.write(data);
        return;
      }
      [isSwallowing, isPublishing, swallowed] = [false, false, swallowed + 1];
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => {
    relay.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (relay.address() as AddressInfo).port,
    get swallowed() {
      return swallowed;
    },
    swallowReplies: () => {
      isSwallowing = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        relay.close(() => resolve());
      });
    },
  };
}
