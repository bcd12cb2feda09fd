/**
 * The DANE table and the MTA-STS table as the design has them, and for each cell a check that fails with the name of the
 * cell where something else is decided, or something else becomes of a connection.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { selfSigned, type Issued } from '../../haraka-test-harness/pki';
import type { TlsaRecord } from '../../src/dane/types';
import type { Destination, MxHostFacts } from '../../src/dns/types';
import type { StsFacts } from '../../src/mta_sts/types';
import type { OutboundRule } from '../../src/peers/rule';
import { decide } from '../../src/policy/decide';
import type { Decision, Requirement } from '../../src/policy/requirement';
import { checkSession } from '../../src/policy/session';
import type { DaneLevel, DaneTable, StsCells, StsTable } from '../../src/policy/tables';
import type { TlsSession } from '../../src/tls/session';
import { rootsIn } from '../../src/x509/roots';
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
  policyUnknown,
  relay,
  route,
  rule,
  tlsa,
  unusableRecord,
} from './facts';

export interface CellCheck {
  /** The cell in src/policy/tables.ts. */
  readonly row: string;
  readonly column: string;
  /** The cell in the design: its row as written there, and its column. */
  readonly name: string;
  readonly expected: string;
  /** @throws Error with the name of the cell */
  readonly check: () => void;
}

/** One way to come to a cell. */
interface Case {
  readonly where: string;
  readonly wanted: string;
  readonly seen: string;
}

function checkOf(name: string, cases: () => readonly Case[]): () => void {
  return () => {
    for (const { where, wanted, seen } of casesNamed(name, cases)) {
      if (seen !== wanted) throw new Error(`${name}: "${wanted}" is expected; ${where} gives "${seen}"`);
    }
  };
}

function casesNamed(name: string, cases: () => readonly Case[]): readonly Case[] {
  try {
    return cases();
  } catch (error) {
    throw new Error(`${name}: ${String(error)}`, { cause: error });
  }
}

/** The one that the TLSA records are about, and one of another key; both are for the host. */
const [leaf, stranger] = [await selfSigned({ dnsNames: [host] }), await selfSigned({ dnsNames: [host] })];
const now = new Date();
const spki = new X509Certificate(leaf.certDer).publicKey.export({ type: 'spki', format: 'der' });
const usableRecord: TlsaRecord = {
  usage: 3,
  selector: 1,
  matchingType: 1,
  data: createHash('sha256').update(spki).digest(),
};

// --- DANE ----------------------------------------------------------------------------------------------------------

const levels = ['opportunistic_dane', 'auto', 'mandatory_dane'] as const satisfies readonly DaneLevel[];

type DaneRow = readonly [
  is: readonly [mx: string, address: string, tlsa: string],
  opportunisticDane: string,
  auto: string,
  mandatoryDane: string,
];

/** "Does not apply" is `opportunistic` at `opportunistic_dane`, and the MTA-STS table at `auto`. An address has no policy. */
// prettier-ignore
const daneRows: Readonly<Record<keyof DaneTable, DaneRow>> = {
  //                       MX RRset                        host A/AAAA                   TLSA lookup              opportunistic_dane  auto                       mandatory_dane
  mx_lookup_failed:      [['lookup failed or bogus',       '-',                          '-'],                    'defer',            'defer',                   'defer'],
  address_literal:       [['an address, no domain',        '-',                          '-'],                    'opportunistic',    'opportunistic',           'refuse'],
  insecure_mx_may:       [['insecure, insecure_mx = may',  '-',                          'not asked'],            'opportunistic',    'MTA-STS table',           'refuse'],
  insecure_mx_dane:      [['insecure, insecure_mx = dane', 'as below',                   'as below'],             'as below',         'as below, MTA-STS table', 'refuse'],
  insecure_address:      [['secure, or none',              'insecure',                   'not asked'],            'opportunistic',    'MTA-STS table',           'refuse'],
  secure_alias:          [['secure, or none',              'a secure CNAME, insecure',   'at the original name'], 'as below',         'as below',                'as below'],
  address_lookup_failed: [['secure, or none',              'none, and a lookup failed',  'not asked'],            'skip',             'skip',                    'skip'],
  tlsa_denied:           [['secure, or none',              'secure',                     'denied or insecure'],   'opportunistic',    'MTA-STS table',           'refuse'],
  tlsa_lookup_failed:    [['secure, or none',              'secure',                     'failed, bogus'],        'skip',             'skip',                    'skip'],
  tlsa_unusable:         [['secure, or none',              'secure',                     'none usable'],          'encrypt',          'encrypt, MTA-STS table',  'refuse'],
  tlsa_usable:           [['secure, or none',              'secure',                     'usable'],               'authenticate',     'authenticate',            'authenticate'],
};

function daneCell(row: keyof DaneTable, level: DaneLevel): string {
  const [, ...cells] = daneRows[row];
  return cells[levels.indexOf(level)] ?? '';
}

/** Facts about one host that are the row, where everything further up is secure. */
const hostFacts = {
  insecure_address: [
    { addresses: addresses('insecure') },
    { addresses: addresses('insecure'), tlsa: tlsa(usableRecord) },
  ],
  address_lookup_failed: [{ addresses: failed('timeout') }, { addresses: failed('bogus') }],
  tlsa_denied: [{ tlsa: { kind: 'absent' } }],
  tlsa_lookup_failed: [{ tlsa: failed('timeout') }, { tlsa: failed('servfail') }, { tlsa: failed('bogus') }],
  tlsa_unusable: [{ tlsa: tlsa(unusableRecord) }],
  tlsa_usable: [{ tlsa: tlsa(usableRecord) }, { tlsa: tlsa(unusableRecord, usableRecord) }],
} as const satisfies Partial<Record<keyof DaneTable, readonly Partial<MxHostFacts>[]>>;

type HostRow = keyof typeof hostFacts;
const tlsaRows = ['tlsa_denied', 'tlsa_lookup_failed', 'tlsa_unusable', 'tlsa_usable'] as const;
const hostRows = ['insecure_address', 'address_lookup_failed', ...tlsaRows] as const;

interface Found {
  readonly where: string;
  readonly destination: Destination;
  /** The row further down that counts where the cell says so. */
  readonly below?: HostRow;
}

/** Every way to come to a row. */
function foundFor(row: keyof DaneTable): readonly Found[] {
  switch (row) {
    case 'mx_lookup_failed':
      return (['timeout', 'servfail', 'bogus'] as const).map((cause) => ({
        where: cause,
        destination: { kind: 'lookup_failed', domain, failure: failed(cause) },
      }));
    case 'address_literal':
      return [
        { where: 'IPv4', destination: { kind: 'literal', domain: '[192.0.2.1]', address: '192.0.2.1' } },
      ];
    case 'insecure_mx_may':
      // Without an address there is nowhere to go, whatever the table says.
      return ['insecure_address' as const, ...tlsaRows].flatMap((below) => behindMx('insecure', below));
    case 'insecure_mx_dane':
      return hostRows.flatMap((below) => behindMx('insecure', below));
    case 'secure_alias':
      return tlsaRows.flatMap((below) => behindMx('secure', below, { addresses: addresses('secure_alias') }));
    default:
      return [...behindMx('secure', row), ...hostFacts[row].flatMap(withoutMx)];
  }
}

function behindMx(
  security: 'secure' | 'insecure',
  below: HostRow,
  others: Partial<MxHostFacts> = {},
): readonly Found[] {
  return hostFacts[below].map((facts) => {
    const where = `${below} behind a MX RRset that is ${security}`;
    return { where, destination: mx(security, mxHost({ ...facts, ...others })), below };
  });
}

/** The domain itself, and a route of the operator's, count as secure MX RRsets. */
function withoutMx(facts: Partial<MxHostFacts>): readonly Found[] {
  const itself = mxHost({ ...facts, host: domain });
  return [
    { where: 'the domain itself', destination: { kind: 'implicit', domain, host: itself } },
    { where: 'a route', destination: route({ ...facts, host: relay }) },
  ];
}

function daneCases(row: keyof DaneTable, level: DaneLevel): readonly Case[] {
  const of = rule(level, { insecureMx: row === 'insecure_mx_may' ? 'may' : 'dane' });
  return foundFor(row).map(({ where, destination, below }) => ({
    where,
    wanted: wantedOf(daneCell(row, level), below === undefined ? '' : daneCell(below, level)),
    seen: daneWord(of, destination),
  }));
}

function wantedOf(cell: string, below: string): string {
  if (cell === 'as below') return below;
  // DANE proves that the host is itself, and the policy that it is the domain's.
  if (cell === 'as below, MTA-STS table') return below === 'authenticate' ? `${below}, MTA-STS table` : below;
  return cell;
}

/** In the words of the table: what is decided without a policy, with one that names the host, and with one that does not. */
function daneWord(of: OutboundRule, destination: Destination): string {
  const seen = policiesFor(destination).map((sts) => decided(decide(of, { destination, sts })));
  return daneWords.get(seen.join(' / ')) ?? seen.join(' / ');
}

function policiesFor(destination: Destination): readonly StsFacts[] {
  if (destination.kind === 'literal') return [notAsked, notAsked, notAsked];
  const named = destination.kind === 'implicit' ? domain : destination.kind === 'route' ? relay : host;
  return [noPolicy, policy('enforce', named), policy('enforce', 'mx.other.example')];
}

const notAsked: StsFacts = { kind: 'not_asked' };

const daneWords: ReadonlyMap<string, string> = new Map([
  ...['defer', 'skip', 'refuse', 'opportunistic', 'encrypt', 'authenticate'].map(
    (word) => [`${word} / ${word} / ${word}`, word] as const,
  ),
  ['opportunistic / pkix / not in policy', 'MTA-STS table'],
  ['encrypt / pkix / not in policy', 'encrypt, MTA-STS table'],
  ['authenticate / authenticate and pkix / not in policy', 'authenticate, MTA-STS table'],
]);

function decided(decision: Decision): string {
  if (decision.kind !== 'deliver') return decision.kind;
  const [plan, refused] = [decision.hosts[0], decision.refused[0]];
  if (plan === undefined) return refusals[refused?.failure.reason ?? ''] ?? 'no host';
  const { requirement } = plan;
  if (requirement.kind !== 'encrypted') return requirement.kind;
  return authentications[requirement.authentication.kind];
}

const refusals: Readonly<Record<string, string>> = {
  'dns-lookup-failed': 'skip',
  'dnssec-invalid': 'skip',
  'dane-required': 'refuse',
  'tlsa-invalid': 'refuse',
  'mx-not-in-policy': 'not in policy',
};

const authentications = {
  none: 'encrypt',
  dane: 'authenticate',
  pkix: 'pkix',
  dane_and_pkix: 'authenticate and pkix',
  fingerprints: 'fingerprints',
} as const;

export const daneCells: readonly CellCheck[] = keysOf(daneRows).flatMap((row) =>
  levels.map((column) => {
    const name = `DANE table, ${daneRows[row][0].join(' | ')}, at ${column} (${row})`;
    const check = checkOf(name, () => daneCases(row, column));
    return { row, column, name, expected: daneCell(row, column), check };
  }),
);

// --- MTA-STS -------------------------------------------------------------------------------------------------------

const columns = ['by_itself', 'no_usable_tlsa', 'beside_dane'] as const satisfies readonly (keyof StsCells)[];

type StsRow = readonly [
  is: readonly [policy: string, named: string],
  byItself: string,
  noUsableTlsa: string,
  besideDane: string,
];

/**
 * The outcomes, by certificate: PKIX-valid and the one of the TLSA records; of the TLSA records alone; PKIX-valid alone; no
 * STARTTLS.
 */
const outcomes = {
  opportunistic: 'deliver, deliver, deliver, in cleartext',
  'opportunistic, recorded': 'deliver, deliver and record, deliver, in cleartext and record',
  encrypt: 'deliver, deliver, deliver, refuse',
  'encrypt, recorded': 'deliver, deliver and record, deliver, refuse',
  PKIX: 'deliver, refuse, deliver, refuse',
  DANE: 'deliver, deliver, refuse, refuse',
  'DANE, recorded': 'deliver, deliver and record, refuse, refuse',
  'DANE and PKIX': 'deliver, refuse, refuse, refuse',
  'refuse the host': 'not connected to',
} as const;

// prettier-ignore
const stsRows: Readonly<Record<keyof StsTable, StsRow>> = {
  //                   policy                               host matches mx    by itself                  no usable TLSA       usable TLSA, insecure MX
  no_policy:         [['none published, or never obtained', '-'],              'opportunistic',           'encrypt',           'DANE'],
  mode_none:         [['mode none',                         '-'],              'opportunistic',           'encrypt',           'DANE'],
  mode_testing:      [['mode testing',                      'either'],         'opportunistic, recorded', 'encrypt, recorded', 'DANE, recorded'],
  enforce_not_named: [['mode enforce',                      'no'],             'refuse the host',         'refuse the host',   'refuse the host'],
  enforce_named:     [['mode enforce',                      'yes'],            'PKIX',                    'PKIX',              'DANE and PKIX'],
  policy_not_known:  [['one may be in force',               'not known'],      'refuse the host',         'refuse the host',   'refuse the host'],
};

const stsFacts: Readonly<Record<keyof StsTable, readonly StsFacts[]>> = {
  no_policy: [notAsked, noPolicy, noPolicyObtained],
  mode_none: [policy('none'), policy('none', host)],
  mode_testing: [policy('testing', host), policy('testing', 'mx.other.example')],
  enforce_not_named: [policy('enforce', 'mx.other.example'), policy('enforce', '*.other.example')],
  enforce_named: [policy('enforce', host), policy('enforce', '*.peer.example')],
  policy_not_known: [policyUnknown],
};

/** What leads to each column. */
const stsFound: Readonly<Record<keyof StsCells, readonly (readonly [OutboundRule, Destination])[]>> = {
  by_itself: [
    [rule('mta_sts'), mx('secure', mxHost({ tlsa: tlsa(usableRecord) }))],
    [rule('mta_sts'), mx('insecure', mxHost())],
    [rule('auto'), mx('secure', mxHost({ tlsa: { kind: 'absent' } }))],
    [rule('auto', { insecureMx: 'may' }), mx('insecure', mxHost({ tlsa: tlsa(usableRecord) }))],
  ],
  no_usable_tlsa: (['secure', 'insecure'] as const).map((security) => [
    rule('auto'),
    mx(security, mxHost({ tlsa: tlsa(unusableRecord) })),
  ]),
  beside_dane: [[rule('auto'), mx('insecure', mxHost({ tlsa: tlsa(usableRecord) }))]],
};

function stsCases(row: keyof StsTable, column: keyof StsCells): readonly Case[] {
  const wanted = stsCell(row, column);
  return stsFound[column].flatMap(([of, destination]) =>
    stsFacts[row].map((sts) => {
      const decision = decide(of, { destination, sts });
      const plan = decision.kind === 'deliver' ? decision.hosts[0] : undefined;
      const seen = plan === undefined ? outcomes['refuse the host'] : outcomeOf(plan.requirement);
      return { where: `${of.level}, ${JSON.stringify(sts)}`, wanted: outcomes[wanted], seen };
    }),
  );
}

function stsCell(row: keyof StsTable, column: keyof StsCells): keyof typeof outcomes {
  const [, ...cells] = stsRows[row];
  return (cells[columns.indexOf(column)] ?? '') as keyof typeof outcomes;
}

const untrusted = 'SELF_SIGNED_CERT_IN_CHAIN';

function outcomeOf(requirement: Requirement): string {
  const sessions = [
    sessionWith(leaf, 'trusted'),
    sessionWith(leaf, untrusted),
    sessionWith(stranger, 'trusted'),
  ];
  return [...sessions.map((session) => fateOf(requirement, session)), fateWithoutTls(requirement)].join(', ');
}

function sessionWith({ certDer }: Issued, chainVerdict: string): TlsSession {
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    group: 'X25519',
    certificates: { leaf: certDer, chain: () => [new X509Certificate(certDer)] },
    chainVerdict,
    securityLevel: 2,
    roots: () => rootsIn([]),
  };
}

function fateOf(requirement: Requirement, session: TlsSession): string {
  if (requirement.kind === 'cleartext') return 'in cleartext';
  const verdict = checkSession(requirement, session, now);
  if (verdict.kind === 'failed') return 'refuse';
  return verdict.recorded.length === 0 ? 'deliver' : 'deliver and record';
}

function fateWithoutTls(requirement: Requirement): string {
  if (requirement.kind === 'encrypted') return 'refuse';
  const recorded = requirement.kind === 'opportunistic' && requirement.observe !== undefined;
  return recorded ? 'in cleartext and record' : 'in cleartext';
}

export const stsCells: readonly CellCheck[] = keysOf(stsRows).flatMap((row) =>
  columns.map((column) => {
    const name = `MTA-STS table, ${stsRows[row][0].join(' | ')}, ${column} (${row})`;
    const check = checkOf(name, () => stsCases(row, column));
    return { row, column, name, expected: stsCell(row, column), check };
  }),
);

function keysOf<Row extends string>(rows: Readonly<Record<Row, unknown>>): Row[] {
  return Object.keys(rows) as Row[];
}
