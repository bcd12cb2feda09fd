/**
 * A program of its own, run on the newest Node, whose peers prefer ML-KEM: messages from a Haraka on another Node, and visits
 * of `tls-peers test`, to hosts behind middleboxes that drop long hellos, and to hosts that speak P-521.
 */
import { timeoutsText } from '../../../haraka-test-harness/ini';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { Middlebox, SeenHello } from '../../../haraka-test-harness/middlebox';
import type { DomainSpec, HostSpec } from '../../../haraka-test-harness/world';
import { callIn } from '../../cli/lab_call';

export interface HelloAssignment {
  /** The executable that runs Haraka and the command. */
  readonly node: string;
  /** Whether its OpenSSL knows ML-KEM. */
  readonly mlKem: 'known' | 'unknown';
  /** What Node tells of the group of a session. */
  readonly groups: 'all' | 'curves';
}

export interface HelloFindings {
  /** One line each. */
  readonly faults: readonly string[];
  /** For people. */
  readonly figures: readonly string[];
}

/** Ethernet's packet, nearly: the longest hello that the middleboxes pass on, octets. */
const longestHello = 1_400;

/** Of a handshake, seconds: long for a machine that is busy, and waited for at every host that goes silent. */
const patience = 4;

interface Row {
  readonly name: string;
  readonly host: HostSpec;
  /** The group of the session, with a client that knows ML-KEM, and with one that does not. */
  readonly group: { readonly known: string; readonly unknown: string };
  /** What becomes of the hellos of each connection. */
  readonly hellos: Readonly<Record<HelloAssignment['mlKem'], string>> | 'nobody looks';
}

const prefersMlKem = { behaviour: { groups: 'X25519MLKEM768/X25519' } } as const;
const p521 = { certificate: { kind: 'trusted', key: 'ec-p521' } } as const;
const silent = { middlebox: { longestHello, answer: 'silence' } } as const;
const resetting = { middlebox: { longestHello, answer: 'reset' } } as const;

const secondDropped = { known: 'passed dropped, passed', unknown: 'passed' } as const;
const x25519 = { known: 'X25519', unknown: 'X25519' } as const;
const onlyP521 = { known: 'secp521r1', unknown: 'secp521r1' } as const;

const rows: readonly Row[] = [
  {
    name: 'ML-KEM preferred',
    host: prefersMlKem,
    group: { known: 'X25519MLKEM768', unknown: 'X25519' },
    hellos: 'nobody looks',
  },
  {
    name: 'ML-KEM preferred, long hellos swallowed',
    host: { ...prefersMlKem, ...silent },
    group: x25519,
    hellos: secondDropped,
  },
  {
    name: 'Node 24 as it is, connections with long hellos reset',
    host: resetting,
    group: x25519,
    hellos: secondDropped,
  },
  {
    name: 'P-521 certificate',
    host: { ...p521, behaviour: { groups: 'X25519' } },
    group: x25519,
    hellos: 'nobody looks',
  },
  {
    name: 'P-521 certificate, ML-KEM preferred, long hellos swallowed',
    host: { ...p521, ...prefersMlKem, ...silent },
    group: x25519,
    hellos: secondDropped,
  },
  {
    name: 'P-521 alone, long hellos swallowed',
    host: { ...p521, behaviour: { groups: 'P-521' }, ...silent },
    group: onlyP521,
    hellos: { known: 'passed passed', unknown: 'passed passed' },
  },
];

interface Column {
  readonly name: string;
  readonly level: string;
  readonly finds: 'nothing' | 'TLSA' | 'enforce';
  /** How the peer is authenticated. */
  readonly verified: string;
}

/** Cleartext is allowed in some of them, and must not be used. */
const columns: readonly Column[] = [
  { name: 'opportunistic', level: 'opportunistic', finds: 'nothing', verified: 'unauthenticated' },
  { name: 'mandatory', level: 'mandatory', finds: 'nothing', verified: 'unauthenticated' },
  { name: 'verify', level: 'verify', finds: 'nothing', verified: 'pkix' },
  { name: 'opportunistic_dane', level: 'opportunistic_dane', finds: 'TLSA', verified: 'dane 3 1 1' },
  {
    name: 'opportunistic_dane, no TLSA',
    level: 'opportunistic_dane',
    finds: 'nothing',
    verified: 'unauthenticated',
  },
  { name: 'mandatory_dane', level: 'mandatory_dane', finds: 'TLSA', verified: 'dane 3 1 1' },
  { name: 'mta_sts enforce', level: 'mta_sts', finds: 'enforce', verified: 'pkix' },
  { name: 'auto', level: 'auto', finds: 'nothing', verified: 'unauthenticated' },
  { name: 'auto, TLSA', level: 'auto', finds: 'TLSA', verified: 'dane 3 1 1' },
  { name: 'auto, enforce', level: 'auto', finds: 'enforce', verified: 'pkix' },
];

interface Case {
  readonly row: Row;
  readonly column: Column;
  readonly domain: string;
  readonly host: string;
}

const cases: readonly Case[] = rows.flatMap((row, index) =>
  columns.map((column, number) => {
    const domain = `d${number}.p${index}.example`;
    return { row, column, domain, host: `mx.${domain}` };
  }),
);

async function findings(assignment: HelloAssignment): Promise<HelloFindings> {
  const lab = await startLab(
    { domains: Object.fromEntries(cases.map((one) => [one.domain, domainOf(one)])) },
    {
      node: assignment.node,
      config: {
        'tls-peers.ini': timeoutsText(20).replace(/^tls_handshake = .*$/m, `tls_handshake = ${patience}`),
        'tls-peers/ours.example.ini': cases
          .map(({ domain, column }) => `[outbound ${domain}]\nsecurity_level = ${column.level}\n`)
          .join('\n'),
      },
    },
  );
  try {
    const delivered = await Promise.all(cases.map((one) => deliver(lab, one, assignment)));
    // Before the command comes to the same hosts.
    const watched = cases.filter(({ row }) => row.hellos !== 'nobody looks');
    const seen = watched.map(({ host }) => [...lab.middlebox(host).connections]);
    const figures = [...sizes(seen), ...slowest(delivered)];
    const tested = await Promise.all(rows.map((row) => testFaults(lab, row, assignment)));
    return { faults: [...delivered.flatMap(({ faults }) => faults), ...tested.flat()], figures };
  } finally {
    await lab.stop();
  }
}

function domainOf({ row, column }: Case): DomainSpec {
  const tlsa = column.finds === 'TLSA' ? { tlsa: ['match'] as const } : {};
  return {
    dnssec: column.finds === 'TLSA' ? 'secure' : 'insecure',
    mx: [{ ...row.host, ...tlsa }],
    ...(column.finds === 'enforce' ? { sts: { policy: { mode: 'enforce' } } } : {}),
  };
}

interface Delivered {
  readonly row: Row;
  readonly milliseconds: number;
  readonly faults: readonly string[];
}

async function deliver(lab: Lab, one: Case, { mlKem, groups }: HelloAssignment): Promise<Delivered> {
  const { row, column, domain, host } = one;
  const began = performance.now();
  const { status, summary, error } = await lab.deliver(
    { from: 'a@ours.example', to: `b@${domain}` },
    { timeoutMs: 60_000 },
  );
  const milliseconds = performance.now() - began;
  const { tls_version: version, verified, group } = summary ?? {};
  const expectedGroup = toldGroup(row.group[mlKem], groups);
  const line = await lab.haraka.waitForLog(new RegExp(` peer=${domain} `));
  const peer = lab.peer(host);
  const facts: readonly (readonly [what: string, is: string, should: string])[] = [
    ['outcome', status === 'delivered' ? status : `${status}: ${error}`, 'delivered'],
    ['session', `${String(version)} ${String(verified)}`, `TLSv1.3 ${column.verified}`],
    ['group', String(group), expectedGroup],
    ['group in the log', / group=(\S+)/.exec(line)?.[1] ?? '', expectedGroup],
    ['copies', peer.messages.map(({ protection }) => protection).join(' '), 'TLSv1.3'],
    ['in cleartext', cleartextOf(lab, host), 'EHLO STARTTLS'],
    ...(row.hellos === 'nobody looks' ? [] : [['hellos', fates(lab, host), row.hellos[mlKem]] as const]),
  ];
  return { row, milliseconds, faults: differences(`delivered: ${row.name}, ${column.name}`, facts) };
}

/** Other commands than these two show. */
function cleartextOf(lab: Lab, host: string): string {
  const commands = lab
    .peer(host)
    .connections.flatMap(({ cleartext }) => cleartext.split('\r\n'))
    .map((line) => line.split(' ')[0] ?? '');
  return [...new Set(commands)].filter((verb) => verb !== '').join(' ');
}

function toldGroup(group: string, told: HelloAssignment['groups']): string {
  return told === 'curves' && group.includes('MLKEM') ? '' : group;
}

function fates(lab: Lab, host: string): string {
  const connections = lab.middlebox(host).connections;
  return connections.map((hellos) => hellos.map(({ fate }) => fate).join(' ')).join(', ');
}

/** `tls-peers test` to all domains of a row: each of them would get its message, over TLS. */
async function testFaults(lab: Lab, row: Row, { node, mlKem }: HelloAssignment): Promise<string[]> {
  const own = cases.filter((one) => one.row === row);
  const args = ['test', '--json', '--from', 'a@ours.example', ...own.map(({ domain }) => domain)];
  const connections = own.map(({ host }) => lab.peer(host).connections.length);
  const { code, out } = await callIn(lab, args, node);
  if (out === '') return [`tls-peers test: ${row.name}: no answer, exit code ${code}`];
  const reports = JSON.parse(out) as readonly Report[];
  return own.flatMap(({ column, domain, host }, index) => {
    const attempts = reports.find((report) => report.domain === domain)?.attempts ?? [];
    const came = lab.peer(host).connections.length - (connections[index] ?? 0);
    const visits = row.hellos === 'nobody looks' ? 1 : row.hellos[mlKem].split(',').length;
    return differences(`tls-peers test: ${row.name}, ${column.name}`, [
      ['visits', String(came), String(visits)],
      ['verdict', attempts.map(verdictOf).join('; '), `goes TLSv1.3 ${column.verified}`],
      ['in cleartext', cleartextOf(lab, host), 'EHLO STARTTLS'],
    ]);
  });
}

interface Report {
  readonly domain: string;
  readonly attempts: readonly TestAttempt[];
}

interface TestAttempt {
  readonly tlsVersion: string;
  readonly verdict: {
    readonly kind: string;
    readonly verified?: string;
    readonly problem?: string;
    readonly failure?: { readonly text: string };
  };
}

function verdictOf({ tlsVersion, verdict }: TestAttempt): string {
  return [verdict.kind, tlsVersion, verdict.verified ?? verdict.problem ?? verdict.failure?.text].join(' ');
}

function differences(
  where: string,
  facts: readonly (readonly [what: string, is: string, should: string])[],
): string[] {
  return facts
    .filter(([, is, should]) => is !== should)
    .map(([what, is, should]) => `${where}: ${what}: ${is || 'nothing'}, expected ${should || 'nothing'}`);
}

/** What was seen before each host. */
function sizes(hosts: readonly Middlebox['connections'][]): string[] {
  const kinds: readonly (readonly [what: string, hellos: readonly (SeenHello | undefined)[]])[] = [
    ['first hello', hosts.map(([first]) => first?.[0])],
    [
      'second hello, for P-521',
      hosts.map(([first]) => first?.[1]).filter((hello) => hello?.fate === 'passed'),
    ],
    [
      'second hello, for ML-KEM',
      hosts.map(([first]) => first?.[1]).filter((hello) => hello?.fate === 'dropped'),
    ],
    ['hello of another connection', hosts.map(([, second]) => second?.[0])],
  ];
  return kinds.map(([what, hellos]) => {
    const octets = hellos.flatMap((hello) => (hello === undefined ? [] : [hello.octets]));
    const span = octets.length === 0 ? 'none' : `${Math.min(...octets)} to ${Math.max(...octets)} octets`;
    return `${what}: ${octets.length}, ${span}`;
  });
}

function slowest(delivered: readonly Delivered[]): string[] {
  return rows.map((row) => {
    const took = delivered.filter((one) => one.row === row).map(({ milliseconds }) => milliseconds);
    return `${row.name}: ${took.length} messages, the last after ${(Math.max(...took) / 1000).toFixed(1)} s`;
  });
}

process.once('message', (assignment: HelloAssignment) => {
  findings(assignment).then(
    (found) => process.send?.(found, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(1));
