/** The policies of a fleet, with a real Redis between its hosts: it can only add. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectFleet, type FleetRedis } from '../../src/fleet/connection';
import { FleetPolicies } from '../../src/fleet/policies';
import { encodeFailure, encodeLock, encodePolicy } from '../../src/fleet/policy_entry';
import type { Secrets } from '../../src/fleet/secret';
import type { StsPolicies } from '../../src/mta_sts/policies';
import { createMemoryStore, type PolicyStore, type StoredPolicy } from '../../src/mta_sts/store';
import { rootsDigest } from '../../src/tls/roots';
import { ManualClock, World, type SenderOptions } from '../mta_sts/support/sender';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the tests with Redis are SKIPPED ***\n');

const secrets: Secrets = ['0123456789abcdef0123456789abcdef'];
const others: Secrets = ['fedcba9876543210fedcba9876543210'];
const hour = 3600;
const enforced = { kind: 'policy', policy: { mode: 'enforce' } };

describe.skipIf(!redisIsThere)('the hosts of a fleet', () => {
  let server: RedisServer;
  let world: World;
  let clock: ManualClock;
  const connections: FleetRedis[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.ask('FLUSHALL');
    world = await World.create();
    clock = new ManualClock();
  });
  afterEach(async () => {
    await world.close();
    await Promise.all(connections.splice(0).map((one) => one.close()));
  });

  async function connection(): Promise<FleetRedis> {
    const line = (text: string) => void world.log.push(text);
    const log = { debug: line, info: line, notice: line, warn: line, error: line };
    const server_ = { host: '127.0.0.1', port: server.port, path: '', tls: false };
    const redis = connectFleet({
      server: { ...server_, username: '', password: '', database: 0, url: '' },
      prefix: 'tp',
      log,
    });
    connections.push(redis);
    await redis.ready(5_000);
    return redis;
  }

  interface HostOptions extends SenderOptions {
    readonly patience?: number;
    readonly name?: string;
    readonly secrets?: Secrets;
  }

  async function host(options: HostOptions = {}): Promise<StsPolicies> {
    const redis = await connection();
    const line = (text: string) => void world.log.push(text);
    const shared = new FleetPolicies({
      redis,
      secrets: options.secrets ?? secrets,
      host: options.name ?? `host${connections.length}`,
      log: { debug: line, info: line, notice: line, warn: line, error: line },
      now: clock.wall,
      // This machine may be busy with other tests.
      patience: options.patience ?? 2_000,
    });
    const channel = redis.key('policy-news');
    await vi.waitFor(
      async () => expect(await server.ask(`PUBSUB NUMSUB ${channel}`)).toContain(`:${connections.length}`),
      { timeout: 5_000 },
    );
    return world.sender({ clock, random: () => 0, ...options, shared });
  }

  const get = (of: StsPolicies, domain: string) => of.get(domain, world.roots);
  const roots = () => rootsDigest(world.roots.extraRoots);
  const policyKey = (domain: string) => `tp:policy:${domain}:${roots()}`;
  const write = async (name: string, value: string): Promise<void> => {
    const redis = connections[0] ?? (await connection());
    await redis.run(1000, (client) => client.set(name, value));
  };
  const written = (domain: string): Promise<void> =>
    vi.waitFor(async () => expect(await server.ask(`EXISTS ${policyKey(domain)}`)).toBe(':1\r\n'));
  const stored = (domain: string, over: Partial<StoredPolicy> = {}): StoredPolicy => ({
    domain,
    roots: roots(),
    id: 'id1',
    fetchedAt: clock.wall(),
    policy: { mode: 'enforce', mx: ['mx.example.com'], maxAge: 86_400, extensions: [] },
    ...over,
  });
  const said = (text: string | RegExp) => world.log.filter((line) => line.search(text) >= 0);

  it('fetch a policy once, one after the other', async () => {
    const domain = await world.domain('a.example');
    for (let number = 0; number < 3; number++) {
      expect(await get(await host(), 'a.example')).toMatchObject(enforced);
      await written('a.example');
    }
    expect(domain.host.requests).toHaveLength(1);
  });

  it('fetch a policy once, all at the same time', async () => {
    const domain = await world.domain('a.example');
    const hosts = await Promise.all([host(), host(), host(), host()]);
    const facts = await Promise.all(hosts.map((one) => get(one, 'a.example')));
    for (const found of facts) expect(found).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(1);
  });

  it('keep on disk what another has fetched', async () => {
    await world.domain('a.example');
    await get(await host(), 'a.example');
    await written('a.example');
    const store = createMemoryStore();
    await get(await host({ store }), 'a.example');
    await expect(store.read({ domain: 'a.example', roots: roots() })).resolves.toMatchObject({
      kind: 'stored',
      stored: { id: 'id1' },
    });
  });

  it('fetch for themselves with another secret, and say so once', async () => {
    const domain = await world.domain('a.example');
    await get(await host(), 'a.example');
    await written('a.example');
    const stranger = await host({ secrets: others });
    expect(await get(stranger, 'a.example')).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(2);
    expect(said('not signed with the secret of key_file')).toHaveLength(1);
  });

  it('ask nothing of Redis for a decision from what is at hand', async () => {
    await world.domain('a.example');
    const one = await host();
    await get(one, 'a.example');
    const before = await server.ask('INFO commandstats');
    const count = (of: string) => /cmdstat_mget:calls=(\d+)/.exec(of)?.[1];
    for (let number = 0; number < 100; number++) await get(one, 'a.example');
    expect(count(await server.ask('INFO commandstats'))).toBe(count(before));
  });

  it('ask nothing of Redis for a domain that publishes nothing', async () => {
    (await world.domain('a.example')).publish('nothing');
    const one = await host();
    const before = await server.calls('mget');
    expect(await get(one, 'a.example')).toEqual({ kind: 'no_policy', failure: 'not_published' });
    expect(await server.calls('mget')).toBe(before);
  });

  describe('when an id changes', () => {
    it('take a stricter policy from the one that fetched it, within a second', async () => {
      const domain = await world.domain('a.example', { mode: 'testing' });
      const [one, two] = [await host(), await host()];
      await get(one, 'a.example');
      await written('a.example');
      expect(await get(two, 'a.example')).toMatchObject({ policy: { mode: 'testing' } });
      domain.serve({ mode: 'enforce' });
      domain.publish('id2');
      clock.advance(1);
      expect(await get(one, 'a.example')).toMatchObject({ ...enforced, id: 'id2' });
      // What its resolver still has is from before.
      domain.publish('id1');
      await vi.waitFor(async () => expect(await get(two, 'a.example')).toMatchObject(enforced), {
        timeout: 1_000,
        interval: 20,
      });
      expect(await get(two, 'a.example')).toMatchObject({ ...enforced, id: 'id2' });
      expect(domain.host.requests).toHaveLength(2);
    });

    it('ask for themselves, at once, where the new policy relaxes the one they hold', async () => {
      const domain = await world.domain('a.example');
      const [one, two] = [await host(), await host()];
      await get(one, 'a.example');
      await written('a.example');
      await get(two, 'a.example');
      domain.serve({ mode: 'testing' });
      domain.publish('id2');
      clock.advance(1);
      expect(await get(one, 'a.example')).toMatchObject({ policy: { mode: 'testing' } });
      await vi.waitFor(() => expect(domain.host.requests).toHaveLength(3), { timeout: 1_000 });
      await vi.waitFor(async () =>
        expect(await get(two, 'a.example')).toMatchObject({ policy: { mode: 'testing' } }),
      );
    });

    it('hold on to the one they have where they cannot ask', async () => {
      const domain = await world.domain('a.example');
      const one = await host();
      await get(one, 'a.example');
      domain.fail();
      clock.advance(hour);
      const relaxed = { mode: 'none', mx: [], maxAge: 86_400, extensions: [] } as const;
      await write(
        policyKey('a.example'),
        encodePolicy(secrets, 'x', stored('a.example', { id: 'id2', policy: relaxed })),
      );
      domain.publish('id2');
      expect(await get(one, 'a.example')).toMatchObject({ ...enforced, id: 'id1' });
    });
  });

  describe('where somebody else writes to Redis', () => {
    const forged = (): [what: string, entry: () => string][] => [
      ['forged', () => encodePolicy(others, 'x', stored('a.example', { policy: none }))],
      ['unsigned', () => JSON.stringify({ ...stored('a.example'), policy: 'version: STSv1', mac: '' })],
      [
        'from the future',
        () =>
          encodePolicy(secrets, 'x', stored('a.example', { fetchedAt: clock.wall() + 1e9, policy: none })),
      ],
      ['of another domain', () => encodePolicy(secrets, 'x', stored('b.example', { policy: none }))],
      ['damaged', () => encodePolicy(secrets, 'x', stored('a.example', { policy: none })).slice(5)],
      [
        'expired',
        () =>
          encodePolicy(
            secrets,
            'x',
            stored('a.example', { fetchedAt: clock.wall() - 86_400_000, policy: none }),
          ),
      ],
    ];
    const none = { mode: 'none', mx: [], maxAge: 86_400, extensions: [] } as const;

    it.each(forged())('fetch for themselves instead of an entry that is %s', async (_what, entry) => {
      const domain = await world.domain('a.example');
      const one = await host();
      await write(policyKey('a.example'), entry());
      expect(await get(one, 'a.example')).toMatchObject(enforced);
      expect(domain.host.requests).toHaveLength(1);
    });

    it('do not take an older policy back', async () => {
      const domain = await world.domain('a.example');
      const one = await host();
      await get(one, 'a.example');
      const replayed = encodePolicy(
        secrets,
        'x',
        stored('a.example', { fetchedAt: clock.wall() - 1, policy: none }),
      );
      await write(policyKey('a.example'), replayed);
      await server.ask(`PUBLISH tp:policy-news x`);
      const redis = connections[0];
      await redis?.run(1000, (client) =>
        client.publish('tp:policy-news', JSON.stringify({ by: 'x', policy: replayed })),
      );
      domain.fail();
      domain.publish('id3');
      expect(await get(one, 'a.example')).toMatchObject(enforced);
    });

    it.each([
      [
        'enforced',
        { mode: 'enforce', mx: ['mx.old.example'], maxAge: 31_536_000, extensions: [] },
        24 * hour,
      ],
      ['only tested', { mode: 'testing', mx: ['mx.example.com'], maxAge: 31_536_000, extensions: [] }, hour],
    ] as const)(
      'ask for themselves where what was %s is put back, though it is signed and the record as it was',
      async (_what, policy, age) => {
        const domain = await world.domain('a.example');
        const fetchedAt = clock.wall() - age * 1000;
        const one = await host();
        await write(
          policyKey('a.example'),
          encodePolicy(secrets, 'x', stored('a.example', { fetchedAt, policy })),
        );
        expect(await get(one, 'a.example')).toMatchObject({
          policy: { mode: 'enforce', mx: ['mx.example.com'] },
        });
        expect(domain.host.requests).toHaveLength(1);
      },
    );

    it.each([
      ['enforced', 'enforce', 'policy'],
      ['only tested', 'testing', 'no_policy'],
    ] as const)(
      'where the policy host fails, and what was %s is put back (%s), find: %s',
      async (_what, mode, kind) => {
        const domain = await world.domain('a.example');
        domain.fail();
        const one = await host();
        const policy = { mode, mx: ['mx.old.example'], maxAge: 31_536_000, extensions: [] } as const;
        const old = stored('a.example', { fetchedAt: clock.wall() - 48 * hour * 1000, policy });
        await write(policyKey('a.example'), encodePolicy(secrets, 'x', old));
        expect(await get(one, 'a.example')).toMatchObject({ kind });
      },
    );

    it('do not take in what was kept and is sent again on the channel', async () => {
      const domain = await world.domain('a.example');
      domain.publish('nothing');
      const one = await host();
      expect(await get(one, 'a.example')).toMatchObject({ kind: 'no_policy' });
      const tell = (fetchedAt: number): Promise<unknown> | undefined => {
        const policy = encodePolicy(secrets, 'x', stored('a.example', { fetchedAt }));
        const message = JSON.stringify({ by: 'x', policy });
        return connections[0]?.run(1000, (client) => client.publish('tp:policy-news', message));
      };
      await tell(clock.wall() - 61_000);
      // What comes behind it is heard after it.
      await world.domain('b.example');
      const other = await host();
      await get(one, 'b.example');
      await get(other, 'b.example');
      expect(await get(one, 'a.example')).toMatchObject({ kind: 'no_policy' });
      await tell(clock.wall() - 1_000);
      await vi.waitFor(async () => expect(await get(one, 'a.example')).toMatchObject(enforced));
    });

    it('do not take an old policy for one that is in force where the record cannot be looked up', async () => {
      const domain = await world.domain('a.example');
      domain.publish('servfail');
      const one = await host();
      const fetchedAt = clock.wall() - 25 * hour * 1000;
      const policy = { mode: 'enforce', mx: ['mx.example.com'], maxAge: 31_536_000, extensions: [] } as const;
      await write(
        policyKey('a.example'),
        encodePolicy(secrets, 'x', stored('a.example', { fetchedAt, policy })),
      );
      expect(await get(one, 'a.example')).toMatchObject({ kind: 'no_policy' });
    });

    it('are not held up by locks that they did not take', async () => {
      await world.domain('a.example');
      const one = await host();
      await write(`tp:lock:a.example:${roots()}`, encodeLock(others, stored('a.example'), 'x', clock.wall()));
      const asked = performance.now();
      expect(await get(one, 'a.example')).toMatchObject(enforced);
      expect(performance.now() - asked).toBeLessThan(240);
    });

    it('wait a moment for one that they did take, and ask then', async () => {
      await world.domain('a.example');
      const one = await host();
      await write(
        `tp:lock:a.example:${roots()}`,
        encodeLock(secrets, stored('a.example'), 'x', clock.wall()),
      );
      expect(await get(one, 'a.example')).toMatchObject(enforced);
    });

    it('survive a flood of messages', async () => {
      const domain = await world.domain('a.example');
      const one = await host();
      const redis = connections[0];
      await redis?.run(10_000, (client) =>
        Promise.all(
          Array.from({ length: 5_000 }, () =>
            client.publish('tp:policy-news', encodePolicy(secrets, 'x', stored('b.example'))),
          ),
        ),
      );
      expect(await get(one, 'a.example')).toMatchObject(enforced);
      expect(domain.host.requests).toHaveLength(1);
    });
  });

  describe('after a failed fetch', () => {
    const failure = { reason: 'sts-policy-fetch-error', text: 'refused' } as const;
    const failed = (domain: string, name: string) =>
      encodeFailure(secrets, name, {
        domain,
        roots: roots(),
        id: 'id2',
        failures: 1,
        failedAt: clock.wall(),
        failure,
      });
    const failureKey = (domain: string) => `tp:failed:${domain}:${roots()}`;

    it('spare the policy host where they hold a policy', async () => {
      const domain = await world.domain('a.example');
      const [one, two] = [await host(), await host()];
      await get(one, 'a.example');
      await written('a.example');
      await get(two, 'a.example');
      domain.fail();
      domain.publish('id2');
      await get(one, 'a.example');
      await vi.waitFor(async () =>
        expect(await server.ask(`EXISTS ${failureKey('a.example')}`)).toBe(':1\r\n'),
      );
      expect(await get(two, 'a.example')).toMatchObject({
        ...enforced,
        refreshFailure: { reason: failure.reason },
      });
      expect(domain.host.requests).toHaveLength(2);
    });

    it('ask for themselves where they hold none: one host that is cut off must not cost the others', async () => {
      const domain = await world.domain('a.example');
      domain.publish('id2');
      const one = await host();
      await write(failureKey('a.example'), failed('a.example', 'another'));
      expect(await get(one, 'a.example')).toMatchObject(enforced);
    });

    it('share it among the workers of one host', async () => {
      const domain = await world.domain('a.example');
      domain.publish('id2');
      const one = await host({ name: 'here' });
      await write(failureKey('a.example'), failed('a.example', 'here'));
      expect(await get(one, 'a.example')).toMatchObject({ kind: 'no_policy', failure });
      expect(domain.host.requests).toHaveLength(0);
      clock.advance(301);
      expect(await get(one, 'a.example')).toMatchObject(enforced);
    });

    it.each([
      [
        'forged',
        () =>
          encodeFailure(others, 'here', {
            ...stored('a.example'),
            id: 'id2',
            failures: 9,
            failedAt: clock.wall(),
            failure,
          }),
      ],
      [
        'from the future',
        () =>
          encodeFailure(secrets, 'here', {
            ...stored('a.example'),
            id: 'id2',
            failures: 1,
            failedAt: clock.wall() + 1e7,
            failure,
          }),
      ],
      ['for another id', () => failed('a.example', 'here').replace('id2', 'id1')],
    ])('do not believe one that is %s', async (_what, entry) => {
      const domain = await world.domain('a.example');
      domain.publish('id2');
      const one = await host({ name: 'here' });
      await write(failureKey('a.example'), entry());
      expect(await get(one, 'a.example')).toMatchObject(enforced);
    });
  });

  it('know what another has fetched where the record cannot be looked up', async () => {
    const domain = await world.domain('a.example');
    await get(await host(), 'a.example');
    await written('a.example');
    domain.publish('servfail');
    expect(await get(await host(), 'a.example')).toMatchObject(enforced);
  });

  it('refresh a policy ahead of its expiry once', async () => {
    const domain = await world.domain('a.example', { maxAge: 2 * hour });
    const stores: PolicyStore[] = [createMemoryStore(), createMemoryStore()];
    const hosts = [
      await host({ store: stores[0] as PolicyStore }),
      await host({ store: stores[1] as PolicyStore }),
    ];
    for (const one of hosts) {
      await get(one, 'a.example');
      await written('a.example');
    }
    expect(domain.host.requests).toHaveLength(1);
    clock.advance(1.6 * hour);
    await Promise.all(hosts.map((one) => one.refreshDue()));
    await vi.waitFor(async () => {
      for (const store of stores)
        expect(await store.read({ domain: 'a.example', roots: roots() })).toMatchObject({
          stored: { fetchedAt: clock.wall() },
        });
    });
    expect(domain.host.requests).toHaveLength(2);
  });

  it('go on by themselves when Redis hangs, later than without it by no more than a moment', async () => {
    await world.domain('a.example');
    const one = await host({ patience: 50 });
    await server.freeze();
    const asked = performance.now();
    expect(await get(one, 'a.example')).toMatchObject(enforced);
    expect(performance.now() - asked).toBeLessThan(1_000);
    server.thaw();
  });
});
