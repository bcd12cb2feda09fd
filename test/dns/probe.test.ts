import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { silent, type Log } from '../../src/log';
import { createResolver, type ResolverOptions } from '../../src/dns/resolver';
import { encodeAnswer, LabResolver, type LabAnswer } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

const validated: LabAnswer = { ad: true, soa: 60 };

async function world(answer: () => LabAnswer | 'silence', options: Partial<ResolverOptions> = {}) {
  const lab = await LabResolver.start({}, { otherwise: answer });
  const said: string[] = [];
  const log: Log = {
    ...silent,
    notice: (line) => said.push(`notice ${line}`),
    warn: (line) => said.push(`warn ${line}`),
  };
  const resolver = createResolver({ servers: [lab.server], log, timeoutMs: 2_000, ...options });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  return { lab, resolver, said };
}

describe('the probe finds that a resolver', () => {
  test.each<[string, () => LabAnswer | 'silence', Partial<ResolverOptions>, string, RegExp]>([
    ['validates', () => validated, {}, 'validates', /^notice resolver 127\.0\.0\.1:\d+ validates DNSSEC/],
    [
      'does not validate',
      () => ({ soa: 60 }),
      {},
      'not_validating',
      /^warn .*does not validate .*run a validating resolver/,
    ],
    ['refuses', () => ({ rcode: 5 }), {}, 'no_answer', /^warn .*did not answer .*REFUSED.*allows queries/],
    ['says nothing', () => 'silence', { timeoutMs: 200 }, 'no_answer', /^warn .*no answer within 200 ms/],
  ])('%s', async (_name, answer, options, kind, line) => {
    const { resolver, said } = await world(answer, options);
    expect(resolver.status().probe).toBe('not_probed');
    const result = await resolver.probe();
    expect(result).toMatchObject({ question: '. NS', findings: [{ kind }] });
    expect(resolver.status().probe).toEqual(result);
    expect(said).toEqual([expect.stringMatching(line)]);
  });

  /** A resolver at an address of its own that says of every answer that it validated. */
  async function claimant(address: string) {
    const socket = createSocket('udp4').bind(0, address);
    await once(socket, 'listening');
    cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    socket.on('message', (query, from) => {
      socket.send(
        encodeAnswer({ id: query.readUInt16BE(0), name: '', type: 'NS' }, validated),
        from.port,
        from.address,
      );
    });
    return { transport: 'udp', address, port: socket.address().port } as const;
  }

  test.each([
    [
      '127.0.0.53',
      'systemd-resolved',
      /^warn .*systemd-resolved.*unbound on 127\.0\.0\.1.*trust_ad = true if .*resolved\.conf/,
    ],
    ['127.0.0.54', 'systemd-resolved', /^warn .*systemd-resolved/],
    ['127.0.0.11', 'Docker', /^warn .*Docker.*unbound on 127\.0\.0\.1.*trust_ad/],
  ])('at %s is a forwarder that repeats what others say: %s', async (address, forwarder, line) => {
    const server = await claimant(address);
    const { resolver, said } = await world(() => validated, { servers: [server] });
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'forwarder', forwarder }] });
    expect(said).toEqual([expect.stringMatching(line)]);
    expect(resolver.status().servers).toMatchObject([{ trusted: false }]);
  });

  test('is a forwarder, and the operator knows it to validate', async () => {
    const server = await claimant('127.0.0.53');
    const { resolver } = await world(() => validated, { servers: [server], trustAd: true });
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'validates' }] });
  });

  test('validates at the end of a path that is not protected', async () => {
    // Linux takes it for this machine, and the list of loopback addresses does not.
    const server = { ...(await claimant('127.0.0.1')), address: '0.0.0.0' };
    const { resolver, said } = await world(() => validated, { servers: [server] });
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'untrusted_path' }] });
    expect(said).toEqual([expect.stringMatching(/^warn .*not protected.*trust_ad/)]);
  });
});

test('the question of the probe is configurable', async () => {
  const { lab, resolver } = await world(() => validated, { probe: 'example.com SOA' });
  expect(await resolver.probe()).toMatchObject({ question: 'example.com SOA' });
  expect(lab.asked).toEqual(['example.com SOA']);
});

test('what the probe finds is said once, and again only when it changes', async () => {
  let answer: LabAnswer = { soa: 60 };
  const { resolver, said } = await world(() => answer);
  await resolver.probe();
  await resolver.probe();
  expect(said).toHaveLength(1);
  answer = validated;
  await resolver.probe();
  await resolver.probe();
  expect(said).toEqual([expect.stringMatching(/^warn/), expect.stringMatching(/^notice/)]);
});

test('a resolver that is repaired is noticed without being asked', async () => {
  let repaired = (): void => undefined;
  const noticed = new Promise<void>((resolve) => (repaired = resolve));
  let answers = 0;
  const log: Log = { ...silent, notice: () => repaired() };
  const { resolver } = await world(() => (++answers < 3 ? { soa: 60 } : validated), {
    probeIntervalMs: 10,
    log,
  });
  await resolver.probe();
  // The probe's timer keeps no process alive: something else must, while this waits.
  const alive = setInterval(() => undefined, 1_000);
  await noticed;
  clearInterval(alive);
  expect(resolver.status().probe).toMatchObject({ findings: [{ kind: 'validates' }] });
});

test('the probe gates nothing: questions are answered whatever it finds', async () => {
  const { resolver } = await world(() => ({ answers: [{ type: 'A', data: '192.0.2.1' }] }));
  await resolver.probe();
  expect(await resolver.a('a.example')).toMatchObject({ kind: 'records', secure: false });
});
