/** Hosts whose rules differ from each other's, and notices that are said once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FleetRedis } from '../../src/fleet/connection';
import { differing, HostRules, type HostRecord } from '../../src/fleet/host_rules';
import { createNotices, type FleetNotices } from '../../src/fleet/notices';
import type { Secrets } from '../../src/fleet/secret';
import { silent, type Log } from '../../src/log';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';
import { connectTo } from './evidence_lab';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the tests with Redis are SKIPPED ***\n');

const minute = 60_000;
const secrets: Secrets = ['0123456789abcdef0123456789abcdef'];
const others: Secrets = ['fedcba9876543210fedcba9876543210'];

describe('which hosts differ', () => {
  const now = 1_800_000_000_000;
  const record = (host: string, over: Partial<HostRecord> = {}): HostRecord => ({
    host,
    digest: 'a',
    since: now - 60 * minute,
    at: now,
    ...over,
  });

  it.each([
    ['has the same rules', record('two'), false],
    ['has had others for long', record('two', { digest: 'b' }), true],
    ['has others since a moment', record('two', { digest: 'b', since: now - 9 * minute }), false],
    ['had others, and is gone', record('two', { digest: 'b', at: now - 6 * minute }), false],
    ['is this one', record('one', { digest: 'b' }), false],
  ])('one that %s: %s', (_what, other, expected) => {
    expect(differing(record('one'), [other])).toHaveLength(expected ? 1 : 0);
  });

  it('none while the rules here are new themselves', () => {
    expect(differing(record('one', { since: now - minute }), [record('two', { digest: 'b' })])).toEqual([]);
  });
});

describe.skipIf(!redisIsThere)('with a Redis', () => {
  let server: RedisServer;
  let redis: FleetRedis;
  let now: number;

  beforeAll(async () => {
    server = await startRedis();
    redis = connectTo(server.port, 'tp');
    await redis.ready(5_000);
  });
  afterAll(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(async () => {
    now = 1_800_000_000_000;
    await server.ask('FLUSHALL');
  });

  describe('hosts with rules', () => {
    interface Known {
      readonly rules: HostRules;
      readonly lines: string[];
      digest: string;
    }
    const hostOf = (host: string, by: Secrets | undefined = secrets): Known => {
      const lines: string[] = [];
      const say = (line: string): void => void lines.push(line);
      const log: Log = { ...silent, notice: say, warn: say };
      const known: Known = {
        lines,
        digest: 'a',
        rules: new HostRules({
          redis,
          secrets: by,
          host,
          log,
          now: () => now,
          digest: () => Promise.resolve(known.digest),
        }),
      };
      return known;
    };
    const rounds = async (minutes: number, ...hosts: readonly Known[]): Promise<void> => {
      for (let passed = 0; passed < minutes; passed++) {
        now += minute;
        // A minute passes for the turns as well.
        for (const name of ['one', 'two']) await server.ask(`DEL tp:rules-turn:${name}`);
        for (const { rules } of hosts) await rules.round();
      }
    };

    it('name each other once after ten minutes, and once when it is over', async () => {
      const [one, two] = [hostOf('one'), hostOf('two')];
      await rounds(3, one, two);
      two.digest = 'b';
      await rounds(10, one, two);
      expect(one.lines).toEqual([]);
      await rounds(5, one, two);
      expect(one.lines).toEqual([expect.stringContaining('other rules than here (a) are in force on two')]);
      expect(two.lines).toEqual([expect.stringContaining('other rules than here (b) are in force on one')]);
      one.digest = 'b';
      await rounds(2, one, two);
      expect(one.lines.slice(1)).toEqual(['fleet: all hosts have the same rules again']);
    });

    it('take turns: one process of a host says it', async () => {
      const [first, second] = [hostOf('one'), hostOf('one')];
      await first.rules.round();
      await second.rules.round();
      expect(await server.calls('hset')).toBeGreaterThan(0);
      const before = await server.calls('hset');
      await second.rules.round();
      expect(await server.calls('hset')).toBe(before);
    });

    it('do not believe what somebody else writes', async () => {
      const [one, stranger] = [hostOf('one'), hostOf('two', others)];
      stranger.digest = 'b';
      await server.ask('HSET tp:rules junk junk');
      await rounds(15, one, stranger);
      expect(one.lines).toEqual([]);
      expect((await one.rules.records()).map(({ host }) => host)).toEqual(['one']);
    });
  });

  describe('notices', () => {
    const notices = (by: Secrets | undefined = secrets): FleetNotices =>
      createNotices({ redis, secrets: by, host: 'one', now: () => now });

    it('of a failing peer are first once for each reason, and anew after a recovery', async () => {
      const [one, two] = [notices(), notices()];
      const said = [
        await one.isFirstFailure('rule\npeer', 'tlsa-invalid'),
        await two.isFirstFailure('rule\npeer', 'tlsa-invalid'),
        await two.isFirstFailure('rule\npeer', 'dane-required'),
        await one.isFirstRecovery('rule\npeer'),
        await two.isFirstRecovery('rule\npeer'),
        await two.isFirstFailure('rule\npeer', 'tlsa-invalid'),
        await two.isFirstFailure('rule\nother', 'tlsa-invalid'),
      ];
      expect(said).toEqual([true, false, true, true, false, true, true]);
    });

    it('cannot be kept from being said by who can write to Redis', async () => {
      await notices(others).isFirstFailure('rule\npeer', 'tlsa-invalid');
      expect(await notices().isFirstFailure('rule\npeer', 'tlsa-invalid')).toBe(true);
    });

    it('are said by each where Redis is full', async () => {
      await server.ask('CONFIG SET maxmemory 1');
      expect(await notices().isFirstFailure('rule\npeer', 'tlsa-invalid')).toBe(true);
      expect(await notices().isFirstFailure('rule\npeer', 'tlsa-invalid')).toBe(true);
      await server.ask('CONFIG SET maxmemory 0');
    });
  });
});
