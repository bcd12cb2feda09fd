import { afterEach, describe, expect, test } from 'vitest';
import {
  discoverDestination,
  discoverRoute,
  type DestinationOptions,
  type RouteHost,
} from '../../src/dns/destination';
import { maxMxHosts, orderMx } from '../../src/dns/order';
import { createResolver, type Resolver } from '../../src/dns/resolver';
import type { Destination, MxHostFacts, RoutedHostFacts } from '../../src/dns/types';
import { LabResolver, type LabAnswer, type LabRecord, type Zone } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

async function world(zone: Zone): Promise<{ lab: LabResolver; resolver: Resolver }> {
  const lab = await LabResolver.start(zone, { otherwise: { ad: true, soa: 60 } });
  // Only where something is silent it is not worth waiting for.
  const timeoutMs = Object.values(zone).some((answer) => typeof answer === 'function') ? 300 : 5_000;
  const resolver = createResolver({ servers: [lab.server], timeoutMs });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  return { lab, resolver };
}

const dane: DestinationOptions = { dane: true, insecureMx: 'dane', random: () => 0 };

const mx = (exchange: string, preference = 10): LabRecord => ({ type: 'MX', data: { preference, exchange } });
const a = (data = '192.0.2.1'): LabRecord => ({ type: 'A', data });
const certificate = Buffer.alloc(32, 7);
const tlsaRecord: LabRecord = { type: 'TLSA', data: { usage: 3, selector: 1, matchingType: 1, certificate } };
const secure = (...answers: LabAnswer['answers'] & object): LabAnswer => ({ ad: true, answers });
const insecure = (...answers: LabAnswer['answers'] & object): LabAnswer => ({ answers });
const cname = (name: string, data: string) => ({ type: 'CNAME' as const, name, data });

const noData: LabAnswer = { ad: true, soa: 60 };
const insecureNoData: LabAnswer = { soa: 60 };
const servfail: LabAnswer = { rcode: 2 };
const bogus: LabAnswer = { rcode: 2, extendedError: 6 };

/** What was found out about one host, in a line. */
function hostGist({ host, addresses, tlsa }: MxHostFacts | RoutedHostFacts): string {
  const where =
    addresses.kind === 'found' ? `${addresses.security} ${addresses.addresses.join(' ')}` : gistOf(addresses);
  const dane = tlsa.kind === 'present' ? `${tlsa.records.length} TLSA at ${tlsa.baseDomain}` : gistOf(tlsa);
  return `${host}: ${where}; ${dane}`;
}

function gistOf(facts: { kind: string; cause?: string }): string {
  return facts.cause === undefined ? facts.kind : `${facts.kind} (${facts.cause})`;
}

function hostsOf(destination: Destination): readonly (MxHostFacts | RoutedHostFacts)[] {
  if (destination.kind === 'implicit') return [destination.host];
  return destination.kind === 'mx' || destination.kind === 'route' ? destination.hosts : [];
}

describe('one MX host with', () => {
  const host = 'mx.example';
  test.each<[string, Zone, string]>([
    [
      'secure addresses and TLSA',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': secure(tlsaRecord) },
      'mx.example: secure 192.0.2.1; 1 TLSA at mx.example',
    ],
    ['secure addresses and no TLSA', { 'mx.example A': secure(a()) }, 'mx.example: secure 192.0.2.1; absent'],
    [
      'secure addresses and no TLSA name',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': { rcode: 3, ad: true, soa: 9 } },
      'mx.example: secure 192.0.2.1; absent',
    ],
    [
      'secure addresses and insecure TLSA',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': insecure(tlsaRecord) },
      'mx.example: secure 192.0.2.1; absent',
    ],
    [
      'secure addresses and an insecure denial of TLSA',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': insecureNoData },
      'mx.example: secure 192.0.2.1; absent',
    ],
    [
      'secure addresses and a TLSA lookup that fails',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': servfail },
      'mx.example: secure 192.0.2.1; failed (servfail)',
    ],
    [
      'secure addresses and bogus TLSA',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': bogus },
      'mx.example: secure 192.0.2.1; failed (bogus)',
    ],
    [
      'secure addresses and a TLSA lookup that times out',
      { 'mx.example A': secure(a()), '_25._tcp.mx.example TLSA': () => 'silence' },
      'mx.example: secure 192.0.2.1; failed (timeout)',
    ],
    [
      'insecure addresses, where a TLSA lookup would fail',
      {
        'mx.example A': insecure(a()),
        'mx.example AAAA': insecureNoData,
        '_25._tcp.mx.example TLSA': servfail,
      },
      'mx.example: insecure 192.0.2.1; not_asked',
    ],
    [
      'only IPv6',
      { 'mx.example AAAA': secure({ type: 'AAAA', data: '2001:db8::1' }) },
      'mx.example: secure 2001:db8::1; absent',
    ],
    [
      // A connection to it leads to the IPv4 address, by which alone it can be known for what it is.
      'an IPv4 address within IPv6',
      { 'mx.example AAAA': secure({ type: 'AAAA', data: '::ffff:127.0.0.1' }) },
      'mx.example: secure 127.0.0.1; absent',
    ],
    [
      'an IPv4 address within IPv6 that it has as well',
      {
        'mx.example A': secure(a()),
        'mx.example AAAA': secure(
          { type: 'AAAA', data: '::ffff:192.0.2.1' },
          { type: 'AAAA', data: '2001:db8::1' },
        ),
      },
      'mx.example: secure 2001:db8::1 192.0.2.1; absent',
    ],
    [
      'both families, IPv6 first',
      { 'mx.example A': secure(a()), 'mx.example AAAA': secure({ type: 'AAAA', data: '2001:db8::1' }) },
      'mx.example: secure 2001:db8::1 192.0.2.1; absent',
    ],
    [
      'one family secure and the other not',
      {
        'mx.example A': insecure(a()),
        'mx.example AAAA': secure({ type: 'AAAA', data: '2001:db8::1' }),
        '_25._tcp.mx.example TLSA': secure(tlsaRecord),
      },
      'mx.example: secure 2001:db8::1 192.0.2.1; 1 TLSA at mx.example',
    ],
    [
      'one family found and the lookup of the other failed',
      { 'mx.example A': secure(a()), 'mx.example AAAA': servfail },
      'mx.example: secure 192.0.2.1; absent',
    ],
    ['no address', {}, 'mx.example: none; not_asked'],
    [
      'no address because a lookup failed',
      { 'mx.example AAAA': servfail },
      'mx.example: failed (servfail); not_asked',
    ],
    [
      'no address because the lookup of the other family failed',
      { 'mx.example A': servfail },
      'mx.example: failed (servfail); not_asked',
    ],
    [
      'one family behind an insecure alias, and the other secure without one',
      {
        'mx.example AAAA': insecure(cname('mx.example', 'real.example'), {
          name: 'real.example',
          type: 'AAAA',
          data: '2001:db8::1',
        }),
        'mx.example A': secure(a()),
        '_25._tcp.mx.example TLSA': secure(tlsaRecord),
        '_25._tcp.real.example TLSA': secure(tlsaRecord, tlsaRecord),
      },
      'mx.example: secure 2001:db8::1 192.0.2.1; 1 TLSA at mx.example',
    ],
    [
      'an insecure alias that the next answer denies',
      {
        'mx.example A': insecure(cname('mx.example', 'real.example'), { name: 'real.example', ...a() }),
        'mx.example CNAME': noData,
        '_25._tcp.mx.example TLSA': secure(tlsaRecord),
      },
      'mx.example: insecure 192.0.2.1; not_asked',
    ],
    [
      'bogus addresses',
      { 'mx.example A': bogus, 'mx.example AAAA': bogus },
      'mx.example: failed (bogus); not_asked',
    ],
  ])('%s', async (_name, zone, expected) => {
    const { resolver } = await world({ 'example.com MX': secure(mx(host)), ...zone });
    const destination = await discoverDestination(resolver, 'example.com', dane);
    expect(hostsOf(destination).map(hostGist)).toEqual([expected]);
  });
});

describe('an MX host that is an alias', () => {
  const chain = (security: typeof secure): Zone => ({
    'mx.example A': security(cname('mx.example', 'real.example'), { name: 'real.example', ...a() }),
    'mx.example AAAA': { ...security(cname('mx.example', 'real.example')), soa: 60 },
  });
  const atReal = '_25._tcp.real.example TLSA';
  const atAlias = '_25._tcp.mx.example TLSA';

  test.each<[string, Zone, string]>([
    [
      'secure throughout: the expanded name is the base',
      { ...chain(secure), [atReal]: secure(tlsaRecord), [atAlias]: secure(tlsaRecord, tlsaRecord) },
      'mx.example: secure 192.0.2.1; 1 TLSA at real.example',
    ],
    [
      'secure throughout, none at the expanded name: the original is the base',
      { ...chain(secure), [atAlias]: secure(tlsaRecord) },
      'mx.example: secure 192.0.2.1; 1 TLSA at mx.example',
    ],
    [
      'secure throughout, insecure at the expanded name: the original is the base',
      { ...chain(secure), [atReal]: insecure(tlsaRecord), [atAlias]: secure(tlsaRecord) },
      'mx.example: secure 192.0.2.1; 1 TLSA at mx.example',
    ],
    [
      'secure throughout, a failure at the expanded name: never the original',
      { ...chain(secure), [atReal]: servfail, [atAlias]: secure(tlsaRecord) },
      'mx.example: secure 192.0.2.1; failed (servfail)',
    ],
    [
      'secure throughout, found at the expanded name: a failure at the original is nothing',
      { ...chain(secure), [atReal]: secure(tlsaRecord), [atAlias]: servfail },
      'mx.example: secure 192.0.2.1; 1 TLSA at real.example',
    ],
    [
      'a secure alias into an insecure zone: the original is the base',
      {
        ...chain(insecure),
        'mx.example CNAME': secure(cname('mx.example', 'real.example')),
        [atReal]: servfail,
        [atAlias]: secure(tlsaRecord),
      },
      'mx.example: secure_alias 192.0.2.1; 1 TLSA at mx.example',
    ],
    [
      'a secure alias into an insecure zone, without TLSA',
      { ...chain(insecure), 'mx.example CNAME': secure(cname('mx.example', 'real.example')) },
      'mx.example: secure_alias 192.0.2.1; absent',
    ],
    [
      'an insecure alias: TLSA is not asked',
      {
        ...chain(insecure),
        'mx.example CNAME': insecure(cname('mx.example', 'real.example')),
        [atReal]: servfail,
        [atAlias]: servfail,
      },
      'mx.example: insecure 192.0.2.1; not_asked',
    ],
    [
      'an alias of which nobody can tell whether it is secure: as a failed TLSA lookup',
      { ...chain(insecure), 'mx.example CNAME': servfail, [atAlias]: noData },
      'mx.example: secure_alias 192.0.2.1; failed (servfail)',
    ],
  ])('%s', async (_name, zone, expected) => {
    const { resolver } = await world({ 'example.com MX': secure(mx('mx.example')), ...zone });
    const destination = await discoverDestination(resolver, 'example.com', dane);
    expect(hostsOf(destination).map(hostGist)).toEqual([expected]);
  });
});

describe('what is not asked', () => {
  const zone: Zone = {
    'example.com MX': insecure(mx('mx.example')),
    'mx.example A': insecure(cname('mx.example', 'real.example'), { name: 'real.example', ...a() }),
    'signed.example MX': secure(mx('signed.example')),
    'signed.example A': secure(a()),
    'unsigned.example MX': insecure(mx('signed.example')),
  };
  test.each<[string, string, DestinationOptions, string[]]>([
    ['TLSA, where the rule has no use for it', 'signed.example', { ...dane, dane: false }, []],
    ['TLSA and the alias, at an insecure address', 'example.com', { ...dane, dane: false }, []],
    [
      'TLSA, where an insecure MX RRset counts as none',
      'unsigned.example',
      { ...dane, insecureMx: 'may' },
      [],
    ],
    ['(TLSA is, where it does not)', 'unsigned.example', dane, ['_25._tcp.signed.example TLSA']],
    [
      '(TLSA is, where the MX RRset is secure)',
      'signed.example',
      { ...dane, insecureMx: 'may' },
      ['_25._tcp.signed.example TLSA'],
    ],
  ])('%s', async (_name, domain, options, expected) => {
    const { lab, resolver } = await world(zone);
    await discoverDestination(resolver, domain, options);
    expect(lab.asked.filter((question) => /TLSA|CNAME/.test(question))).toEqual(expected);
  });
});

describe('a domain', () => {
  test.each<[string, string, Zone, unknown]>([
    [
      'with a secure MX RRset',
      'example.com',
      { 'example.com MX': secure(mx('mx.example')) },
      {
        kind: 'mx',
        domain: 'example.com',
        secure: true,
        canonicalName: 'example.com',
        hosts: [{ host: 'mx.example', preference: 10 }],
      },
    ],
    [
      'with an insecure MX RRset',
      'example.com',
      { 'example.com MX': insecure(mx('mx.example')) },
      { kind: 'mx', secure: false },
    ],
    [
      'that is an alias',
      'example.com',
      {
        'example.com MX': secure(cname('example.com', 'real.example'), {
          name: 'real.example',
          ...mx('mx.example'),
        }),
      },
      { kind: 'mx', domain: 'example.com', canonicalName: 'real.example' },
    ],
    [
      'in another script',
      'Пример.example.',
      { 'xn--e1afmkfd.example MX': secure(mx('mx.example')) },
      { kind: 'mx', domain: 'xn--e1afmkfd.example' },
    ],
    [
      'without MX records, which is its own host',
      'example.com',
      { 'example.com A': secure(a()), '_25._tcp.example.com TLSA': secure(tlsaRecord) },
      {
        kind: 'implicit',
        domain: 'example.com',
        host: {
          host: 'example.com',
          addresses: { security: 'secure' },
          tlsa: { kind: 'present', baseDomain: 'example.com' },
        },
      },
    ],
    [
      'without MX records and with an insecure address',
      'example.com',
      {
        'example.com MX': insecureNoData,
        'example.com A': insecure(a()),
        '_25._tcp.example.com TLSA': servfail,
      },
      { kind: 'implicit', host: { addresses: { security: 'insecure' }, tlsa: { kind: 'not_asked' } } },
    ],
    [
      'with a null MX',
      'example.com',
      { 'example.com MX': insecure(mx('.', 0)) },
      { kind: 'null_mx', domain: 'example.com' },
    ],
    [
      'with a null MX beside a real one',
      'example.com',
      { 'example.com MX': secure(mx('.', 0), mx('mx.example')) },
      { kind: 'mx', hosts: [{ host: 'mx.example' }] },
    ],
    [
      'that does not exist',
      'example.com',
      { 'example.com MX': { rcode: 3, soa: 9 } },
      { kind: 'no_such_domain', domain: 'example.com' },
    ],
    [
      'whose MX lookup fails',
      'example.com',
      { 'example.com MX': servfail },
      { kind: 'lookup_failed', failure: { cause: 'servfail' } },
    ],
    [
      'whose MX RRset is bogus',
      'example.com',
      { 'example.com MX': bogus },
      { kind: 'lookup_failed', failure: { cause: 'bogus' } },
    ],
    [
      'whose MX lookup times out',
      'example.com',
      { 'example.com MX': () => 'silence' },
      { kind: 'lookup_failed', failure: { cause: 'timeout' } },
    ],
    ['that is none', 'a..b', {}, { kind: 'no_such_domain', domain: 'a..b' }],
    [
      'whose MX names an address',
      'example.com',
      { 'example.com MX': secure(mx('192.0.2.1')) },
      { kind: 'mx', hosts: [{ host: '192.0.2.1' }] },
    ],
    ['in brackets', '[192.0.2.1]', {}, { kind: 'literal', domain: '[192.0.2.1]', address: '192.0.2.1' }],
    ['in brackets, IPv6', '[IPv6:2001:db8::1]', {}, { kind: 'literal', address: '2001:db8::1' }],
    [
      'in brackets, IPv4 within IPv6',
      '[IPv6:::ffff:192.0.2.1]',
      {},
      { kind: 'literal', address: '192.0.2.1' },
    ],
    ['that is a bare address', '192.0.2.1', {}, { kind: 'no_such_domain', domain: '192.0.2.1' }],
  ])('%s', async (_name, domain, zone, expected) => {
    const { resolver } = await world(zone);
    expect(await discoverDestination(resolver, domain, dane)).toMatchObject(expected as object);
  });

  test('whose MX names an address costs no question about that', async () => {
    const { lab, resolver } = await world({ 'example.com MX': secure(mx('192.0.2.1.')) });
    expect(hostsOf(await discoverDestination(resolver, 'example.com', dane))).toMatchObject([
      { addresses: { kind: 'none' } },
    ]);
    expect(lab.asked).toEqual(['example.com MX']);
  });

  test('is given up with its caller', async () => {
    const controller = new AbortController();
    const { resolver } = await world({
      'example.com MX': () => {
        controller.abort();
        return 'silence';
      },
    });
    const destination = await discoverDestination(resolver, 'example.com', {
      ...dane,
      signal: controller.signal,
    });
    expect(destination).toMatchObject({ kind: 'lookup_failed', failure: { cause: 'cancelled' } });
  });
});

describe('a route', () => {
  const to = (host: string, preference = 10, port = 25): RouteHost => ({ host, preference, port });

  test('asks for addresses and TLSA of its hosts, in order of preference, and nothing about the domain', async () => {
    const { lab, resolver } = await world({
      'b.example A': secure(a('192.0.2.2')),
      '_25._tcp.b.example TLSA': secure(tlsaRecord),
      'a.example A': insecure(a('192.0.2.1')),
      'a.example AAAA': insecureNoData,
    });
    const hosts = [to('2001:db8::5', 30), to('A.example.', 20), to('b.example', 10), to('[192.0.2.7]', 30)];
    const route = await discoverRoute(resolver, 'example.com', hosts, { ...dane, insecureMx: 'may' });
    expect(route).toMatchObject({ kind: 'route', domain: 'example.com' });
    expect(hostsOf(route).map(hostGist)).toEqual([
      'b.example: secure 192.0.2.2; 1 TLSA at b.example',
      'a.example: insecure 192.0.2.1; not_asked',
      '2001:db8::5: insecure 2001:db8::5; not_asked',
      '192.0.2.7: insecure 192.0.2.7; not_asked',
    ]);
    expect(lab.asked.filter((question) => question.includes('example.com'))).toEqual([]);
  });

  test('asks nothing where the rule has no use for DANE: the addresses are known already', async () => {
    const { lab, resolver } = await world({});
    const route = await discoverRoute(resolver, 'example.com', [to('a.example')], { ...dane, dane: false });
    expect(hostsOf(route).map(hostGist)).toEqual(['a.example: not_asked; not_asked']);
    expect(lab.asked).toEqual([]);
  });

  test('asks nothing about what is no name of a host', async () => {
    const { lab, resolver } = await world({});
    const route = await discoverRoute(resolver, 'example.com', [to('a..example')], dane);
    expect(hostsOf(route).map(hostGist)).toEqual(['a..example: not_asked; not_asked']);
    expect(lab.asked).toEqual([]);
  });

  test('has the TLSA records of the port that is connected to, and those alone', async () => {
    const { lab, resolver } = await world({
      'mx.example A': secure(a()),
      '_25._tcp.mx.example TLSA': secure(tlsaRecord),
      '_587._tcp.mx.example TLSA': secure(tlsaRecord, tlsaRecord),
    });
    const hosts = [to('mx.example', 10), to('mx.example', 10, 587), to('mx.example', 10, 24)];
    const route = await discoverRoute(resolver, 'example.com', hosts, dane);
    expect(hostsOf(route).map(hostGist)).toEqual([
      'mx.example: secure 192.0.2.1; 1 TLSA at mx.example',
      'mx.example: secure 192.0.2.1; 2 TLSA at mx.example',
      'mx.example: secure 192.0.2.1; absent',
    ]);
    expect(route).toMatchObject({ hosts: [{ port: 25 }, { port: 587 }, { port: 24 }] });
    expect(new Set(lab.asked.filter((question) => question.endsWith('TLSA')))).toEqual(
      new Set([25, 587, 24].map((port) => `_${port}._tcp.mx.example TLSA`)),
    );
  });

  const nxdomain = { rcode: 3, soa: 9 } as const;
  test.each<[string, Zone, string]>([
    [
      'that no insecure zone knows has no DANE',
      { 'in.example A': nxdomain, 'in.example AAAA': nxdomain },
      'in.example: none; not_asked',
    ],
    [
      'that a signed zone denies has none where TLSA is denied, too',
      { 'in.example A': { ...nxdomain, ad: true }, 'in.example AAAA': { ...nxdomain, ad: true } },
      'in.example: none; absent',
    ],
    [
      'whose signed zone has TLSA but no address, which others may know, has DANE',
      { '_25._tcp.in.example TLSA': secure(tlsaRecord) },
      'in.example: none; 1 TLSA at in.example',
    ],
    [
      'whose alias leads to nowhere within signed zones is asked about at both names',
      {
        'in.example A': { ad: true, answers: [cname('in.example', 'gone.example')], soa: 9 },
        'in.example AAAA': { ad: true, answers: [cname('in.example', 'gone.example')], soa: 9 },
        '_25._tcp.gone.example TLSA': secure(tlsaRecord),
      },
      'in.example: none; 1 TLSA at gone.example',
    ],
    [
      'of which nobody can tell',
      { 'in.example A': servfail, 'in.example AAAA': servfail },
      'in.example: failed (servfail); not_asked',
    ],
    [
      'of which nobody can tell for one family, and that has no address of the other',
      { 'in.example A': servfail, '_25._tcp.in.example TLSA': secure(tlsaRecord) },
      'in.example: failed (servfail); not_asked',
    ],
    [
      'whose records are bogus',
      { 'in.example A': bogus, 'in.example AAAA': bogus },
      'in.example: failed (bogus); not_asked',
    ],
  ])('to a host %s', async (_name, zone, expected) => {
    const { resolver } = await world(zone);
    const route = await discoverRoute(resolver, 'example.com', [to('in.example')], dane);
    expect(hostsOf(route).map(hostGist)).toEqual([expected]);
  });
});

describe('the order of MX hosts', () => {
  const record = (exchange: string, preference: number) => ({ exchange, preference });

  test('is by preference, and random where that is equal', () => {
    const records = [record('c', 20), record('a', 10), record('b', 10)];
    const orders = new Set(
      [
        [0, 0.1, 0.2],
        [0, 0.2, 0.1],
      ].map((lots) =>
        orderMx(records, () => lots.shift() ?? 0)
          .map(({ exchange }) => exchange)
          .join(''),
      ),
    );
    expect(orders).toEqual(new Set(['abc', 'bac']));
  });

  test('gives equal preferences equal chances', () => {
    const records = ['a', 'b', 'c'].map((exchange) => record(exchange, 10));
    const first = new Map<string, number>();
    for (let i = 0; i < 3000; i++) {
      const exchange = orderMx(records)[0]?.exchange ?? '';
      first.set(exchange, (first.get(exchange) ?? 0) + 1);
    }
    for (const count of first.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
    expect(first.size).toBe(3);
  });

  test('has each host once, at its best preference', () => {
    expect(orderMx([record('a', 20), record('b', 15), record('a', 10)])).toEqual([
      record('a', 10),
      record('b', 15),
    ]);
  });

  test('has a sane number of hosts, the most preferred', () => {
    const records = Array.from({ length: 100 }, (_, i) => record(`${i}`, 100 - i));
    const ordered = orderMx(records);
    expect(ordered).toHaveLength(maxMxHosts);
    expect(ordered[0]).toEqual(record('99', 1));
  });

  test('is empty for a null MX', () => {
    expect(orderMx([record('', 0)])).toEqual([]);
  });
});

describe('a host with many addresses', () => {
  const six = Array.from({ length: 20 }, (_, i) => ({ type: 'AAAA', data: `2001:db8::${i + 1}` }) as const);
  const four = Array.from({ length: 20 }, (_, i) => a(`192.0.2.${i + 1}`));

  test.each([
    [20, 20, 8, 8],
    [20, 1, 15, 1],
    [2, 20, 2, 14],
    [20, 0, 16, 0],
    [3, 2, 3, 2],
  ])('of %i IPv6 and %i IPv4 addresses, %i and %i are tried', async (sixes, fours, triedSix, triedFour) => {
    const { resolver } = await world({
      'peer.example MX': secure(mx('mx.peer.example')),
      ...(sixes > 0 ? { 'mx.peer.example AAAA': insecure(...six.slice(0, sixes)) } : {}),
      ...(fours > 0 ? { 'mx.peer.example A': insecure(...four.slice(0, fours)) } : {}),
    });
    const destination = await discoverDestination(resolver, 'peer.example', { ...dane, dane: false });
    const [host] = destination.kind === 'mx' ? destination.hosts : [];
    const addresses = host?.addresses.kind === 'found' ? host.addresses.addresses : [];
    expect(addresses.filter((one) => one.includes(':'))).toHaveLength(triedSix);
    expect(addresses.filter((one) => !one.includes(':'))).toHaveLength(triedFour);
  });
});
