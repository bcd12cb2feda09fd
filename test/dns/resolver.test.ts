import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createResolver, type Resolver, type ResolverOptions } from '../../src/dns/resolver';
import type { ResolverServer } from '../../src/dns/server';
import { encodeAnswer, framed, LabResolver, type LabAnswer, type LabQuery, type Zone } from './lab_resolver';
import { heldNow, nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

async function lab(zone: Zone, options: Parameters<typeof LabResolver.start>[1] = {}): Promise<LabResolver> {
  const started = await LabResolver.start(zone, options);
  cleanups.push(() => started.close());
  return started;
}

function resolverFor(servers: readonly ResolverServer[], options: Partial<ResolverOptions> = {}): Resolver {
  const resolver = createResolver({ servers, ...options });
  cleanups.push(() => resolver.close());
  return resolver;
}

async function world(zone: Zone, options: Partial<ResolverOptions> = {}) {
  const started = await lab(zone);
  return { lab: started, resolver: resolverFor([started.server], options) };
}

/** For what never comes: it is not worth the usual wait. */
const impatient: Partial<ResolverOptions> = { timeoutMs: 200 };

/** A port on which nothing listens. */
async function deadServer(): Promise<ResolverServer> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return { transport: 'udp', address: '127.0.0.1', port };
}

const one: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] };
const two: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.2' }] };
const insecureOne: LabAnswer = { answers: [{ type: 'A', data: '192.0.2.1' }] };

/** What matters of an answer, in a word. */
async function gist(answer: ReturnType<Resolver['a']>): Promise<string> {
  const got = await answer;
  if (got.kind === 'failed') return got.cause;
  const security = got.secure ? 'secure' : 'insecure';
  return got.kind === 'records' ? `${security} ${got.records.join(' ')}` : `${security} ${got.denial}`;
}

describe('an answer', () => {
  test.each<[string, LabAnswer, string]>([
    ['data with AD', one, 'secure 192.0.2.1'],
    ['data without AD', insecureOne, 'insecure 192.0.2.1'],
    ['no data with AD', { ad: true, soa: 60 }, 'secure nodata'],
    ['no data without AD', { soa: 60 }, 'insecure nodata'],
    ['no such name with AD', { ad: true, rcode: 3, soa: 60 }, 'secure nxdomain'],
    ['no such name without AD', { rcode: 3, soa: 60 }, 'insecure nxdomain'],
    ['SERVFAIL', { rcode: 2 }, 'servfail'],
    ['SERVFAIL explained as bogus', { rcode: 2, extendedError: 6 }, 'bogus'],
    ['REFUSED', { rcode: 5 }, 'refused'],
  ])('%s', async (_name, answer, expected) => {
    const { resolver } = await world({ 'a.example A': answer });
    expect(await gist(resolver.a('a.example'))).toBe(expected);
  });

  test('holds MX records in canonical form', async () => {
    const exchange = 'MX1.Example.com';
    const { resolver } = await world({
      'example.com MX': { ad: true, answers: [{ type: 'MX', ttl: 77, data: { preference: 10, exchange } }] },
    });
    expect(await resolver.mx('example.com')).toEqual({
      kind: 'records',
      secure: true,
      records: [{ preference: 10, exchange: 'mx1.example.com' }],
      canonicalName: 'example.com',
      ttl: 77,
    });
  });

  test.each([
    ['a space', '10 mx.example', '10\\032mx.example'],
    ['a NUL', 'm\0x.example', 'm\\000x.example'],
    ['a backslash', 'm\\x.example', 'm\\092x.example'],
    ['octets beyond ASCII', 'mü.example', 'm\\195\\188.example'],
  ])('holds an MX record with %s in a label, and those beside it', async (_name, odd, written) => {
    const answers: LabAnswer['answers'] = [
      { type: 'MX', data: { preference: 10, exchange: odd } },
      { type: 'MX', data: { preference: 20, exchange: 'mx.example' } },
    ];
    const { resolver } = await world({ 'example.com MX': { ad: true, answers } });
    expect(await resolver.mx('example.com')).toMatchObject({
      kind: 'records',
      records: [
        { preference: 10, exchange: written },
        { preference: 20, exchange: 'mx.example' },
      ],
    });
  });

  test('is insecure over a path that is not trusted, whatever AD says', async () => {
    const started = await lab({ 'a.example A': one });
    // Docker's forwarder is on loopback, and the lab listens on 127.0.0.1 only: a socket there answers for it.
    const forwarder = createSocket('udp4').bind(0, '127.0.0.11');
    await once(forwarder, 'listening');
    cleanups.push(() => new Promise<void>((resolve) => forwarder.close(() => resolve())));
    forwarder.on('message', (query, from) => {
      const reply = encodeAnswer({ id: query.readUInt16BE(0), name: 'a.example', type: 'A' }, one);
      forwarder.send(reply, from.port, from.address);
    });
    const server = { transport: 'udp', address: '127.0.0.11', port: forwarder.address().port } as const;
    expect(await gist(resolverFor([server]).a('a.example'))).toBe('insecure 192.0.2.1');
    expect(await gist(resolverFor([server], { trustAd: true }).a('a.example'))).toBe('secure 192.0.2.1');
    expect(await gist(resolverFor([started.server]).a('a.example'))).toBe('secure 192.0.2.1');
  });

  test('comes from a resolver at an IPv6 address as well', async ({ skip }) => {
    const socket = createSocket('udp6');
    cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    const bound = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(0, '::1', () => resolve(true));
    });
    if (!bound) skip('no IPv6 on this machine');
    socket.on('message', (query, from) => {
      const reply = encodeAnswer({ id: query.readUInt16BE(0), name: 'a.example', type: 'A' }, one);
      socket.send(reply, from.port, from.address);
    });
    const server = { transport: 'udp', address: '::1', port: socket.address().port } as const;
    expect(await gist(resolverFor([server]).a('a.example'))).toBe('secure 192.0.2.1');
  });

  test('of no resolver at all is a failure', async () => {
    const resolver = resolverFor([await deadServer()]);
    expect(await gist(resolver.a('a.example'))).toBe('network');
  });

  test.each([['a..b'], ['ä.example'], ['x'.repeat(64)], ['A.example'], ['a\u0000.example']])(
    'for %j, which cannot be asked for, is a failure without a question',
    async (name) => {
      const started = await world({});
      expect(await gist(started.resolver.a(name))).toBe('malformed');
      expect(started.lab.asked).toEqual([]);
    },
  );
});

describe('aliases that the resolver leaves unfollowed', () => {
  test('are followed, secure only if every answer is', async () => {
    const zone = (ad: boolean): Zone => ({
      'a.example A': { ad: true, answers: [{ type: 'CNAME', data: 'b.example', ttl: 50 }] },
      'b.example A': { ...one, ad },
    });
    const secure = await world(zone(true));
    expect(await secure.resolver.a('a.example')).toMatchObject({
      secure: true,
      canonicalName: 'b.example',
      ttl: 50,
    });
    const insecure = await world(zone(false));
    expect(await insecure.resolver.a('a.example')).toMatchObject({
      secure: false,
      canonicalName: 'b.example',
    });
  });

  test('that never end are a failure, after a bounded number of questions', async () => {
    const next = ({ name }: LabQuery): LabAnswer => ({
      ad: true,
      answers: [{ type: 'CNAME', data: `${Number(name.split('.')[0]) + 1}.example` }],
    });
    const started = await lab({}, { otherwise: next });
    expect(await gist(resolverFor([started.server]).a('0.example'))).toBe('alias_loop');
    expect(started.queries.length).toBeLessThan(20);
  });
});

describe('bad input:', () => {
  const real = (query: LabQuery) => encodeAnswer(query, one);
  const corrupted = (query: LabQuery, change: (bytes: Buffer) => void) => {
    const bytes = real(query);
    change(bytes);
    return bytes;
  };

  describe('ignored and counted, while the real answer still counts:', () => {
    test.each<[string, (query: LabQuery) => Buffer]>([
      ['another id', (query) => encodeAnswer({ ...query, id: query.id ^ 1 }, two)],
      ['another name', (query) => encodeAnswer({ ...query, name: 'b.example' }, two)],
      ['another type', (query) => encodeAnswer({ ...query, type: 'AAAA' }, two)],
      ['another class', (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(3, 12 + 11 + 2))],
      ['QR = 0', (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0x0100, 2))],
      ['another opcode', (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0xa180, 2))],
      ['no question', (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0, 4))],
      ['half a header', (query) => real(query).subarray(0, 6)],
      ['nothing', () => Buffer.alloc(0)],
    ])('%s', async (_name, forge) => {
      const { resolver } = await world({ 'a.example A': (query) => [forge(query), real(query)] });
      expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
      expect(resolver.status().traffic).toMatchObject({ foreign: 1, udp: 1 });
    });

    test('another source, which not even arrives', async () => {
      const stranger = createSocket('udp4').bind(0, '127.0.0.2');
      await once(stranger, 'listening');
      cleanups.push(() => new Promise<void>((resolve) => stranger.close(() => resolve())));
      const { resolver } = await world({
        'a.example A': async (query) => {
          await new Promise<void>((resolve) => {
            stranger.send(encodeAnswer(query, two), query.port, '127.0.0.1', () => resolve());
          });
          return real(query);
        },
      });
      expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
      expect(resolver.status().traffic).toMatchObject({ foreign: 0, udp: 1 });
    });
  });

  describe('a failure:', () => {
    test.each<[string, Zone[string], string]>([
      ['silence', () => 'silence', 'timeout'],
      ['only foreign answers', (query) => encodeAnswer({ ...query, id: query.id ^ 1 }, one), 'timeout'],
      [
        'counts that exceed the message',
        (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0xffff, 6)),
        'malformed',
      ],
      ['a count too low', (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0, 6)), 'malformed'],
      ['octets left over', (query) => Buffer.concat([real(query), Buffer.from([0])]), 'malformed'],
      [
        'RDATA whose length lies',
        (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(5, 27 + 11 + 8)),
        'malformed',
      ],
      [
        'a name that points at itself',
        (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0xc000 + 27, 27)),
        'malformed',
      ],
      ['truncated over UDP and over TCP', { tc: true }, 'malformed'],
      [
        'FORMERR without a question',
        ({ id }) => Buffer.from([id >> 8, id & 255, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]),
        'refused',
      ],
    ])('%s', async (_name, behaviour, cause) => {
      const { resolver } = await world({ 'a.example A': behaviour }, cause === 'timeout' ? impatient : {});
      expect(await gist(resolver.a('a.example'))).toBe(cause);
    });
  });

  test('a resolver that drops DO and AD leaves every answer insecure', async () => {
    const { resolver } = await world({
      'a.example A': (query) => corrupted(query, (bytes) => bytes.writeUInt16BE(0x8180, 2)),
    });
    expect(await gist(resolver.a('a.example'))).toBe('insecure 192.0.2.1');
  });
});

describe('TCP', () => {
  const overTcp = (tcp: (query: LabQuery) => LabAnswer | Buffer | 'silence'): Zone => ({
    'a.example A': (query) => (query.over === 'udp' ? { tc: true } : tcp(query)),
  });

  test('takes over where UDP is truncated', async () => {
    const { resolver } = await world(overTcp(() => one));
    expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
    expect(resolver.status().traffic).toMatchObject({ udp: 1, tcp: 1 });
  });

  test('brings an answer of 64 KB', async () => {
    const text = 'x'.repeat(255);
    const answers = Array.from({ length: 15 }, () => ({
      type: 'TXT' as const,
      data: Array.from({ length: 16 }, () => text),
    }));
    const { resolver } = await world({
      'a.example TXT': ({ over }) => (over === 'udp' ? { tc: true } : { answers }),
    });
    const answer = await resolver.txt('a.example');
    expect(answer.kind === 'records' && answer.records.map((record) => record.length)).toEqual(
      Array(15).fill(16 * 255),
    );
  });

  test('ignores messages with another id, and takes the answer behind them', async () => {
    const { resolver } = await world(
      overTcp((query) => {
        query.socket?.write(framed(encodeAnswer({ ...query, id: query.id ^ 1 }, two)));
        return one;
      }),
    );
    expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
    expect(resolver.status().traffic.foreign).toBe(1);
  });

  test('takes an answer that comes octet by octet', async () => {
    const { resolver } = await world(
      overTcp((query) => {
        query.socket?.setNoDelay(true);
        for (const octet of framed(encodeAnswer(query, one))) query.socket?.write(Buffer.from([octet]));
        return 'silence';
      }),
    );
    expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
  });

  test.each<[string, (query: LabQuery) => Buffer | 'silence', string]>([
    ['says nothing', () => 'silence', 'timeout'],
    [
      'stalls inside a message',
      (query) => {
        query.socket?.write(framed(encodeAnswer(query, one)).subarray(0, 20));
        return 'silence';
      },
      'timeout',
    ],
    [
      'closes inside a message',
      (query) => {
        query.socket?.end(framed(encodeAnswer(query, one)).subarray(0, 20));
        return 'silence';
      },
      'network',
    ],
    [
      'resets',
      (query) => {
        query.socket?.resetAndDestroy();
        return 'silence';
      },
      'network',
    ],
  ])('that %s is a failure', async (_name, tcp, cause) => {
    const { resolver } = await world(overTcp(tcp), cause === 'timeout' ? impatient : {});
    expect(await gist(resolver.a('a.example'))).toBe(cause);
  });

  test('that is not there is a failure', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    socket.on('message', (query, from) => {
      const reply = encodeAnswer({ id: query.readUInt16BE(0), name: 'a.example', type: 'A' }, { tc: true });
      socket.send(reply, from.port, from.address);
    });
    const server = { transport: 'udp', address: '127.0.0.1', port: socket.address().port } as const;
    expect(await gist(resolverFor([server]).a('a.example'))).toBe('network');
  });
});

describe('several resolvers', () => {
  test('a dead one is passed over, and remembered', async () => {
    const well = await lab({}, { otherwise: one });
    const dead = await deadServer();
    const resolver = resolverFor([dead, well.server]);
    expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
    expect(resolver.status().servers.map(({ unhealthy }) => unhealthy)).toEqual([true, false]);
    const { udp } = resolver.status().traffic;
    expect(await gist(resolver.a('b.example'))).toBe('secure 192.0.2.1');
    expect(resolver.status().traffic.udp).toBe(udp + 1);
  });

  test('one that refuses is passed over', async () => {
    const refusing = await lab({}, { otherwise: { rcode: 5 } });
    const well = await lab({}, { otherwise: one });
    expect(await gist(resolverFor([refusing.server, well.server]).a('a.example'))).toBe('secure 192.0.2.1');
  });

  test('a lost datagram is asked again', async () => {
    let lost = false;
    const zone: Zone = {
      'a.example A': () => {
        if (lost) return one;
        lost = true;
        return 'silence';
      },
    };
    const { resolver } = await world(zone, { timeoutMs: 500 });
    expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
  });

  test('one that lost an answer now and then is not unhealthy, one that never answers is', async () => {
    const { resolver } = await world({}, impatient);
    expect(resolver.status().servers).toMatchObject([{ trusted: true, unhealthy: false }]);
    const silent = await lab({}, { otherwise: () => 'silence' });
    const hopeless = resolverFor([silent.server], impatient);
    expect(await gist(hopeless.a('a.example'))).toBe('timeout');
    expect(hopeless.status().servers).toMatchObject([{ unhealthy: false }]);
    expect(await gist(hopeless.a('b.example'))).toBe('timeout');
    expect(hopeless.status().servers).toMatchObject([{ unhealthy: true }]);
  });

  test.each<[string, LabAnswer, LabAnswer, string]>([
    ['bogus is final', { rcode: 2, extendedError: 6 }, one, 'bogus'],
    ['SERVFAIL of one that may validate outweighs insecure data', { rcode: 2 }, insecureOne, 'servfail'],
    ['SERVFAIL of one that may validate outweighs an insecure denial', { rcode: 2 }, { soa: 9 }, 'servfail'],
    ['SERVFAIL gives way to a secure answer', { rcode: 2 }, one, 'secure 192.0.2.1'],
  ])('%s', async (_name, first, second, expected) => {
    const labs = [await lab({}, { otherwise: first }), await lab({}, { otherwise: second })];
    const resolver = resolverFor(labs.map(({ server }) => server));
    expect(await gist(resolver.a('a.example'))).toBe(expected);
  });
});

/** A resolver on a path that is not trusted, which answers the same to everything. */
async function untrusted(answer: LabAnswer): Promise<ResolverServer> {
  const socket = createSocket('udp4').bind(0, '127.0.0.11');
  await once(socket, 'listening');
  cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  socket.on('message', (query, from) => {
    const id = query.readUInt16BE(0);
    socket.send(encodeAnswer({ id, name: 'a.example', type: 'A' }, answer), from.port, from.address);
  });
  return { transport: 'udp', address: '127.0.0.11', port: socket.address().port };
}

describe('a resolver that can tell what DNSSEC vouches for, beside one that cannot', () => {
  /** What the first may do other than answer, and how that looks where DANE may hang on it. */
  const failures: [string, LabAnswer | 'silence' | 'dead', string][] = [
    ['silent', 'silence', 'timeout'],
    ['dead', 'dead', 'network'],
    ['refusing', { rcode: 5 }, 'refused'],
    ['failing', { rcode: 2 }, 'servfail'],
  ];

  async function mixed(first: LabAnswer | 'silence' | 'dead', order: 'first' | 'last' = 'first') {
    const able = first === 'dead' ? await deadServer() : (await lab({}, { otherwise: () => first })).server;
    const unable = await untrusted(two);
    return resolverFor(order === 'first' ? [able, unable] : [unable, able], impatient);
  }

  test.each(failures)('%s: where DANE may hang on it, nobody can tell', async (_name, first, expected) => {
    for (const order of ['first', 'last'] as const) {
      const resolver = await mixed(first, order);
      // The second time it is known to be unhealthy, and asked last.
      for (const name of ['a.example', 'b.example']) {
        expect(await gist(resolver.a(name, { dane: true }))).toBe(expected);
      }
    }
  });

  test.each(failures.filter(([name]) => name !== 'failing'))(
    '%s: for other mail the second will do',
    async (_name, first) => {
      const resolver = await mixed(first);
      expect(await gist(resolver.a('a.example', { dane: true }))).not.toContain('192.0.2.2');
      expect(await gist(resolver.a('a.example'))).toBe('insecure 192.0.2.2');
    },
  );

  test('wherever it stands in the list', async () => {
    const resolver = await mixed(one, 'last');
    expect(await gist(resolver.a('a.example', { dane: true }))).toBe('secure 192.0.2.1');
    expect(await gist(resolver.a('a.example'))).toBe('insecure 192.0.2.2');
  });

  test('is the one that was seen to validate, where the paths to both are trusted', async () => {
    const validating = await lab({
      'signed.example A': one,
      'a.example A': () => 'silence',
    });
    const other = await lab({}, { otherwise: insecureOne });
    const resolver = resolverFor([validating.server, other.server], impatient);
    expect(await gist(resolver.a('signed.example', { dane: true }))).toBe('secure 192.0.2.1');
    expect(await gist(resolver.a('a.example', { dane: true }))).toBe('timeout');
    expect(await gist(resolver.a('a.example'))).toBe('insecure 192.0.2.1');
  });

  test('two that both validate stand in for each other', async () => {
    const labs = [
      await lab({ 'signed.example A': one, 'unsigned.example A': () => 'silence' }),
      await lab({ '. NS': { ad: true, soa: 9 }, 'unsigned.example A': insecureOne }),
    ];
    const resolver = resolverFor(
      labs.map(({ server }) => server),
      impatient,
    );
    await resolver.probe();
    expect(await gist(resolver.a('signed.example', { dane: true }))).toBe('secure 192.0.2.1');
    expect(await gist(resolver.a('unsigned.example', { dane: true }))).toBe('insecure 192.0.2.1');
  });

  test('where no path is trusted, any resolver will do: nothing is secure', async () => {
    const resolver = resolverFor(
      [await deadServer(), await untrusted(two)].map(vouchedForByNobody),
      impatient,
    );
    expect(await gist(resolver.a('a.example', { dane: true }))).toBe('insecure 192.0.2.2');
  });
});

/** The same port at an address that is not trusted. */
function vouchedForByNobody(server: ResolverServer): ResolverServer {
  return { ...server, address: '127.0.0.11' };
}

describe('deadlines', () => {
  test('the deadline of a question ends it while tries are left', async () => {
    const { lab: silent, resolver } = await world(
      { 'a.example A': () => 'silence' },
      { timeoutMs: 10_000, deadlineMs: 100 },
    );
    expect(await gist(resolver.a('a.example'))).toBe('timeout');
    expect(silent.queries).toHaveLength(1);
  });

  test('a thousand names and more without an answer below one domain do not keep another domain from its own', async () => {
    const started = await lab({ 'mx.good.example A': one }, { otherwise: () => 'silence' });
    const resolver = resolverFor([started.server], { timeoutMs: 1_000, deadlineMs: 3_500 });
    const dead = Array.from({ length: 1_500 }, (_, i) => gist(resolver.a(`mx${i}.dead.example`)));
    expect(await gist(resolver.a('mx.good.example'))).toBe('secure 192.0.2.1');
    expect(new Set(await Promise.all(dead))).toEqual(new Set(['timeout']));
  });
});

describe('cancellation', () => {
  test('ends the question when nobody waits for it any more', async () => {
    const controller = new AbortController();
    const { resolver } = await world({
      'a.example A': () => {
        controller.abort();
        return 'silence';
      },
    });
    expect(await gist(resolver.a('a.example', { signal: controller.signal }))).toBe('cancelled');
    expect(resolver.status().cache).toMatchObject({ inFlight: 0, entries: 0 });
  });

  test("does not end another caller's wait for the same question", async () => {
    const controller = new AbortController();
    const { lab: started, resolver } = await world({
      'a.example A': () => {
        controller.abort();
        return one;
      },
    });
    const answers = await Promise.all([
      gist(resolver.a('a.example', { signal: controller.signal })),
      gist(resolver.a('a.example', { signal: new AbortController().signal })),
      gist(resolver.a('a.example')),
    ]);
    expect(answers).toEqual(['cancelled', 'secure 192.0.2.1', 'secure 192.0.2.1']);
    expect(started.queries).toHaveLength(1);
  });

  test('right after the question leaves nothing behind', async () => {
    const { resolver } = await world({ 'a.example A': one });
    const controller = new AbortController();
    const answer = gist(resolver.a('a.example', { signal: controller.signal }));
    controller.abort();
    expect(await answer).toBe('cancelled');
  });

  test('before the question asks nothing', async () => {
    const { lab: started, resolver } = await world({ 'a.example A': one });
    expect(await gist(resolver.a('a.example', { signal: AbortSignal.abort() }))).toBe('cancelled');
    expect(started.queries).toEqual([]);
  });

  test('closing the resolver answers what is in the air, and all that comes later', async () => {
    const { resolver } = await world({
      'a.example A': () => {
        resolver.close();
        return 'silence';
      },
    });
    expect(await gist(resolver.a('a.example'))).toBe('cancelled');
    expect(await gist(resolver.a('a.example'))).toBe('cancelled');
  });
});

describe('the cache', () => {
  test('answers again without a question', async () => {
    const { lab: started, resolver } = await world({ 'a.example A': one, 'b.example A': { rcode: 2 } });
    for (let i = 0; i < 3; i++) {
      expect(await gist(resolver.a('a.example'))).toBe('secure 192.0.2.1');
      expect(await gist(resolver.a('b.example'))).toBe('servfail');
      expect(await gist(resolver.a('c.example'))).toBe('secure nxdomain');
    }
    expect(started.asked).toEqual(['a.example A', 'b.example A', 'c.example A']);
    expect(resolver.status().cache).toMatchObject({ entries: 3, hits: 6, misses: 3 });
  });

  test('identical questions in the air are asked once', async () => {
    const { lab: started, resolver } = await world({ 'a.example A': one });
    const answers = await Promise.all(Array.from({ length: 1000 }, () => gist(resolver.a('a.example'))));
    expect(new Set(answers)).toEqual(new Set(['secure 192.0.2.1']));
    expect(started.asked).toEqual(['a.example A']);
  });

  test('a thousand different questions at once are all answered, on a bounded number of sockets', async () => {
    let most = 0;
    const started = await lab(
      {},
      {
        otherwise: () => {
          most = Math.max(most, heldNow('UDPWRAP'));
          return one;
        },
      },
    );
    // Datagrams may be lost where so many arrive at once, so this one may take its time.
    const resolver = resolverFor([started.server], { timeoutMs: 2_000, deadlineMs: 10_000 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => gist(resolver.a(`${i}.example`))),
    );
    expect(new Set(answers)).toEqual(new Set(['secure 192.0.2.1']));
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThan(512);
  });
});
