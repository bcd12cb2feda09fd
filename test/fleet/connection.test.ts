/** The connection to Redis: it can only add, whatever becomes of Redis. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../haraka-test-harness/program';
import { connectFleet, RedisAway, type FleetRedis } from '../../src/fleet/connection';
import type { Log } from '../../src/log';
import type { RedisServer as Place } from '../../src/settings/haraka/redis_ini';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';
import { place } from './evidence_lab';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the tests with Redis are SKIPPED ***\n');

let server: RedisServer | undefined;
let fleet: FleetRedis | undefined;
const lines: string[] = [];

function connect(port: number, over: Partial<Place> = {}): FleetRedis {
  const say = (line: string): void => void lines.push(line);
  const log: Log = { debug() {}, info: say, notice: say, warn: say, error: say };
  fleet = connectFleet({
    server: { ...place, port, ...over },
    prefix: 'tp',
    log,
    silence: 800,
    writeInterval: 500,
  });
  return fleet;
}

afterEach(async () => {
  await fleet?.close();
  await server?.stop();
  [fleet, server] = [undefined, undefined];
  lines.length = 0;
});

const soon = { timeout: 8_000, interval: 20 };
const ping = (of: FleetRedis): Promise<unknown> => of.run(50, (client) => client.ping());

describe('without a server', () => {
  it('refuses at once, and says so once', async () => {
    const redis = connect(await freePort());
    expect(redis.isUp).toBe(false);
    await expect(ping(redis)).rejects.toThrow(RedisAway);
    await vi.waitFor(() => expect(lines).toHaveLength(1), soon);
    expect(lines[0]).toMatch(
      /Redis at 127\.0\.0\.1:\d+ is away: connect ECONNREFUSED .*; this host goes on by itself/,
    );
    expect(await redis.ready(600)).toBe(false);
    expect(lines).toHaveLength(1);
  });

  it('joins when it comes', async () => {
    const port = await freePort();
    const redis = connect(port);
    const up = vi.fn();
    redis.onUp(up);
    await vi.waitFor(() => expect(lines).toHaveLength(1), soon);
    if (!redisIsThere) return;
    server = await startRedis([], port);
    await vi.waitFor(() => expect(up).toHaveBeenCalledTimes(1), soon);
    await expect(ping(redis)).resolves.toBe('PONG');
  });
});

describe.skipIf(!redisIsThere)('with a server', () => {
  const start = async (options: readonly string[] = [], over: Partial<Place> = {}): Promise<FleetRedis> => {
    server = await startRedis(options);
    const redis = connect(server.port, over);
    expect(await redis.ready(5_000)).toBe(true);
    return redis;
  };

  it('takes one that hangs for away after one deadline, and for back when it answers', async () => {
    const redis = await start();
    await server?.freeze();
    await expect(ping(redis)).rejects.toThrow('no answer within 50 ms');
    expect(redis.isUp).toBe(false);
    const asked = performance.now();
    await expect(ping(redis)).rejects.toThrow(RedisAway);
    expect(performance.now() - asked).toBeLessThan(20);
    await vi.waitFor(() => expect(lines.join('\n')).toContain('is away: it does not answer in time'), {
      timeout: 15_000,
    });
    server?.thaw();
    await vi.waitFor(() => expect(redis.isUp).toBe(true), { timeout: 12_000 });
    await expect(ping(redis)).resolves.toBe('PONG');
  }, 40_000);

  it('comes back to one that was killed, and hears its channels again, each message once', async () => {
    const redis = await start();
    const heard: string[] = [];
    redis.subscribe(redis.key('news'), (message) => void heard.push(message));
    const tell = (word: string): Promise<unknown> =>
      server?.ask(`PUBLISH tp:news ${word}`) ?? Promise.resolve();
    const told = async (word: string): Promise<void> => {
      await vi.waitFor(async () => expect(await tell(word)).toBe(':1\r\n'), soon);
      await vi.waitFor(() => expect(heard).toEqual([word]), soon);
      heard.length = 0;
    };
    await told('one');
    await server?.kill();
    await vi.waitFor(() => expect(redis.isUp).toBe(false), soon);
    await server?.restart();
    await vi.waitFor(() => expect(redis.isUp).toBe(true), soon);
    await told('two');
  });

  it('goes on reading from a replica, and says once that nothing is shared', async () => {
    const redis = await start();
    await server?.ask('REPLICAOF 127.0.0.1 1');
    const set = (): Promise<unknown> => redis.run(1000, (client) => client.set(redis.key('x'), '1'));
    await expect(set()).rejects.toThrow('READONLY');
    await expect(set()).rejects.toThrow('READONLY');
    await expect(redis.run(1000, (client) => client.get(redis.key('x')))).resolves.toBeNull();
    expect(lines.filter((line) => line.includes('takes no writes: READONLY'))).toHaveLength(1);
    await server?.ask('REPLICAOF NO ONE');
    await vi.waitFor(() => expect(lines.at(-1)).toContain('takes writes again'), {
      timeout: 15_000,
      interval: 50,
    });
  }, 30_000);

  it('is let in with a password, to a database of its own', async () => {
    const redis = await start(['--requirepass', 'secret'], { password: 'secret', database: 3 });
    await redis.run(1000, (client) => client.set(redis.key('x'), '1'));
    expect(await server?.ask('AUTH secret\r\nSELECT 3\r\nKEYS *')).toContain('tp:x');
  });

  it('is not let in with another one, and keeps it to itself', async () => {
    server = await startRedis(['--requirepass', 'secret']);
    const redis = connect(server.port, { password: 'guessed' });
    await vi.waitFor(() => expect(lines).toHaveLength(1), soon);
    expect(lines[0]).toContain('WRONGPASS');
    expect(lines[0]).not.toContain('guessed');
    expect(redis.isUp).toBe(false);
  });

  it('takes no more than it can have answered', async () => {
    const redis = await start();
    await server?.freeze();
    const calls = Array.from({ length: 3000 }, () => redis.run(200, (client) => client.get('x')));
    const ends = await Promise.allSettled(calls);
    const tooSlow = ends.filter((end) => end.status === 'rejected' && end.reason instanceof RedisAway);
    expect(tooSlow).toHaveLength(2000);
    server?.thaw();
  });
});
