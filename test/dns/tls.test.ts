import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCa, issue, type Issued } from '../../haraka-test-harness/pki';
import { createResolver, type Resolver, type ResolverOptions } from '../../src/dns/resolver';
import { LabResolver, trusting, type LabAnswer, type LabQuery, type Zone } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const one: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] };
const cleanups: (() => unknown)[] = [];
let ca: Issued;
let named: Issued;

beforeAll(async () => {
  ca = await createCa();
  named = await issue(ca, { dnsNames: ['dns.example'] });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});
afterAll(nothingLeft);

async function world(
  certificate: Issued,
  zone: Zone,
  options: Partial<ResolverOptions> = {},
): Promise<{ lab: LabResolver; resolver: Resolver }> {
  const lab = await LabResolver.start(zone, { tls: { key: certificate.keyPem, cert: certificate.certPem } });
  const resolver = createResolver({
    servers: [{ transport: 'tls', address: '127.0.0.1', port: lab.port, name: 'dns.example' }],
    connectTls: trusting(ca.certPem),
    timeoutMs: 5_000,
    deadlineMs: 10_000,
    ...options,
  });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  return { lab, resolver };
}

describe('DNS over TLS', () => {
  test('answers over one connection, in any order', async () => {
    let release: (answer: LabAnswer) => void = () => undefined;
    const slow = new Promise<LabAnswer>((resolve) => (release = resolve));
    const ports = new Set<number>();
    const note = ({ port }: LabQuery) => ports.add(port);
    const { resolver } = await world(named, {
      'slow.example A': (query) => {
        note(query);
        return slow;
      },
      'fast.example A': (query) => {
        note(query);
        release(one);
        return one;
      },
    });
    const answers = await Promise.all([resolver.a('slow.example'), resolver.a('fast.example')]);
    expect(answers.map((answer) => answer.kind)).toEqual(['records', 'records']);
    expect(answers.every((answer) => answer.kind !== 'failed' && answer.secure)).toBe(true);
    expect(ports.size).toBe(1);
    expect(resolver.status().traffic).toMatchObject({ udp: 0, tcp: 0, tls: 2 });
  });

  test('opens a new connection where the resolver closed the kept one', async () => {
    const { lab, resolver } = await world(named, {
      'a.example A': one,
      'b.example A': ({ socket, port }) => {
        if (port === lab.queries[0]?.port) {
          socket?.destroy();
          return 'silence';
        }
        return one;
      },
    });
    expect(await resolver.a('a.example')).toMatchObject({ kind: 'records' });
    expect(await resolver.a('b.example')).toMatchObject({ kind: 'records', secure: true });
    expect(resolver.status().servers).toMatchObject([{ unhealthy: false }]);
  });

  test('leaves a connection on which nothing comes any more', async () => {
    const { lab, resolver } = await world(
      named,
      {
        'a.example A': one,
        'b.example A': ({ port }) => (port === lab.queries[0]?.port ? 'silence' : one),
        'c.example A': ({ port }) => (port === lab.queries[0]?.port ? 'silence' : one),
      },
      { timeoutMs: 1_500, deadlineMs: 10_000 },
    );
    expect(await resolver.a('a.example')).toMatchObject({ kind: 'records' });
    expect(await resolver.a('b.example')).toMatchObject({ kind: 'records' });
    expect(await resolver.a('c.example')).toMatchObject({ kind: 'records' });
    expect(lab.asked).toEqual(['a.example A', 'b.example A', 'b.example A', 'c.example A']);
  });

  test.each<[string, () => Promise<Issued>, Partial<ResolverOptions>]>([
    ['for another name', () => issue(ca, { dnsNames: ['other.example'] }), {}],
    ['with the name as common name only', () => issue(ca, { commonName: 'dns.example', dnsNames: [] }), {}],
    ['with a partial wildcard', () => issue(ca, { dnsNames: ['d*.example'] }), {}],
    ['with a key of 1024 bits', () => issue(ca, { dnsNames: ['dns.example'], key: 'rsa-1024' }), {}],
    ['that is signed with SHA-1', () => issue(ca, { dnsNames: ['dns.example'], digest: 'SHA-1' }), {}],
    [
      'from a root that is not trusted',
      () => issue(ca, { dnsNames: ['dns.example'] }),
      { connectTls: connect },
    ],
    [
      'that has expired',
      () => issue(ca, { dnsNames: ['dns.example'], notAfter: new Date(Date.now() - 60_000) }),
      {},
    ],
  ])('a certificate %s is refused, and nothing is asked', async (_name, certificate, options) => {
    const { lab, resolver } = await world(await certificate(), { 'a.example A': one }, options);
    expect(await resolver.a('a.example')).toMatchObject({ kind: 'failed', cause: 'network' });
    expect(lab.asked).toEqual([]);
  });
});
