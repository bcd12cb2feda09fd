/** What became of the messages of `npm start`, for people. */
import { labelled, paragraph } from '../src/cli/layout/paragraph';
import { table } from '../src/cli/layout/table';
import { paint, type Cell, type Output, type Style } from '../src/cli/output';
import type { Row } from './run_scenarios';

const columns = [
  ['peer', 'PEER'],
  ['rule', 'RULE'],
  ['level', 'LEVEL'],
  ['discovered', 'DISCOVERED'],
  ['tls_version', 'TLS'],
  ['verified', 'VERIFIED'],
  ['outcome', 'OUTCOME'],
  ['reason', 'REASON'],
] as const satisfies readonly (readonly [keyof Row, string])[];

/** A line for each row, below a line with the names of the columns. */
export function everyColumn(output: Output, rows: readonly Row[]): string[] {
  const cells = rows.map((row) => [...columns.map(([key]) => row[key] || '-'), ...unexpected(row)]);
  return table(output, [columns.map(([, title]) => title), ...cells]);
}

/** What the messages to the peers of each level came to; the level itself is said once. */
export function byLevel(output: Output, rows: readonly Row[]): string[] {
  const levels = new Map<string, Row[]>();
  for (const row of rows) {
    // Where Haraka could not decide, it names no level.
    const level = row.level === '' ? 'no rule could be found' : row.level;
    levels.set(level, [...(levels.get(level) ?? []), row]);
  }
  return [...levels].flatMap(([level, within]) => [
    ...(output.width === undefined ? [] : ['']),
    ...paragraph(output, [{ text: level, style: 'bold' }, summary(within)], { hanging: 2 }),
    ...aligned(output, within),
  ]);
}

const outcomes: readonly (readonly [outcome: string, style: Style])[] = [
  ['delivered', 'green'],
  ['deferred', 'yellow'],
  ['bounced', 'red'],
];

function summary(rows: readonly Row[]): string {
  const counts = [...outcomes.map(([outcome]) => outcome), 'unknown']
    .map((outcome) => [rows.filter((row) => row.outcome === outcome).length, outcome] as const)
    .filter(([count]) => count > 0)
    .map(([count, outcome]) => `${count} ${outcome}`);
  const wrong = rows.filter(({ ok }) => !ok).length;
  const all = `${rows.length} ${rows.length === 1 ? 'peer' : 'peers'}`;
  return `${all}: ${counts.join(', ')}${wrong === 0 ? '' : `; ${wrong} NOT AS EXPECTED`}`;
}

/** Columns of the outcome, of TLS, and of the gaps beside and between them. */
const [outcomeColumns, tlsColumns, gap] = [9, 9, 2];

/** The longest reason has to fit behind them on 80 columns. */
const reasonColumns = 25;

/** A line for each row; the few names that are too long for that have a line of their own. */
function aligned(output: Output, rows: readonly Row[]): string[] {
  const behind = outcomeColumns + tlsColumns + 3 * gap;
  const most = Math.max(4, (output.width ?? Infinity) - gap - behind - reasonColumns);
  const peers = Math.min(most, Math.max(...rows.map(({ peer }) => peer.length)));
  const width = gap + peers + behind;
  return rows.flatMap((row) => {
    const [, style = 'red'] = outcomes.find(([outcome]) => outcome === row.outcome) ?? [];
    const tls = row.tls_version === 'none' ? 'cleartext' : row.tls_version || '-';
    const [why = '', ...more] = labelled(output, '', [whyText(row), ...unexpected(row)], { width });
    const cells = [
      row.peer.length > peers ? ' '.repeat(peers) : row.peer.padEnd(peers),
      paint(output, style, row.outcome) + ' '.repeat(Math.max(0, outcomeColumns - row.outcome.length)),
      tls.padEnd(tlsColumns),
      why.trimStart(),
    ];
    return [
      ...(row.peer.length > peers ? paragraph(output, [row.peer], { indent: gap }) : []),
      `${' '.repeat(gap)}${cells.join(' '.repeat(gap))}`.trimEnd(),
      ...more,
    ];
  });
}

/** How the peer was verified, or why not; and what was met on the way. */
function whyText({ outcome, verified, reason }: Row): string {
  if (outcome !== 'delivered') return reason;
  return `${verified === 'none' ? '' : verified}${reason === '' ? '' : ` after ${reason}`}`.trim();
}

function unexpected({ ok }: Row): Cell[] {
  return ok ? [] : [{ text: 'NOT AS EXPECTED', style: 'red' }];
}
