/** What plugins answer at `get_mx`, through a real Haraka: the domain's own MX, forged MX, and routes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { callIn } from '../../cli/lab_call';
import type { DomainSpec } from '../../../haraka-test-harness/world';

/**
 * The way to choose a source address: look the MX up, set `bind`, answer OK. The local part says what comes of the look-up on
 * its way through the plugin.
 */
const source = `
const net_utils = require('node:module').createRequire(require.main.filename)('haraka-net-utils');
const ways = {
  real: (list) => list,
  reversed: (list) => list.map((mx, at) => Object.assign(mx, { priority: at })).reverse(),
  subset: (list) => list.filter((mx) => mx.exchange.startsWith('mx2.')),
  forged: (list) => list.map((mx) => Object.assign(mx, { exchange: 'mx.evil.example' })),
  addresses: async (list) =>
    (await net_utils.resolve_mx_hosts(list)).map(({ exchange, from_dns }) => ({ exchange, from_dns })),
  flat: async (list, domain) =>
    (await net_utils.resolve_mx_hosts(list)).map(({ exchange }) => ({ exchange, from_dns: domain })),
  bare: async (list) => (await net_utils.resolve_mx_hosts(list)).map(({ exchange }) => ({ exchange })),
  names: (list) => list.map(({ exchange }) => exchange),
  nothing: (list, domain) => [{ exchange: '', priority: 0, from_dns: domain }],
  empty: () => [{}],
  static: (list, domain) => [{ exchange: 'mx1.' + domain, from_dns: domain }],
  mixed: (list) => [{ exchange: 'mx.evil.example' }, { exchange: list[0].exchange }],
};
exports.hook_get_mx = async (next, hmail, domain) => {
  const way = ways[hmail.todo.rcpt_to[0].user];
  if (way === undefined) return next();
  const list = await way(await net_utils.get_mx(domain).catch(() => []), domain);
  next(OK, list.map((mx) => typeof mx === 'string' ? mx : Object.assign(mx, { bind: '127.0.0.77' })));
};`;

/** A smarthost by name: one that \`routes[]\` lists, one that it does not, and the plugin itself. */
const smarthost = (user: string, exchange: string): string => `
exports.hook_get_mx = (next, hmail) =>
  hmail.todo.rcpt_to[0].user === '${user}' ? next(OK, { exchange: '${exchange}', priority: 0 }) : next();`;

const levels = [
  'none',
  'opportunistic',
  'mandatory',
  'verify',
  'opportunistic_dane',
  'mandatory_dane',
  'mta_sts',
  'auto',
] as const;
type Level = (typeof levels)[number];

const signed = (level: Level): string => `signed-${level.replace('_', '-')}.example`;
const unsigned = (level: Level): string => `unsigned-${level.replace('_', '-')}.example`;

/** DANE and an `enforce` policy protect it. */
function protectedDomain(domain: string, dnssec: 'secure' | 'insecure'): DomainSpec {
  const tlsa = dnssec === 'secure' ? (['match'] as const) : [];
  return {
    dnssec,
    mx: [
      { host: `mx1.${domain}`, preference: 10, tlsa },
      { host: `mx2.${domain}`, preference: 20, tlsa },
    ],
    sts: {},
  };
}

/** Requirement where delivered, else the reason, and which host was connected to. */
type Expected = readonly [outcome: string, host: string];

const evil = 'mx.evil.example';

/** What each level makes of the MX hosts of a signed, and of an unsigned domain, which both have a policy. */
const asOwn: Readonly<Record<Level, readonly [signed: string, unsigned: string]>> = {
  none: ['cleartext', 'cleartext'],
  opportunistic: ['opportunistic (opportunistic)', 'opportunistic (opportunistic)'],
  mandatory: ['encrypted (mandatory)', 'encrypted (mandatory)'],
  verify: ['pkix (verify)', 'pkix (verify)'],
  opportunistic_dane: ['dane (dane)', 'opportunistic (no-dane)'],
  mandatory_dane: ['dane (dane)', 'dane-required'],
  mta_sts: ['pkix (sts-enforce)', 'pkix (sts-enforce)'],
  auto: ['dane (dane)', 'pkix (sts-enforce)'],
};

/** And of a host that is none of them, has a certificate for its own name, and TLSA records that fit. */
const asForged: typeof asOwn = {
  none: ['cleartext', 'cleartext'],
  opportunistic: ['opportunistic (opportunistic)', 'opportunistic (opportunistic)'],
  mandatory: ['encrypted (mandatory)', 'encrypted (mandatory)'],
  verify: ['pkix (verify)', 'pkix (verify)'],
  opportunistic_dane: ['dane-required', 'dane (dane)'],
  mandatory_dane: ['dane-required', 'dane-required'],
  mta_sts: ['mx-not-in-policy', 'mx-not-in-policy'],
  auto: ['dane-required', 'mx-not-in-policy'],
};

describe('an answer to get_mx', { tags: ['regression'] }, () => {
  let lab: Lab;
  beforeAll(async () => {
    const domains = levels.flatMap((level): [string, DomainSpec][] => [
      [signed(level), protectedDomain(signed(level), 'secure')],
      [unsigned(level), protectedDomain(unsigned(level), 'insecure')],
    ]);
    lab = await startLab(
      {
        domains: Object.fromEntries([
          ...domains,
          ['alone.example', { dnssec: 'secure', implicit: { tlsa: ['match'] } }],
          [
            'silent-mandatory.example',
            { lookups: { MX: 'servfail' }, mx: [{ host: 'mx1.silent-mandatory.example' }] },
          ],
          ['silent-auto.example', { lookups: { MX: 'servfail' }, mx: [{ host: 'mx1.silent-auto.example' }] }],
        ]),
        hosts: {
          'mx1.silent-mandatory.example': {},
          'mx1.silent-auto.example': {},
          [evil]: { dnssec: 'secure', tlsa: ['match'] },
          'unlisted.provider.example': {},
          'listed.provider.example': { dnssec: 'secure', tlsa: ['match'] },
          'plugin.provider.example': { dnssec: 'secure', tlsa: ['match'] },
        },
      },
      {
        plugins: ['source', 'unlisted', 'listed', 'by_plugin', 'recipient-routes', 'tls-peers'],
        ownPlugins: {
          source,
          unlisted: smarthost('unlisted', 'unlisted.provider.example'),
          listed: smarthost('listed', 'listed.provider.example'),
          by_plugin: smarthost('plugin', 'plugin.provider.example'),
          // In place of the one of that name, which answers with what is in its file.
          'recipient-routes': smarthost('routed', 'unlisted.provider.example'),
        },
        config: {
          // Where a message went is seen by the connection that was made for it.
          'tls-peers.ini':
            '[outbound]\nroutes[] = Listed.Provider.Example\nroutes[] = by_plugin\n[delivery]\nreuse_connections = false\n',
          'tls-peers/ours.example.ini': [
            ...levels.flatMap((level) =>
              [signed(level), unsigned(level)].map(
                (domain) => `[outbound ${domain}]\nsecurity_level = ${level}\n`,
              ),
            ),
            '[outbound alone.example]\nsecurity_level = mandatory_dane\n',
            '[outbound silent-mandatory.example]\nsecurity_level = mandatory\n',
            '[outbound silent-auto.example]\nsecurity_level = auto\n',
          ].join(''),
        },
      },
    );
  });
  afterAll(() => lab.stop());

  /** One message; which hosts were connected to, and from where. */
  async function send(way: string, domain: string) {
    const before = new Map(lab.peers.map((peer) => [peer, peer.connections.length]));
    const { status, summary, error } = await lab.deliver({
      from: 'sender@ours.example',
      to: `${way}@${domain}`,
    });
    const [reason] = (summary?.['reasons'] ?? []) as { reason: string; text: string }[];
    const fresh = lab.peers.flatMap((peer) =>
      peer.connections.slice(before.get(peer)).map(({ remoteAddress: from }) => ({ host: peer.name, from })),
    );
    const outcome = status === 'delivered' ? String(summary?.['requirement']) : `${reason?.reason}`;
    const discovered = String(summary?.['discovered']);
    return { outcome, host: fresh[0]?.host ?? '', from: fresh[0]?.from ?? '', error, discovered };
  }

  function expectedOf(outcome: string, host: string): Expected {
    return [outcome, /^(?:dane-required|mx-not-in-policy)$/.test(outcome) ? '' : host];
  }

  const ways = ['real', 'reversed', 'subset', 'addresses', 'flat', 'bare', 'names'] as const;

  describe.each(levels)('at %s', (level) => {
    const worlds = [
      [signed(level), asOwn[level][0], asForged[level][0]],
      [unsigned(level), asOwn[level][1], asForged[level][1]],
    ] as const;

    test.each(ways)('with the real MX (%s) is held to what the domain has', async (way) => {
      for (const [domain, own] of worlds) {
        const { outcome, host, from, discovered } = await send(way, domain);
        const first = way === 'subset' || way === 'reversed' ? `mx2.${domain}` : `mx1.${domain}`;
        expect([domain, outcome, host]).toEqual([domain, ...expectedOf(own, first)]);
        // As the plugin wants it.
        if (host !== '' && way !== 'names') expect(from).toBe('127.0.0.77');
        expect(discovered).toMatch(/^MX host, answered by source; /);
      }
    });

    test.each(['forged', 'mixed'])(
      'with MX data that is %s goes nowhere where the level rests on it',
      async (way) => {
        for (const [domain, own, forged] of worlds) {
          const isRefused = expectedOf(forged, evil)[1] === '';
          // The host that is real is tried where the other is refused.
          const expected =
            way === 'mixed' && isRefused ? expectedOf(own, `mx1.${domain}`) : expectedOf(forged, evil);
          const { outcome, host } = await send(way, domain);
          expect([domain, outcome, host]).toEqual([domain, ...expected]);
        }
      },
    );
  });

  /** A host that none of the levels finds by MX: with TLSA records of its own, or without. */
  const asRoute: Readonly<Record<Level, readonly [withTlsa: string, without: string]>> = {
    ...asOwn,
    opportunistic_dane: ['dane (dane)', 'opportunistic (no-dane)'],
    mandatory_dane: ['dane (dane)', 'dane-required'],
    mta_sts: ['opportunistic (no-sts)', 'opportunistic (no-sts)'],
    auto: ['dane (dane)', 'opportunistic (no-sts)'],
  };

  describe.each(levels)('a smarthost beside it, at %s,', (level) => {
    test.each([
      ['listed', 'listed.provider.example', 0, 'listed'],
      ['plugin', 'plugin.provider.example', 0, 'by_plugin'],
      ['routed', 'unlisted.provider.example', 1, 'recipient-routes'],
    ] as const)('is a route (%s)', async (way, host, which, by) => {
      for (const domain of [signed(level), unsigned(level)]) {
        const seen = await send(way, domain);
        expect([seen.outcome, seen.host]).toEqual(expectedOf(asRoute[level][which], host));
        expect(seen.discovered).toMatch(new RegExp(`^route, answered by ${by}; `));
      }
    });

    test('that nothing lists is held to the policy of the domain', async () => {
      const refusal = {
        mandatory_dane: 'dane-required',
        mta_sts: 'mx-not-in-policy',
        auto: 'mx-not-in-policy',
      };
      const expected = level in refusal ? refusal[level as keyof typeof refusal] : asRoute[level][1];
      for (const domain of [signed(level), unsigned(level)]) {
        const seen = await send('unlisted', domain);
        expect([seen.outcome, seen.host]).toEqual(expectedOf(expected, 'unlisted.provider.example'));
        if (seen.host === '')
          expect(seen.error).toContain('list it (or the plugin unlisted) under [outbound] routes[]');
      }
    });
  });

  test('a route that a policy would speak of is named once in the log', async () => {
    for (let time = 0; time < 2; time++) await send('listed', signed('auto'));
    const lines = lab.haraka.logLines.filter((line) =>
      line.includes('listed.provider.example, a route of the plugin listed'),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('[NOTICE]');
  });

  test('a domain that is its own host is itself', async () => {
    for (const way of ['real', 'flat', 'names']) {
      expect((await send(way, 'alone.example')).outcome).toBe('dane (dane)');
    }
  });

  test('a null MX does not end mail to a domain that has MX hosts, where the level rests on them', async () => {
    for (const level of levels) {
      const { status } = await lab.deliver({ from: 'sender@ours.example', to: `nothing@${signed(level)}` });
      const expected = /refused|required|policy/.test(asForged[level][0]) ? 'deferred' : 'bounced';
      expect([level, status]).toEqual([level, expected]);
    }
  });

  test('what names no host at all goes nowhere, and waits', async () => {
    for (const level of levels) {
      const { status, error } = await lab.deliver({
        from: 'sender@ours.example',
        to: `empty@${signed(level)}`,
      });
      expect([level, status]).toEqual([level, 'deferred']);
      // Haraka would connect to this machine.
      expect(error).not.toContain('no connection to');
    }
  });

  test('where our own look-up fails, a route goes, and the rest where the level asks for nothing', async () => {
    expect(await send('listed', 'silent-auto.example')).toMatchObject({ outcome: 'dane (dane)' });
    expect(await send('static', 'silent-mandatory.example')).toMatchObject({
      outcome: 'encrypted (mandatory)',
      host: 'mx1.silent-mandatory.example',
    });
    expect(await send('static', 'silent-auto.example')).toMatchObject({
      outcome: 'dns-lookup-failed',
      host: '',
    });
  });

  describe('explained', () => {
    const explain = (domain: string, ...args: string[]) =>
      callIn(lab, ['explain', ...args, 'sender@ours.example', `rcpt@${domain}`]);

    test('says which host is what, and what each is held to', async () => {
      const domain = signed('auto');
      const hosts = `mx1.${domain}/${domain},${evil}/${domain},listed.provider.example`;
      const { code, out } = await explain(domain, '--mx', hosts, '--by', 'haraka-plugin-source');
      expect(code).toBe(0);
      expect(out).toContain(`MX           ${domain}: signed and validated: mx1.${domain} mx2.${domain}`);
      expect(out).toContain('answer       of source to get_mx');
      expect(out).toMatch(new RegExp(`^  MX host +mx1.${domain} .*TLSA 3 1 1`, 'm'));
      expect(out).toMatch(/^ {2}no MX host, from DNS +mx\.evil\.example /m);
      expect(out).toMatch(/^ {2}route +listed\.provider\.example /m);
      expect(out).toMatch(
        new RegExp(`^try +mx1.${domain} .*MX host, answered by source; DANE: secure MX`, 'm'),
      );
      expect(out).toMatch(/^try +listed\.provider\.example .*route, answered by source; DANE: secure MX/m);
      expect(out).toMatch(
        /^refuse +mx\.evil\.example +dane-required: the plugin source answered get_mx with/m,
      );
    });

    test('says what to do about a smarthost that is not listed, and ends with code 1', async () => {
      const { code, out } = await explain(unsigned('auto'), '--mx', 'unlisted.provider.example', '--json');
      const { destination, decision } = JSON.parse(out) as {
        destination: { hosts: { standing: { kind: string } }[] };
        decision: { refused: { failure: { text: string } }[] };
      };
      expect([code, destination.hosts[0]?.standing.kind]).toEqual([1, 'stray']);
      expect(decision.refused[0]?.failure.text).toContain(
        'list it under [outbound] routes[] in tls-peers.ini',
      );
    });

    test('needs nothing of the domain for a route', async () => {
      const { code, out } = await explain(
        'silent-auto.example',
        '--mx',
        'unlisted.provider.example',
        '--by',
        'relay',
      );
      expect([code, out.includes('MX           ')]).toEqual([0, false]);
      expect(out).toMatch(
        /^try +unlisted\.provider\.example .*route, answered by relay; .*MTA-STS was not asked for/m,
      );
      const failed = await explain(
        'silent-auto.example',
        '--mx',
        'mx1.silent-auto.example/silent-auto.example',
      );
      expect(failed.code).toBe(1);
      expect(failed.out).toContain('MX           silent-auto.example: the lookup failed');
    });
  });
});
