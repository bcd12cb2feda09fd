/** The DANE table and the MTA-STS table of the security levels, cell by cell, at every level. */
import { describe, expect, test } from 'vitest';
import type { Destination } from '../../src/dns/types';
import type { StsFacts } from '../../src/mta_sts/types';
import { securityLevels, type OutboundRule, type SecurityLevel } from '../../src/peers/rule';
import { decide } from '../../src/policy/decide';
import {
  addresses,
  domain,
  failed,
  host,
  mx,
  mxHost,
  noPolicy,
  noPolicyObtained,
  policy,
  relay,
  route,
  rule,
  tlsa,
  unusableRecord,
  usableRecord,
} from './facts';

/** What becomes of the one host: how it is authenticated, or `refuse`, `skip` (without blame) or `defer` with the reason. */
function outcome(of: OutboundRule, destination: Destination, sts: StsFacts): string {
  const decision = decide(of, { destination, sts });
  if (decision.kind === 'undeliverable') return decision.cause;
  if (decision.kind === 'defer') return `defer ${decision.failure.reason}`;
  const [plan, refused] = [decision.hosts[0], decision.refused[0]];
  if (plan === undefined) return `refuse ${refused?.failure.reason}`;
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') return 'cleartext';
  const what = requirement.kind === 'opportunistic' ? 'opportunistic' : requirement.authentication.kind;
  return requirement.observe === undefined ? what : `${what}, observed`;
}

type Cells = Readonly<Record<SecurityLevel, string>>;

/** Levels that ask neither DNSSEC nor a policy. */
const unasked = { none: 'cleartext', opportunistic: 'opportunistic', mandatory: 'none', verify: 'pkix' };

function dane(opportunistic_dane: string, mandatory_dane: string, auto: string): Cells {
  return { ...unasked, mta_sts: 'opportunistic', opportunistic_dane, mandatory_dane, auto };
}

function sts(mta_sts: string): Cells {
  return {
    ...unasked,
    opportunistic_dane: 'opportunistic',
    mandatory_dane: 'refuse dane-required',
    mta_sts,
    auto: mta_sts,
  };
}

function everywhere(what: string): Cells {
  return Object.fromEntries(securityLevels.map((level) => [level, what])) as unknown as Cells;
}

const doesNotApply = dane('opportunistic', 'refuse dane-required', 'opportunistic');
const unanswered = (reason: string) => dane(`refuse ${reason}`, `refuse ${reason}`, `refuse ${reason}`);
/** Behind an unsigned MX nothing that fails to be known of the host matters to `mandatory_dane`. */
const unansweredInsecure = (reason: string) =>
  dane(`refuse ${reason}`, 'refuse dane-required', `refuse ${reason}`);
const unreachable: Cells = everywhere('refuse dns-lookup-failed');

const usable = tlsa(usableRecord);
const absent = { kind: 'absent' } as const;
const notAsked = { kind: 'not_asked' } as const;
const timeout = failed('timeout');

type DaneRow = readonly [name: string, destination: Destination, withDane: Cells, withMay: Cells];

/** Secure MX: `insecure_mx` has no say. */
function secure(name: string, one: Parameters<typeof mxHost>[0], cells: Cells): DaneRow {
  return [`secure MX, ${name}`, mx('secure', mxHost(one)), cells, cells];
}

function insecure(
  name: string,
  one: Parameters<typeof mxHost>[0],
  cells: Cells,
  may = doesNotApply,
): DaneRow {
  return [`insecure MX, ${name}`, mx('insecure', mxHost(one)), cells, may];
}

function other(name: string, destination: Destination, cells: Cells): DaneRow {
  return [name, destination, cells, cells];
}

function itself(one: Parameters<typeof mxHost>[0]): Destination {
  return { kind: 'implicit', domain, host: mxHost({ host: domain, ...one }) };
}

const lookupFailed = (cause?: 'bogus'): Destination => ({
  kind: 'lookup_failed',
  domain,
  failure: failed(cause),
});
const atRelay = { kind: 'present', baseDomain: relay, records: [usableRecord] } as const;

const usableCells = dane('dane', 'dane', 'dane');
const unusableCells = dane('none', 'refuse tlsa-invalid', 'none');

/** `mandatory_dane` refuses for want of a secure MX before it looks for an address; the others have nowhere to go. */
const nowhereInsecure: Cells = { ...unreachable, mandatory_dane: 'refuse dane-required' };

const daneRows: readonly DaneRow[] = [
  other('MX lookup failed', lookupFailed(), everywhere('defer dns-lookup-failed')),
  other('MX bogus', lookupFailed('bogus'), everywhere('defer dnssec-invalid')),
  other('null MX', { kind: 'null_mx', domain }, everywhere('null_mx')),
  other('no such domain', { kind: 'no_such_domain', domain }, everywhere('no_such_domain')),

  insecure('insecure address', { addresses: addresses('insecure') }, doesNotApply),
  insecure('no address', { addresses: { kind: 'none' } }, nowhereInsecure, nowhereInsecure),
  insecure('no address, lookup failed', { addresses: timeout }, nowhereInsecure, nowhereInsecure),
  insecure(
    'address bogus',
    { addresses: failed('bogus') },
    {
      ...everywhere('refuse dnssec-invalid'),
      mandatory_dane: 'refuse dane-required',
    },
    { ...everywhere('refuse dnssec-invalid'), mandatory_dane: 'refuse dane-required' },
  ),
  insecure('TLSA not asked', { tlsa: notAsked }, doesNotApply),
  insecure('TLSA absent', { tlsa: absent }, doesNotApply),
  insecure('TLSA failed', { tlsa: failed() }, unansweredInsecure('dns-lookup-failed')),
  insecure('TLSA timed out', { tlsa: timeout }, unansweredInsecure('dns-lookup-failed')),
  insecure('TLSA bogus', { tlsa: failed('bogus') }, unansweredInsecure('dnssec-invalid')),
  insecure('TLSA unusable', { tlsa: tlsa(unusableRecord) }, dane('none', 'refuse dane-required', 'none')),
  insecure('TLSA usable', { tlsa: usable }, dane('dane', 'refuse dane-required', 'dane')),

  secure('insecure address', { addresses: addresses('insecure') }, doesNotApply),
  secure('insecure address, TLSA known', { addresses: addresses('insecure'), tlsa: usable }, doesNotApply),
  secure('secure alias, TLSA usable', { addresses: addresses('secure_alias'), tlsa: usable }, usableCells),
  secure('secure alias, TLSA absent', { addresses: addresses('secure_alias'), tlsa: absent }, doesNotApply),
  secure(
    'secure alias, TLSA failed',
    { addresses: addresses('secure_alias'), tlsa: failed() },
    unanswered('dns-lookup-failed'),
  ),
  secure('no address', { addresses: { kind: 'none' } }, unreachable),
  secure('no address, lookup failed', { addresses: timeout }, unreachable),
  secure('address bogus', { addresses: failed('bogus') }, everywhere('refuse dnssec-invalid')),
  secure('TLSA absent', { tlsa: absent }, doesNotApply),
  secure('TLSA failed', { tlsa: failed() }, unanswered('dns-lookup-failed')),
  secure('TLSA timed out', { tlsa: timeout }, unanswered('dns-lookup-failed')),
  secure('TLSA bogus', { tlsa: failed('bogus') }, unanswered('dnssec-invalid')),
  secure('TLSA unusable', { tlsa: tlsa(unusableRecord) }, unusableCells),
  secure('TLSA usable', { tlsa: usable }, usableCells),
  secure('TLSA usable and unusable', { tlsa: tlsa(unusableRecord, usableRecord) }, usableCells),

  other('no MX, insecure address', itself({ addresses: addresses('insecure') }), doesNotApply),
  other('no MX, no address', itself({ addresses: { kind: 'none' } }), everywhere('no_address')),
  other('no MX, address lookup failed', itself({ addresses: timeout }), unreachable),
  other('no MX, TLSA absent', itself({ tlsa: absent }), doesNotApply),
  other('no MX, TLSA failed', itself({ tlsa: failed() }), unanswered('dns-lookup-failed')),
  other('no MX, TLSA unusable', itself({ tlsa: tlsa(unusableRecord) }), unusableCells),
  other('no MX, TLSA usable', itself({ tlsa: usable }), usableCells),

  other('a route, TLSA absent', route(), doesNotApply),
  other('a route, TLSA failed', route({ tlsa: failed() }), unanswered('dns-lookup-failed')),
  other('a route, address bogus', route({ addresses: failed('bogus') }), unanswered('dnssec-invalid')),
  other('a route, TLSA usable', route({ tlsa: atRelay }), usableCells),

  other('an address', { kind: 'literal', domain: '[192.0.2.1]', address: '192.0.2.1' }, doesNotApply),
];

const everyDaneCell = daneRows.flatMap(([name, destination, withDane, withMay]) =>
  securityLevels.flatMap((level) => [
    { name, destination, level, insecureMx: 'dane' as const, expected: withDane[level] },
    { name, destination, level, insecureMx: 'may' as const, expected: withMay[level] },
  ]),
);

describe('the DANE table (RFC 7672)', { tags: ['regression'] }, () => {
  test.each(everyDaneCell)(
    '$name at $level, insecure_mx = $insecureMx: $expected',
    ({ destination, level, insecureMx, expected }) => {
      expect(outcome(rule(level, { insecureMx }), destination, noPolicy)).toBe(expected);
    },
  );

  test('under `monitor` nothing is refused but what has nowhere to go', () => {
    for (const { destination, level, insecureMx, expected } of everyDaneCell) {
      const seen = outcome(rule(level, { insecureMx, enforcement: 'monitor' }), destination, noPolicy);
      const somewhere = seen.startsWith('opportunistic') || seen === 'cleartext';
      const facts =
        'host' in destination ? [destination.host] : 'hosts' in destination ? destination.hosts : [];
      const known =
        destination.kind === 'literal' ||
        destination.kind === 'route' ||
        facts.some((one) => one.addresses.kind === 'found');
      expect([destination, level, somewhere]).toEqual([destination, level, known]);
      if (!known && !expected.endsWith('dane-required')) expect(seen).toBe(expected);
    }
  });
});

const elsewhere = '*.other.example';

const stsRows: readonly (readonly [name: string, facts: StsFacts, cells: Cells])[] = [
  ['not asked', { kind: 'not_asked' }, sts('opportunistic')],
  ['none published', noPolicy, sts('opportunistic')],
  ['never obtained', noPolicyObtained, sts('opportunistic')],
  ['mode none, host not matched', policy('none'), sts('opportunistic')],
  ['mode none, host matched', policy('none', host), sts('opportunistic')],
  ['mode testing, host not matched', policy('testing', elsewhere), sts('opportunistic, observed')],
  ['mode testing, host matched', policy('testing', host), sts('opportunistic, observed')],
  ['mode enforce, host not matched', policy('enforce', elsewhere), sts('refuse mx-not-in-policy')],
  ['mode enforce, host matched', policy('enforce', host), sts('pkix')],
  ['mode enforce, host matched by a wildcard', policy('enforce', '*.peer.example'), sts('pkix')],
];

/** Where DANE does not apply. */
const withoutDane = [
  ['secure MX without TLSA', mx('secure', mxHost({ tlsa: absent }))],
  ['secure MX, insecure address', mx('secure', mxHost({ addresses: addresses('insecure') }))],
  ['insecure MX without TLSA', mx('insecure', mxHost({ tlsa: absent }))],
] as const;

describe('the MTA-STS table (RFC 8461)', () => {
  test.each(
    stsRows.flatMap(([name, facts, cells]) =>
      withoutDane.flatMap(([where, destination]) =>
        securityLevels.map((level) => ({ name, facts, where, destination, level, expected: cells[level] })),
      ),
    ),
  )('policy $name, $where at $level: $expected', ({ facts, destination, level, expected }) => {
    expect(outcome(rule(level), destination, facts)).toBe(expected);
  });
});

/** Both tables under `auto`: the policy's row, then by what DANE says of the host. */
const both: readonly (readonly [name: string, facts: StsFacts, cells: readonly string[]])[] = [
  // usable, secure MX; usable, insecure MX; unusable; unanswered
  ['none', noPolicy, ['dane', 'dane', 'none', 'refuse dns-lookup-failed']],
  ['never obtained', noPolicyObtained, ['dane', 'dane', 'none', 'refuse dns-lookup-failed']],
  ['mode none', policy('none'), ['dane', 'dane', 'none', 'refuse dns-lookup-failed']],
  [
    'testing, not matched',
    policy('testing', elsewhere),
    ['dane', 'dane, observed', 'none, observed', 'refuse dns-lookup-failed'],
  ],
  [
    'testing',
    policy('testing', host),
    ['dane', 'dane, observed', 'none, observed', 'refuse dns-lookup-failed'],
  ],
  [
    'enforce, not matched',
    policy('enforce', elsewhere),
    ['dane', 'refuse mx-not-in-policy', 'refuse mx-not-in-policy', 'refuse dns-lookup-failed'],
  ],
  ['enforce', policy('enforce', host), ['dane', 'dane_and_pkix', 'pkix', 'refuse dns-lookup-failed']],
];

describe('both tables under auto', () => {
  test.each(both)('policy %s', (_name, facts, cells) => {
    const destinations = [
      mx('secure', mxHost({ tlsa: usable })),
      mx('insecure', mxHost({ tlsa: usable })),
      mx('secure', mxHost({ tlsa: tlsa(unusableRecord) })),
      mx('secure', mxHost({ tlsa: failed() })),
    ];
    expect(destinations.map((destination) => outcome(rule('auto'), destination, facts))).toEqual(cells);
  });
});
