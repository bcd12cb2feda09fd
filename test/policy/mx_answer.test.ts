import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FailedLookup } from '../../src/dns/types';
import {
  classified,
  isRoute,
  needsAddresses,
  type AnsweredHost,
  type OwnHost,
  type OwnMx,
} from '../../src/policy/mx_answer';
import { domain, failed } from './facts';

const own: readonly OwnHost[] = [
  { host: 'mx1.peer.example', addresses: ['192.0.2.1', '2001:db8::1'] },
  { host: 'mx2.peer.example', addresses: ['192.0.2.2'] },
];

function known(hosts: readonly OwnHost[], missing?: FailedLookup): OwnMx {
  return { kind: 'known', security: 'secure', canonicalName: domain, hosts, missing };
}

/** `exchange`, or `exchange < from_dns`. */
function hostOf(text: string): AnsweredHost {
  const [exchange = '', fromDns] = text.split(' < ');
  return { exchange, fromDns };
}

const routes = ['smart.provider.example', '198.51.100.7', 'my_router', '::ffff:198.51.100.8'];

/** What becomes of each host: `mx1.peer.example` for that MX host, else its standing. */
function standings(by: string | undefined, hosts: readonly string[], of: OwnMx): string[] {
  return classified({ by, hosts: hosts.map(hostOf) }, domain, of, routes).map(({ standing }) =>
    standing.kind === 'own_mx' ? standing.host : standing.kind,
  );
}

const [mx1, mx2] = ['mx1.peer.example', 'mx2.peer.example'];
const some = 'some_plugin';

describe('an answer to get_mx', { tags: ['regression'] }, () => {
  test.each<[what: string, by: string | undefined, hosts: string[], expected: string[]]>([
    ['the MX look-up', some, [`${mx1} < ${domain}`, `${mx2} < ${domain}`], [mx1, mx2]],
    ['in another order', some, [`${mx2} < ${domain}`, `${mx1} < ${domain}`], [mx2, mx1]],
    ['a part of it', some, [`${mx2} < ${domain}`], [mx2]],
    ['in capitals, with a dot', some, [`MX1.Peer.Example. < ${domain}`], [mx1]],
    ['with addresses found', some, [`192.0.2.1 < ${mx1}`, `192.0.2.2 < ${mx2}`], [mx1, mx2]],
    [
      'with the domain beside addresses',
      some,
      [`2001:DB8:0::1 < ${domain}`, `192.0.2.2 < ${domain}`],
      [mx1, mx2],
    ],
    ['addresses alone', some, ['192.0.2.2', '2001:db8::1'], [mx2, mx1]],
    ['mapped addresses', some, ['::ffff:192.0.2.2'], [mx2]],
    ['names alone', some, [mx1, mx2], [mx1, mx2]],
    // It is held to that host, wherever the connection leads.
    ['a name with an address that is not the one known', some, [`203.0.113.9 < ${mx1}`], [mx1]],
    ['a strange name with the address of a host', some, ['192.0.2.2 < elsewhere.example'], [mx2]],
    ['a name that another has', some, [`evil.example < ${domain}`], ['forged']],
    ['an address that another has', some, [`203.0.113.9 < ${domain}`], ['forged']],
    ['an address, a strange name', some, ['203.0.113.9 < evil.example'], ['forged']],
    ['a null MX', some, [` < ${domain}`], ['forged']],
    ['a stranger beside an MX host', some, ['evil.example', mx1], ['forged', mx1]],
    ['a stranger beside an address of an MX host', some, ['evil.example', '192.0.2.1'], ['forged', mx1]],
    [
      'a stranger beside one with from_dns',
      some,
      ['evil.example', `bad.example < ${domain}`],
      ['stray', 'forged'],
    ],
    ['a stranger alone', some, ['evil.example'], ['stray']],
    ['an address of a stranger', some, ['203.0.113.9'], ['stray']],
    ['nothing', some, [], []],
    // Below the name of an MX host is another host.
    ['a name below', some, ['a.mx1.peer.example'], ['stray']],
    ['no name at all', some, ['a..b', ''], ['stray', 'stray']],

    ['a host that is listed', some, ['Smart.Provider.Example.'], ['route']],
    ['an address that is listed', some, ['198.51.100.7', '198.51.100.8'], ['route', 'route']],
    [
      'one that is listed beside one that is not',
      some,
      ['smart.provider.example', 'evil.example'],
      ['route', 'stray'],
    ],
    [
      'one that is listed beside an MX host',
      some,
      ['smart.provider.example', mx1, 'x.example'],
      ['route', mx1, 'forged'],
    ],
    // Forged MX data could name it.
    ['a host that is listed, from DNS', some, [`smart.provider.example < ${domain}`], ['forged']],
    ['from a plugin that is listed', 'my_router', ['evil.example', mx1], ['route', 'route']],
    [
      'MX data from a plugin that is listed',
      'my_router',
      [`evil.example < ${domain}`, `${mx1} < ${domain}`],
      ['forged', mx1],
    ],
    ['from another plugin', 'My_Router', ['evil.example'], ['stray']],
    ['from nobody knows whom', undefined, ['evil.example', 'smart.provider.example'], ['stray', 'route']],
    ...[
      'queue/smtp_forward',
      'queue/smtp_bridge',
      'queue/lmtp',
      'relay',
      'recipient-routes',
      'qmail-deliverable',
    ].map((by): [string, string, string[], string[]] => [
      `from ${by}`,
      by,
      ['evil.example', mx1, '203.0.113.9'],
      ['route', 'route', 'route'],
    ]),
    ['from a plugin that has the name of one', 'my/relay', ['evil.example'], ['stray']],
    [
      'from DNS, by a routing plugin',
      'relay',
      [`${mx1} < ${domain}`, `evil.example < ${domain}`],
      [mx1, 'forged'],
    ],
  ])('%s', (_what, by, hosts, expected) => {
    expect(standings(by, hosts, known(own))).toEqual(expected);
  });

  test('about a domain that is its own host', () => {
    const itself = known([{ host: domain, addresses: ['192.0.2.1'] }]);
    expect(
      standings(some, [domain, `192.0.2.1 < ${domain}`, `203.0.113.9 < ${domain}`, '203.0.113.9'], itself),
    ).toEqual(
      // Held to its name, whichever of its addresses our resolver was told.
      [domain, domain, domain, 'forged'],
    );
  });

  test('about a domain that is one of its MX hosts: an address tells which', () => {
    const both = known([
      { host: domain, addresses: ['192.0.2.1'] },
      { host: mx2, addresses: ['192.0.2.2'] },
    ]);
    expect(standings(some, [`192.0.2.2 < ${domain}`, `192.0.2.1 < ${domain}`], both)).toEqual([mx2, domain]);
  });

  test('about a domain that takes no mail, or does not exist', () => {
    const none = [` < ${domain}`, `${mx1} < ${domain}`, 'smart.provider.example'];
    expect(standings(some, none, known([{ host: '', addresses: [] }]))).toEqual(['', 'forged', 'route']);
    expect(standings(some, none, known([]))).toEqual(['forged', 'forged', 'route']);
  });

  test('is not to be told where our own look-up failed, but for routes', () => {
    const hosts = [`${mx1} < ${domain}`, 'evil.example', 'smart.provider.example'];
    expect(standings(some, hosts, failed())).toEqual(['unknown', 'unknown', 'route']);
    expect(standings('relay', hosts, failed())).toEqual(['unknown', 'route', 'route']);
    // Names are known all the same where only addresses are not.
    const half = known(own, failed());
    expect(standings(some, [mx1, 'evil.example', '203.0.113.9', '192.0.2.1'], half)).toEqual([
      mx1,
      'forged',
      'unknown',
      mx1,
    ]);
  });

  test('asks for addresses only where they tell more', () => {
    const needs = (text: string) =>
      needsAddresses(hostOf(text), domain, known(own.map(({ host }) => ({ host, addresses: [] }))));
    expect([mx1, 'evil.example', `${mx1} < ${domain}`, `192.0.2.1 < ${mx1}`].map(needs)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(['192.0.2.1', `192.0.2.1 < ${domain}`, '192.0.2.1 < evil.example'].map(needs)).toEqual([
      true,
      true,
      true,
    ]);
  });
});

test('whatever carries from_dns is no route, and nothing that our resolver does not list is an MX host', () => {
  const exchange = fc.constantFrom(
    mx1,
    'evil.example',
    'smart.provider.example',
    '192.0.2.1',
    '203.0.113.9',
    '',
  );
  const fromDns = fc.constantFrom(undefined, domain, mx2, 'evil.example');
  const by = fc.constantFrom(undefined, some, 'my_router', 'relay');
  fc.assert(
    fc.property(by, fc.array(fc.record({ exchange, fromDns }), { maxLength: 4 }), (plugin, hosts) => {
      const names = own.map(({ host }) => host);
      for (const { host, standing } of classified({ by: plugin, hosts }, domain, known(own), routes)) {
        if (host.fromDns !== undefined) expect(standing.kind).not.toBe('route');
        expect(standing.kind === 'route').toBe(isRoute(host, plugin, routes));
        if (standing.kind === 'own_mx') expect(names).toContain(standing.host);
        if (host.fromDns !== undefined) expect(standing.kind).not.toBe('stray');
      }
    }),
  );
});
