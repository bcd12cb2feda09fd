/** What each level makes of a host that a plugin answered with, by its standing. */
import { describe, expect, test } from 'vitest';
import { isFinal } from '../../src/delivery/attempt';
import type { Destination, RoutedHostFacts } from '../../src/dns/types';
import { securityLevels, type OutboundRule, type SecurityLevel } from '../../src/peers/rule';
import { decideAnswer, type AnswerFacts } from '../../src/policy/decide_answer';
import type { OwnMx, Standing } from '../../src/policy/mx_answer';
import type { Decision } from '../../src/policy/requirement';
import {
  addresses,
  domain,
  failed,
  host,
  mx,
  mxHost,
  noPolicy,
  policy,
  rule,
  tlsa,
  unusableRecord,
  usableRecord,
} from './facts';

const usable = { addresses: addresses(), tlsa: tlsa(usableRecord) } as const;
const absent = { addresses: addresses(), tlsa: { kind: 'absent' } } as const;

function facts(
  standing: Standing,
  changes: Partial<AnswerFacts> & { one?: Partial<RoutedHostFacts> } = {},
): AnswerFacts {
  const { one, ...others } = changes;
  const own: OwnMx = {
    kind: 'known',
    security: 'secure',
    canonicalName: domain,
    hosts: [],
    missing: undefined,
  };
  const about: RoutedHostFacts = { host, preference: 0, port: 25, ...usable, ...one };
  return {
    domain,
    by: 'source',
    hosts: [{ standing, facts: about }],
    own,
    real: 'not_asked',
    sts: noPolicy,
    ...others,
  };
}

function brief(decision: Decision): string {
  if (decision.kind !== 'deliver') return decision.kind;
  const [plan, refused] = [decision.hosts[0], decision.refused[0]];
  if (plan === undefined) return `refuse ${refused?.failure.reason}`;
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') return 'cleartext';
  return requirement.kind === 'opportunistic' ? 'opportunistic' : requirement.authentication.kind;
}

type Cells = Readonly<Record<SecurityLevel, string>>;
const unasked = { none: 'cleartext', opportunistic: 'opportunistic', mandatory: 'none', verify: 'pkix' };
const cells = (opportunistic_dane: string, mandatory_dane: string, mta_sts: string, auto: string): Cells => ({
  ...unasked,
  opportunistic_dane,
  mandatory_dane,
  mta_sts,
  auto,
});

const insecure: OwnMx = {
  kind: 'known',
  security: 'insecure',
  canonicalName: domain,
  hosts: [],
  missing: undefined,
};
const enforce = policy('enforce', host);
const elsewhere = policy('enforce', '*.other.example');
const testing = policy('testing', '*.other.example');
const mine: Standing = { kind: 'own_mx', host };
const unknown: Standing = { kind: 'unknown', failure: failed() };
const [route, stray, forged] = [{ kind: 'route' }, { kind: 'stray' }, { kind: 'forged' }] as const;

const real = (security: 'secure' | 'insecure', of: Parameters<typeof mxHost>[0]): Destination =>
  mx(security, mxHost(of));
const protectedByDane = real('secure', usable);
const unprotected = real('secure', absent);

const required = 'refuse dane-required';
const notNamed = 'refuse mx-not-in-policy';
const unanswered = 'refuse dns-lookup-failed';

const rows: readonly (readonly [name: string, facts: AnswerFacts, cells: Cells])[] = [
  [
    'a route: DANE, no policy',
    facts(route, { sts: elsewhere }),
    cells('dane', 'dane', 'opportunistic', 'dane'),
  ],
  [
    'a route without TLSA',
    facts(route, { one: absent, sts: elsewhere }),
    cells('opportunistic', required, 'opportunistic', 'opportunistic'),
  ],
  [
    'a route, whatever our look-up',
    facts(route, { own: failed() }),
    cells('dane', 'dane', 'opportunistic', 'dane'),
  ],

  ['an MX host, signed', facts(mine), cells('dane', 'dane', 'opportunistic', 'dane')],
  [
    'an MX host, signed, in no policy',
    facts(mine, { sts: elsewhere }),
    cells('dane', 'dane', notNamed, 'dane'),
  ],
  [
    'an MX host without TLSA, in a policy',
    facts(mine, { one: absent, sts: enforce }),
    cells('opportunistic', required, 'pkix', 'pkix'),
  ],
  ['an MX host, unsigned', facts(mine, { own: insecure }), cells('dane', required, 'opportunistic', 'dane')],
  [
    'an MX host, unsigned, in a policy',
    facts(mine, { own: insecure, sts: enforce }),
    cells('dane', required, 'pkix', 'dane_and_pkix'),
  ],
  [
    'an MX host, unsigned, in no policy',
    facts(mine, { own: insecure, sts: elsewhere }),
    cells('dane', required, notNamed, notNamed),
  ],
  [
    'an MX host, TLSA failed',
    facts(mine, { one: { tlsa: failed() } }),
    cells(unanswered, unanswered, 'opportunistic', unanswered),
  ],
  [
    'an MX host, unsigned, TLSA failed',
    facts(mine, { own: insecure, one: { tlsa: failed() } }),
    cells(unanswered, required, 'opportunistic', unanswered),
  ],

  [
    'forged, DANE protects the domain',
    facts(forged, { real: protectedByDane }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, unsigned MX with TLSA',
    facts(forged, { real: real('insecure', usable), own: insecure }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, no TLSA is usable',
    facts(forged, { real: real('secure', { ...usable, tlsa: tlsa(unusableRecord) }) }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, TLSA failed',
    facts(forged, { real: real('secure', { tlsa: failed() }) }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, the MX look-up fails now',
    facts(forged, { real: { kind: 'lookup_failed', domain, failure: failed() } }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, the domain its own host',
    facts(forged, { real: { kind: 'implicit', domain, host: mxHost(usable) } }),
    cells(required, required, 'opportunistic', required),
  ],
  [
    'forged, nothing protects the domain',
    facts(forged, { real: unprotected, one: absent }),
    cells('opportunistic', required, 'opportunistic', 'opportunistic'),
  ],
  [
    'forged, no such domain',
    facts(forged, { real: { kind: 'no_such_domain', domain }, one: absent }),
    cells('opportunistic', required, 'opportunistic', 'opportunistic'),
  ],
  // Whoever holds a certificate for another host of the policy must not be able to choose it.
  [
    'forged, and in the policy',
    facts(forged, { real: unprotected, sts: enforce }),
    cells('dane', required, notNamed, notNamed),
  ],
  [
    'forged, in no policy',
    facts(forged, { real: unprotected, sts: elsewhere, one: absent }),
    cells('opportunistic', required, notNamed, notNamed),
  ],
  [
    'forged, a policy that tests',
    facts(forged, { real: unprotected, sts: testing, one: absent }),
    cells('opportunistic', required, 'opportunistic', 'opportunistic'),
  ],

  ['a stray with TLSA', facts(stray), cells('dane', required, 'opportunistic', 'dane')],
  [
    'a stray without',
    facts(stray, { one: absent }),
    cells('opportunistic', required, 'opportunistic', 'opportunistic'),
  ],
  [
    'a stray in the policy',
    facts(stray, { one: absent, sts: enforce }),
    cells('opportunistic', required, 'pkix', 'pkix'),
  ],
  [
    'a stray in no policy',
    facts(stray, { one: absent, sts: elsewhere }),
    cells('opportunistic', required, notNamed, notNamed),
  ],
  [
    'a stray, TLSA failed',
    facts(stray, { one: { tlsa: failed() } }),
    cells(unanswered, required, 'opportunistic', unanswered),
  ],

  [
    'not known',
    facts(unknown, { own: failed(), one: absent }),
    cells(unanswered, unanswered, unanswered, unanswered),
  ],
];

describe('by its standing, a host is', { tags: ['regression'] }, () => {
  test.each(
    rows.flatMap(([name, of, expected]) =>
      securityLevels.map((level) => ({ name, of, level, expected: expected[level] })),
    ),
  )('$name at $level: $expected', ({ of, level, expected }) => {
    expect(brief(decideAnswer(rule(level), of))).toBe(expected);
    // Under `monitor` it goes, and what would have refused it is recorded.
    const watched = decideAnswer(rule(level, { enforcement: 'monitor' }), of);
    if (watched.kind !== 'deliver') throw new Error(watched.kind);
    expect(watched.refused).toEqual([]);
    const recorded = watched.hosts.flatMap((plan) => plan.recorded.map(({ reason }) => `refuse ${reason}`));
    if (expected.startsWith('refuse')) expect(recorded).toContain(expected);
  });
});

function failureOf(of: OutboundRule, about: AnswerFacts) {
  const decision = decideAnswer(of, about);
  const failure = decision.kind === 'deliver' ? decision.refused[0]?.failure : undefined;
  if (failure === undefined) throw new Error('not refused');
  return failure;
}

describe('a refusal', () => {
  const bounce = { actionOnFailure: 'bounce' } as const;

  test('of a stray says how to make it a route, and never bounces', () => {
    for (const [level, sts] of [
      ['mandatory_dane', noPolicy],
      ['mta_sts', elsewhere],
    ] as const) {
      const failure = failureOf(rule(level, bounce), facts(stray, { sts }));
      expect(failure.text).toContain(
        'list it (or the plugin source) under [outbound] routes[] in tls-peers.ini',
      );
      expect(failure.fault).toBe('ours');
      expect(isFinal([{ kind: 'policy', host, failure, because: 'nothing' }])).toBe(false);
    }
  });

  test('of what is forged names the plugin, and never bounces: whoever forged it must not be able to', () => {
    const failure = failureOf(rule('mandatory_dane', bounce), facts(forged));
    expect(failure.text).toContain(`the plugin source answered get_mx with ${host} from DNS`);
    expect(isFinal([{ kind: 'policy', host, failure, because: 'nothing' }])).toBe(false);
    expect(
      failureOf(rule('mandatory_dane'), facts(forged, { by: undefined, one: { host: '' } })).text,
    ).toContain('a plugin answered get_mx with a null MX');
  });

  test('of an MX host is the peer’s affair', () => {
    const failure = failureOf(rule('mandatory_dane', bounce), facts(mine, { own: insecure }));
    expect(isFinal([{ kind: 'policy', host, failure, because: 'nothing' }])).toBe(true);
  });
});

test('each host of an answer is decided by itself, in order, and once', () => {
  const of = (standing: Standing, name: string) => ({
    standing,
    facts: { host: name, preference: 0, port: 25, ...usable },
  });
  const decision = decideAnswer(rule('mandatory_dane'), {
    ...facts(mine),
    own: failed(),
    hosts: [
      of(unknown, 'a.example'),
      of(route, 'b.example'),
      of(forged, 'c.example'),
      of(route, 'b.example'),
    ],
  });
  if (decision.kind !== 'deliver') throw new Error(decision.kind);
  expect(decision.hosts.map((plan) => [plan.host, plan.discovered])).toEqual([
    ['b.example', expect.stringMatching(/^route, answered by source; DANE: secure MX/)],
  ]);
  expect(decision.refused.map(({ host: name, failure }) => [name, failure.reason])).toEqual([
    ['a.example', 'dns-lookup-failed'],
    ['c.example', 'dane-required'],
  ]);
});

test('the names of a certificate are those of the domain only where its MX is signed', () => {
  const names = (own: OwnMx): unknown => {
    const decision = decideAnswer(rule('opportunistic_dane'), facts(mine, { own }));
    const requirement = decision.kind === 'deliver' ? decision.hosts[0]?.requirement : undefined;
    return requirement?.kind === 'encrypted' && requirement.authentication.kind === 'dane'
      ? requirement.authentication.dane.referenceNames
      : undefined;
  };
  const alias = { kind: 'known', canonicalName: 'real.example', hosts: [], missing: undefined } as const;
  expect(names({ ...alias, security: 'secure' })).toEqual([host, domain, 'real.example']);
  expect(names({ ...alias, security: 'insecure' })).toEqual([host]);
});
