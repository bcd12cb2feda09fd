/** A Haraka in a fleet: it does not need Redis, and has what Redis knows once it is there. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { freePort } from '../../haraka-test-harness/program';
import { encodePolicy } from '../../src/fleet/policy_entry';
import { callIn } from '../cli/lab_call';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the tests with Redis are SKIPPED ***\n');

const secret = '0123456789abcdef0123456789abcdef';
const enforced = { policy: { mode: 'enforce' } } as const;

describe.skipIf(!redisIsThere)('a Haraka whose Redis is away when it starts', () => {
  let lab: Lab;
  let redis: RedisServer | undefined;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    lab = await startLab(
      {
        domains: {
          'one.example': { sts: enforced },
          'two.example': { sts: enforced },
          // Its host has no certificate that its policy asks for.
          'bad.example': { mx: [{ certificate: 'self-signed' }], sts: enforced },
        },
      },
      {
        config: {
          'redis.ini': `[server]\nport = ${port}\n`,
          'fleet.key': `${secret}\n`,
          'tls-peers.ini': '[fleet]\nredis = true\nname = here\nkey_file = fleet.key\n',
          'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = auto\n',
        },
      },
    );
  });
  afterAll(async () => {
    await lab.stop();
    await redis?.stop();
  });

  const deliver = (domain: string) => lab.deliver({ from: 'a@ours.example', to: `b@${domain}` });
  const call = async (...args: string[]) => {
    const { code, out } = await callIn(lab, args);
    return { code, out };
  };

  it('takes and delivers mail, under the policies that it fetches', async () => {
    expect((await deliver('one.example')).status).toBe('delivered');
    expect((await deliver('bad.example')).status).toBe('deferred');
    await lab.haraka.waitForLog(/fleet: Redis at 127\.0\.0\.1:\d+ is away: connect ECONNREFUSED/);
  });

  it('is told of by lint, which knows as well where it would be', async () => {
    const { out } = await call('lint');
    expect(out.replace(/\s+/g, ' ')).toContain(`Redis at 127.0.0.1:${port} is away`);
    expect(out).toMatch(/rules in these files: digest [0-9a-f]{16}/);
  });

  it('joins when it comes, and tells of what it fetches', async () => {
    redis = await startRedis([], port);
    await vi.waitFor(async () => expect(await redis?.ask('EXISTS tls-peers:rules')).toBe(':1\r\n'), {
      timeout: 15_000,
    });
    expect((await deliver('two.example')).status).toBe('delivered');
    await vi.waitFor(async () =>
      expect(await redis?.ask('EXISTS tls-peers:policy:two.example')).toBe(':1\r\n'),
    );
  });

  it('has its command show what other hosts fetched, and alone what is here', async () => {
    const stored = {
      domain: 'elsewhere.example',
      roots: 'default',
      id: 'x1',
      fetchedAt: Date.now(),
      policy: { mode: 'enforce', mx: ['mx.elsewhere.example'], maxAge: 86_400, extensions: [] },
    } as const;
    const text = encodePolicy([secret], 'there', stored).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
    await redis?.ask(`SET tls-peers:policy:elsewhere.example "${text}"`);
    const domains = (out: string): unknown => JSON.parse(out);
    expect(domains((await call('cache', 'list', '--json')).out)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ domain: 'elsewhere.example', fetched_by: 'there' }),
        expect.objectContaining({ domain: 'one.example' }),
      ]),
    );
    expect((await call('cache', 'list', '--local')).out).not.toContain('elsewhere.example');
    expect((await call('cache', 'show', 'elsewhere.example')).out).toContain('fetched by: there');
    const { out } = await call('lint', '--json');
    expect(JSON.parse(out)).toMatchObject({ rules: { hosts: [{ host: 'here' }] } });
  });

  it('has a purge make Redis forget as well', async () => {
    expect((await call('cache', 'purge', 'two.example')).out).toBe('two.example: purged\n');
    expect(await redis?.ask('EXISTS tls-peers:policy:two.example')).toBe(':0\r\n');
  });
});
