/** The rows as text. Pure. */
import type { Seen } from './behaviour';
import type { Row } from './run_wire';

export function table(rows: readonly Row[]): string {
  const lines = [
    ['BEHAVIOUR', 'STOCK', 'OPPORTUNISTIC', 'MANDATORY', ''],
    ...rows.map(({ name, seen, faults }) => [
      name,
      cell(seen.stock),
      cell(seen.opportunistic),
      cell(seen.mandatory),
      faults.length === 0 ? 'ok' : 'FAIL',
    ]),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .flatMap((line, index) => [
      line
        .map((text, column) => text.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
      ...(rows[index - 1]?.faults.map((fault) => `    FAIL ${fault}`) ?? []),
      ...(rows[index - 1]?.reasons.map(({ why }) => `    ${why}`) ?? []),
    ])
    .join('\n');
}

/** The outcome, and of the rest what the outcome does not tell. */
function cell({ outcome, copies, message, hosts, protection, process, log }: Seen): string {
  const usual = outcome === 'delivered' ? '1' : '0';
  return [
    outcome,
    ...(copies === usual || outcome.includes(':') ? [] : [`copies ${copies}`]),
    ...(message === '-' || message === 'exact' ? [] : [`message ${message}`]),
    ...(hosts === 'mx1' ? [] : [hosts]),
    ...(protection === 'cleartext' ? ['in cleartext'] : []),
    ...(process === 'survived' ? [] : [process.toUpperCase()]),
    ...(log === 'clean' ? [] : ['log: control characters']),
  ].join('; ');
}
