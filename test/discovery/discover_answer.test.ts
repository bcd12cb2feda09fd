/** What is asked about hosts that a plugin answered with, and what comes of it. */
import { afterEach, describe, expect, test } from 'vitest';
import { discoverAnswer, type AnsweredEntry } from '../../src/discovery/discover_answer';
import { createResolver } from '../../src/dns/resolver';
import type { StsFacts } from '../../src/mta_sts/types';
import type { OutboundRule } from '../../src/peers/rule';
import type { AnswerFacts } from '../../src/policy/decide_answer';
import { nothingLeft, watchLeftovers } from '../dns/leftovers';
import { LabResolver, type LabAnswer, type LabRecord, type Zone } from '../dns/lab_resolver';
import { domain, noPolicy, policy, rule } from '../policy/facts';

watchLeftovers();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

const mx = (exchange: string, preference = 10): LabRecord => ({ type: 'MX', data: { preference, exchange } });
const a = (data: string): LabRecord => ({ type: 'A', data });
const certificate = Buffer.alloc(32, 7);
const tlsa: LabRecord = { type: 'TLSA', data: { usage: 3, selector: 1, matchingType: 1, certificate } };
const secure = (...answers: LabAnswer['answers'] & object): LabAnswer => ({ ad: true, answers });
const insecure = (...answers: LabAnswer['answers'] & object): LabAnswer => ({ answers });

const never = new Promise<StsFacts>(() => undefined);

/** `exchange`, or `exchange < from_dns`. */
function entry(text: string, port = 25): AnsweredEntry {
  const [exchange = '', fromDns] = text.split(' < ');
  const isAddress = /^[\d.]+$/.test(exchange);
  return { exchange, fromDns, name: isAddress && fromDns !== undefined ? fromDns : exchange, port };
}

async function look(
  zone: Zone,
  of: OutboundRule,
  hosts: readonly (string | AnsweredEntry)[],
  { sts = Promise.resolve(noPolicy), to = domain, by = 'source' } = {},
) {
  const lab = await LabResolver.start(zone, { otherwise: { ad: true, soa: 60 } });
  const resolver = createResolver({ servers: [lab.server], timeoutMs: 300, deadlineMs: 1_000 });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  const policiesOf: string[] = [];
  const facts = (name: string) => {
    policiesOf.push(name);
    return sts;
  };
  const found = await discoverAnswer(
    { resolver, policies: { get: facts, refresh: facts } },
    of,
    {
      domain: to,
      answer: { by, hosts: hosts.map((host) => (typeof host === 'string' ? entry(host) : host)) },
      routes: ['smart.example'],
    },
    { signal: new AbortController().signal },
  );
  return { found, gist: found.hosts.map(gist), asked: [...new Set(lab.asked)].sort(), policiesOf };
}

function gist({
  standing,
  facts: { host, port, addresses, tlsa: records },
}: AnswerFacts['hosts'][number]): string {
  const where = addresses.kind === 'found' ? addresses.security : addresses.kind;
  return `${standing.kind} ${host}:${port} ${where}, TLSA ${records.kind}`;
}

const signed: Zone = {
  'peer.example MX': secure(mx('mx1.example', 10), mx('mx2.example', 20)),
  'mx1.example A': secure(a('192.0.2.1')),
  'mx2.example A': secure(a('192.0.2.2')),
  '_25._tcp.mx1.example TLSA': secure(tlsa),
  '_25._tcp.mx2.example TLSA': secure(tlsa),
};
const unsigned: Zone = { ...signed, 'peer.example MX': insecure(mx('mx1.example'), mx('mx2.example')) };

describe('what is asked', { tags: ['regression'] }, () => {
  test('about routes: nothing of the domain, neither MX nor policy', async () => {
    const silent: Zone = { 'peer.example MX': () => 'silence' };
    for (const level of ['auto', 'mta_sts', 'mandatory_dane', 'mandatory'] as const) {
      const {
        gist: seen,
        asked,
        policiesOf,
        found,
      } = await look(silent, rule(level), ['smart.example'], { sts: never });
      expect(seen.map((one) => one.split(' ')[0])).toEqual(['route']);
      expect([asked.filter((question) => question.startsWith('peer.example')), policiesOf]).toEqual([[], []]);
      expect(found.sts).toEqual({ kind: 'not_asked' });
    }
    expect((await look(silent, rule('auto'), ['mx1.example'], { by: 'relay' })).asked).not.toContain(
      'peer.example MX',
    );
  });

  test('about a part of the MX hosts: no more than these', async () => {
    const { gist: seen, asked } = await look(signed, rule('mandatory_dane'), [`mx2.example < ${domain}`]);
    expect(seen).toEqual(['own_mx mx2.example:25 secure, TLSA present']);
    expect(asked).toEqual([
      '_25._tcp.mx2.example TLSA',
      'mx2.example A',
      'mx2.example AAAA',
      'peer.example MX',
    ]);
  });

  test('about a host at another port: the records of that', async () => {
    const { gist: seen, asked } = await look(signed, rule('auto'), [entry(`mx2.example < ${domain}`, 587)]);
    expect(seen).toEqual(['own_mx mx2.example:587 secure, TLSA absent']);
    expect(asked).toContain('_587._tcp.mx2.example TLSA');
  });

  test('about addresses: those of all MX hosts', async () => {
    const hosts = [`192.0.2.2 < ${domain}`, '192.0.2.1', `203.0.113.9 < ${domain}`];
    const { gist: seen } = await look(signed, rule('opportunistic_dane'), hosts);
    expect(seen).toEqual([
      'own_mx mx2.example:25 secure, TLSA present',
      'own_mx mx1.example:25 secure, TLSA present',
      `forged ${domain}:25 none, TLSA absent`,
    ]);
  });

  test('at levels that ask for neither: no policy, and no TLSA', async () => {
    const { asked, policiesOf, found } = await look(signed, rule('verify'), ['mx1.example', 'evil.example'], {
      sts: never,
    });
    expect([asked, policiesOf, found.real]).toEqual([['peer.example MX'], [], 'not_asked']);
  });

  test('about the real hosts only where one is forged, and DANE might apply', async () => {
    const evil = `evil.example < ${domain}`;
    expect((await look(signed, rule('auto'), [evil])).found.real).toMatchObject({ kind: 'mx', secure: true });
    expect((await look(signed, rule('mta_sts'), [evil])).found.real).toBe('not_asked');
    expect((await look(signed, rule('auto'), ['evil.example'])).found.real).toBe('not_asked');
  });

  test('about an unsigned MX: TLSA where insecure_mx says so', async () => {
    const [dane, may] = [rule('auto'), rule('auto', { insecureMx: 'may' })];
    expect((await look(unsigned, dane, ['mx1.example'])).gist).toEqual([
      'own_mx mx1.example:25 secure, TLSA present',
    ]);
    expect((await look(unsigned, may, ['mx1.example'])).gist).toEqual([
      'own_mx mx1.example:25 not_asked, TLSA not_asked',
    ]);
  });
});

describe('a policy', { tags: ['regression'] }, () => {
  const enforce = policy('enforce', 'mx1.example');

  test('is not waited for where DANE settles it', async () => {
    expect((await look(signed, rule('auto'), ['mx1.example'], { sts: never })).found.sts).toEqual({
      kind: 'not_asked',
    });
  });

  test.each([
    ['an unsigned MX', unsigned, 'mx1.example', 'auto'],
    ['a forged host', signed, `evil.example < ${domain}`, 'auto'],
    ['a stray', signed, 'evil.example', 'auto'],
    ['mta_sts', signed, 'mx1.example', 'mta_sts'],
    [
      'a signed MX without TLSA',
      { ...signed, '_25._tcp.mx1.example TLSA': { ad: true, soa: 9 } },
      'mx1.example',
      'auto',
    ],
  ] as const)('is that of the recipient domain: %s', async (_name, zone, host, level) => {
    const { found, policiesOf } = await look(zone, rule(level), [host, 'smart.example'], {
      sts: Promise.resolve(enforce),
    });
    expect([found.sts, policiesOf]).toEqual([enforce, [domain]]);
  });
});

describe('a look-up of ours that fails', { tags: ['regression'] }, () => {
  const silent: Zone = { ...signed, 'peer.example MX': () => 'silence' };
  test.each(['mandatory', 'auto', 'mta_sts'] as const)(
    'leaves all but routes unknown, at %s',
    async (level) => {
      const { gist: seen } = await look(silent, rule(level), [`mx1.example < ${domain}`, 'smart.example']);
      expect(seen.map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
        'unknown mx1.example:25',
        'route smart.example:25',
      ]);
    },
  );

  test('of addresses leaves hosts that have a name alone', async () => {
    const half: Zone = { ...signed, 'mx2.example A': { rcode: 2 } };
    const { gist: seen } = await look(half, rule('verify'), ['mx1.example', '203.0.113.9', '192.0.2.1']);
    expect(seen.map((one) => one.split(' ')[0])).toEqual(['own_mx', 'unknown', 'own_mx']);
  });
});

describe('a domain', { tags: ['regression'] }, () => {
  const gistOf = async (zone: Zone, hosts: string[], to = domain) =>
    (await look(zone, rule('opportunistic'), hosts, { to })).gist.map((one) =>
      one.split(' ').slice(0, 2).join(' '),
    );

  test('with more MX hosts than are ever tried knows all of them by name', async () => {
    const many = Array.from({ length: 30 }, (_, i) => mx(`mx${i}.example`, i));
    expect(await gistOf({ 'peer.example MX': secure(...many) }, ['mx29.example', 'mx30.example'])).toEqual([
      'own_mx mx29.example:25',
      'forged mx30.example:25',
    ]);
  });

  test.each<[string, Zone, string, string[]]>([
    [
      'that is its own host',
      { 'peer.example A': secure(a('192.0.2.1')) },
      '192.0.2.1',
      [`own_mx ${domain}:25`],
    ],
    [
      'that does not exist',
      { 'peer.example MX': { rcode: 3, soa: 9 } },
      `mx1.example < ${domain}`,
      ['forged mx1.example:25'],
    ],
    ['with a null MX', { 'peer.example MX': secure(mx('.', 0)) }, ` < ${domain}`, ['own_mx :25']],
    ['with a null MX that it has not', signed, ` < ${domain}`, ['forged :25']],
    [
      'that is an alias',
      {
        'peer.example MX': secure(
          { type: 'CNAME', name: 'peer.example', data: 'real.example' },
          { name: 'real.example', ...mx('mx1.example') },
        ),
      },
      'mx1.example',
      ['own_mx mx1.example:25'],
    ],
  ])('%s', async (_name, zone, host, expected) => {
    expect(await gistOf(zone, [host])).toEqual(expected);
  });

  test('that is none has no MX hosts; an address in brackets is one', async () => {
    expect(await gistOf({}, ['evil.example < a..b'], 'a..b')).toEqual(['forged evil.example:25']);
    expect(await gistOf({}, ['192.0.2.1', '192.0.2.2'], '[192.0.2.1]')).toEqual([
      'own_mx 192.0.2.1:25',
      'forged 192.0.2.2:25',
    ]);
  });
});
