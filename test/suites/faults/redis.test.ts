/** Haraka's Redis memory of hosts with broken TLS: only where `remember_broken_tls` says so, and never where it matters. */
import { timeoutsText } from '../../../haraka-test-harness/ini';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';
import { redisIsThere, startRedis, type RedisServer } from '../../support/redis_server';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the tests with Redis are SKIPPED ***\n');

const demandsTls = { do: 'reply', text: '530 5.7.0 Must issue a STARTTLS command first\r\n' } as const;

const world: World = {
  domains: {
    'sound.example': {},
    'broken.example': { mx: [{ behaviour: 'handshake-close' }] },
    'must.example': {},
    'must-broken.example': { mx: [{ behaviour: 'handshake-close' }] },
    'never.example': {},
    'offered.example': {},
    'hopeless.example': {
      mx: [
        {
          behaviour: {
            mail: demandsTls,
            starttls: { do: 'upgrade', text: '220 go\r\n', handshake: 'close' },
          },
        },
      ],
    },
    'demanding.example': {
      mx: [
        {
          behaviour: {
            mail: demandsTls,
            secured: { mail: { do: 'reply', text: '250 2.1.0 ok\r\n' } },
          },
        },
      ],
    },
  },
};

const rules = `[outbound]
security_level = opportunistic
[outbound must.example]
security_level = mandatory
[outbound must-broken.example]
security_level = mandatory
[outbound never.example]
cleartext_fallback = never
[outbound offered.example]
cleartext_fallback = no_starttls
`;

let lab: Lab;
let redis: RedisServer;

interface Circumstances {
  readonly options?: readonly string[];
  /** What happens to Redis before Haraka starts. */
  readonly before?: () => Promise<void>;
  /** Beside the section for Redis. */
  readonly tlsIni?: string;
}

async function start(
  remember: 'true' | 'false',
  { options, before, tlsIni = '' }: Circumstances = {},
): Promise<void> {
  redis = await startRedis(options);
  await before?.();
  lab = await startLab(world, {
    config: {
      'tls.ini': `${tlsIni}[redis]\ndisable_for_failed_hosts = true\n`,
      'redis.ini': `[server]\nhost = 127.0.0.1\nport = ${redis.port}\n`,
      'tls-peers.ini': `${timeoutsText(2)}[delivery]\nremember_broken_tls = ${remember}\n`,
      'tls-peers/ours.example.ini': rules,
    },
  });
}

async function stop(): Promise<void> {
  await lab.stop();
  await redis.stop();
}

function send(domain: string): Promise<string> {
  return lab
    .deliver({ from: 'a@ours.example', to: `b@${domain}` })
    .then(({ status, delivery }) => (delivery === 'none' ? status : delivery.secured ? 'TLS' : 'cleartext'));
}

function address(domain: string): string {
  return lab.peer(`mx.${domain}`).address;
}

const mark = (domain: string): Promise<string> => redis.ask(`SET no_tls|${address(domain)} then`);
const isMarked = async (domain: string): Promise<boolean> =>
  (await redis.ask(`EXISTS no_tls|${address(domain)}`)).startsWith(':1');

async function everythingArrives(): Promise<void> {
  const domains = ['broken.example', 'sound.example', 'must.example'];
  expect(await Promise.all(domains.map(send))).toEqual(['cleartext', 'TLS', 'TLS']);
}

describe.skipIf(!redisIsThere)("Haraka's memory of broken TLS, with one Redis", () => {
  beforeAll(() => start('true'));
  afterAll(stop);

  it('spares the second message a failed handshake where it is wanted', async () => {
    expect(await send('broken.example')).toBe('cleartext');
    await expect.poll(() => isMarked('broken.example')).toBe(true);
    expect(await send('broken.example')).toBe('cleartext');
    const seen = lab
      .peer('mx.broken.example')
      .connections.map(({ cleartext }) => cleartext.includes('STARTTLS'));
    expect(seen).toEqual([true, false, false]);
  });

  it('counts for nothing where cleartext is forbidden, even where it is wanted', async () => {
    const before = await redis.calls('get');
    for (const domain of ['must.example', 'never.example', 'offered.example']) {
      await mark(domain);
      expect([domain, await send(domain)]).toEqual([domain, 'TLS']);
    }
    expect(await send('must-broken.example')).toBe('deferred');
    expect(await isMarked('must-broken.example')).toBe(false);
    expect(await redis.calls('get')).toBe(before);
  });

  it('holds up no mail to a host that takes none without TLS', async () => {
    await mark('demanding.example');
    expect(await send('demanding.example')).toBe('TLS');
    expect(lab.peer('mx.demanding.example').connections).toHaveLength(2);
  });

  it('does not go round and round with a host that takes none without TLS, and none with it', async () => {
    const { connections } = lab.peer('mx.hopeless.example');
    expect(await send('hopeless.example')).toBe('deferred');
    expect(connections).toHaveLength(2);
    await expect.poll(() => isMarked('hopeless.example')).toBe(true);
    expect(await send('hopeless.example')).toBe('deferred');
    expect(connections).toHaveLength(2 + 3);
  });

  it('hangs no message where Redis falls silent later', async () => {
    await expect.poll(() => redis.calls('get').then(() => send('sound.example'))).toBe('TLS');
    await redis.freeze();
    await everythingArrives();
  });
});

describe.skipIf(!redisIsThere)("Haraka's memory of broken TLS", () => {
  afterEach(stop);

  it('is neither read nor written by default', async () => {
    await start('false');
    await mark('sound.example');
    expect(await send('sound.example')).toBe('TLS');
    expect(await send('broken.example')).toBe('cleartext');
    expect(await send('must-broken.example')).toBe('deferred');
    expect(await isMarked('broken.example')).toBe(false);
    expect(await redis.calls('get')).toBe(0);
    expect(await redis.calls('setex')).toBe(0);
  });

  it('holds nothing against a host for what is wrong in our own tls.ini', async () => {
    await start('true', { tlsIni: '[outbound]\nciphers = !DES\n' });
    expect(await send('sound.example')).toBe('cleartext');
    expect(lab.haraka.logLines).toContainEqual(expect.stringMatching(/\[ERROR\].*config-invalid/));
    expect(await send('must.example')).toBe('deferred');
    expect(await redis.calls('setex')).toBe(0);
  });

  it('hangs no message where Redis errs', async () => {
    await start('true', { options: ['--rename-command', 'GET', '', '--rename-command', 'SETEX', ''] });
    expect(await send('broken.example')).toBe('cleartext');
    expect(await send('sound.example')).toBe('TLS');
    expect(await send('must.example')).toBe('TLS');
  });

  const away = [
    ['does not answer', () => redis.freeze()],
    ['is gone', () => redis.stop()],
  ] as const;

  for (const remember of ['true', 'false'] as const) {
    it.each(away)(
      `hangs no message where Redis %s from the start, remember_broken_tls = ${remember}`,
      async (_how, leave) => {
        await start(remember, { before: leave });
        await everythingArrives();
      },
    );
  }
});
