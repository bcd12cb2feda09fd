/** `tls-peers traffic`: what happened, by peer. */
import { askedCounts } from '../../evidence/sighting';
import { trafficOf, totalOf, type PeerTraffic } from '../../evidence/views/traffic';
import { exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { formatCsv } from '../csv';
import {
  countsText,
  fleetHelp,
  fleetOptions,
  readEvidence,
  windowHelp,
  windowOptions,
  windowText,
} from '../evidence';
import { stacked, table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { displayWidth } from '../layout/width';
import { atWidth, json, type Cell, type Output } from '../output';
import { topOf } from '../operands';

export const trafficCommand: Command = {
  name: 'traffic',
  summary: 'Show what happened, by peer: TLS versions, verification, cleartext, failures.',
  operands: '[--days N] [--managed DOMAIN] [--peer PEER] [--sort KEY] [--top N] [SEARCH]',
  help: [
    'SEARCH is a part of the name of the peer.',
    '',
    ...windowHelp,
    fleetHelp,
    '  --sort KEY            messages, cleartext, failures or name (default: messages)',
    '  --top N               the first N peers (default: 50; 0 for all)',
    '  --csv                 every peer as CSV',
  ],
  options: {
    ...windowOptions,
    ...fleetOptions,
    sort: { type: 'string' },
    top: { type: 'string' },
    csv: { type: 'boolean' },
  },
  run: traffic,
};

async function traffic(context: Context): Promise<ExitCode> {
  const { operands, options, output } = context;
  const [search = '', ...more] = operands;
  if (more.length > 0) throw new UsageError(`unexpected: ${more.join(' ')}`);
  const order = orderOf(options['sort']);
  const top = topOf(options['top'], 50);
  const read = await readEvidence(context, { use: 'looked_at' });
  const { rows, problems, wanted, hosts } = read;
  const found = trafficOf(rows).filter(({ peer }) => peer.includes(search.toLowerCase()));
  const sorted = order === undefined ? found : found.sort(order);
  if (context.json) output.print(json({ ...wanted, hosts, problems, total: totalOf(found), peers: sorted }));
  else if (options['csv'] === true) output.print(formatCsv([header, ...sorted.map(record)]).trimEnd());
  else {
    output.print(windowText(read));
    const shown = sorted.slice(0, top);
    for (const line of lines(output, shown, found)) output.print(line);
    if (shown.length < sorted.length)
      output.print(`${sorted.length - shown.length} more peers: --top 0 shows them all`);
    for (const line of warningLines(output, problems)) output.print(line);
  }
  if (context.json || options['csv'] !== true) return exit.ok;
  for (const problem of problems) output.complain(problem);
  return exit.ok;
}

type Order = (a: PeerTraffic, b: PeerTraffic) => number;

const failures = ({ deferred, bounced, refused }: PeerTraffic) => deferred + bounced + refused;

const orders: Readonly<Record<string, Order | undefined>> = {
  cleartext: (a, b) => (b.tls.none ?? 0) - (a.tls.none ?? 0),
  failures: (a, b) => failures(b) - failures(a),
  name: (a, b) => (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0),
};

function orderOf(option: unknown): Order | undefined {
  if (option === undefined || option === 'messages') return undefined;
  const order = typeof option === 'string' && Object.hasOwn(orders, option) ? orders[option] : undefined;
  if (order === undefined) throw new UsageError('--sort: one of messages, cleartext, failures, name');
  return order;
}

const versions = ['none', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'unknown'] as const;
const header = [
  'managed',
  'direction',
  'peer',
  'messages',
  ...versions.map((version) => `tls ${version}`),
  'unauthenticated',
  'pkix',
  'dane',
  'dane+pkix',
  'fingerprint',
  'post_quantum',
  'deferred',
  'bounced',
  'refused',
  ...askedCounts.map((one) => `requiretls ${one}`),
  'last seen',
];

function record(row: PeerTraffic): string[] {
  const { tls, verified } = row;
  const numbers = [
    row.messages,
    ...versions.map((version) => tls[version] ?? 0),
    verified.unauthenticated ?? 0,
    verified.pkix ?? 0,
    verified.dane ?? 0,
    verified['dane+pkix'] ?? 0,
    verified.fingerprint ?? 0,
    row.group.post_quantum ?? 0,
    row.deferred,
    row.bounced,
    row.refused,
    ...askedCounts.map((one) => row.requiretls[one] ?? 0),
  ];
  return [row.managed, row.direction, row.peer, ...numbers.map(String), row.lastSeen];
}

function lines(output: Output, shown: readonly PeerTraffic[], all: readonly PeerTraffic[]): string[] {
  if (all.length === 0) return ['no message was counted'];
  const head = [
    '',
    'managed',
    'peer',
    'messages',
    'by version',
    'clear',
    '1.0',
    '1.1',
    '1.2',
    '1.3',
    'verified',
    'failed',
  ];
  const rows: (string | Cell)[][] = [head.map((text) => ({ text, style: 'dim' as const }))];
  for (const row of shown) {
    const managed = row.managed === '' ? '-' : row.managed;
    rows.push([row.direction, managed, row.peer, ...figures(row)]);
  }
  const peers = all.length === 1 ? '1 peer' : `${all.length} peers`;
  const total = totalOf(all);
  rows.push(['', '', { text: peers, style: 'bold' }, ...figures(total)]);
  const { width } = output;
  const whole = table(atWidth({ ...output, colour: false }, undefined), rows);
  if (width === undefined || whole.every((line) => displayWidth(line) <= width)) return table(output, rows);
  // The figures mean nothing where they do not stand below their titles.
  return [
    ...shown.flatMap((row) =>
      stacked(
        output,
        [row.direction, ...(row.managed === '' ? [] : [row.managed]), { text: row.peer, style: 'bold' }],
        said(row),
      ),
    ),
    ...stacked(output, [{ text: peers, style: 'bold' }], said(total)),
  ];
}

type Figures = Omit<PeerTraffic, 'managed' | 'direction' | 'peer' | 'lastSeen'>;

/** The same figures in words. */
function said(row: Figures): (string | Cell)[] {
  const { tls } = row;
  const clear = tls.none ?? 0;
  const counts = [
    `${row.messages} ${row.messages === 1 ? 'message' : 'messages'}`,
    ...(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const)
      .filter((version) => (tls[version] ?? 0) > 0)
      .map((version) => `${version} ${tls[version]}`),
    ...(clear > 0 ? [`in cleartext ${clear} (${share(row)})`] : []),
    countsText(verifiedOf(row)),
  ];
  const failed = countsText(row.reasons);
  return [
    { text: counts.filter((one) => one !== '').join(', '), ...(clear > 0 ? { style: 'red' as const } : {}) },
    failed === '' ? '' : `failed: ${failed}`,
  ];
}

const share = ({ cleartext }: Figures): string => `${Math.round(cleartext * 1000) / 10}%`;

const verifiedOf = ({ verified }: Figures): Record<string, number> =>
  Object.fromEntries(Object.entries(verified).filter(([how]) => how !== 'none'));

function figures(row: Figures): (string | Cell)[] {
  const { tls } = row;
  const clear = row.messages === 0 ? '' : share(row);
  return [
    String(row.messages),
    bar(tls),
    (tls.none ?? 0) > 0 ? { text: clear, style: 'red' } : clear,
    ...(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const).map((version) => String(tls[version] ?? '')),
    countsText(verifiedOf(row)),
    countsText(row.reasons),
  ];
}

const width = 20;
const marks = { none: 'x', TLSv1: '0', 'TLSv1.1': '1', 'TLSv1.2': '2', 'TLSv1.3': '3' } as const;

/** A letter for each version, `x` for cleartext. What was seen at all has one place at least. */
function bar(tls: PeerTraffic['tls']): string {
  const seen = Object.entries(marks).map(
    ([version, mark]) => [mark, tls[version as keyof typeof marks] ?? 0] as const,
  );
  const total = seen.reduce((sum, [, count]) => sum + count, 0);
  return seen
    .filter(([, count]) => count > 0)
    .map(([mark, count]) => mark.repeat(Math.max(1, Math.floor((count / total) * width))))
    .join('');
}
