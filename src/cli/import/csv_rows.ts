/** Peers from CSV: as `tls-peers export` writes them, or from another gateway. Pure. */
import { parsePeer } from '../../peers/index';
import { closest } from '../../settings/schema/closest';
import type { Fault } from '../../settings/schema/fault';
import { messageOf } from '../../text';
import { parseCsv, type CsvRecord } from '../csv';
import { columns, identity, keyColumns } from '../peer_rows';
import { columnOf, valueOf } from './gateway_words';
import { breaksIni, twice, type Given, type IncomingReading, type IncomingRow } from './incoming';

/** Whether the first line names a column. */
export function looksLikeCsv(text: string): boolean {
  const [first = ''] = text.replace(/^\uFEFF/, '').split(/[\r\n]/);
  const titles = first.split(/[,;\t]/).map((title) => title.replaceAll('"', ''));
  return titles.some((title) => columns.includes(columnOf(title)));
}

/** A column of the file: which of ours it is, and how the file calls it. */
interface Column {
  readonly name: string;
  readonly title: string;
}

/**
 * The rows of a file whose first record names the columns, in any order; `peer` is needed. `direction` is `outbound` where it is
 * empty or missing, and `inbound` for addresses and networks, to which no mail goes.
 *
 * @param file for faults
 * @param scope of rows that have none of their own; empty where nothing is to be said of it
 */
export function rowsFromCsv(file: string, text: string, scope: string): IncomingReading {
  let records: readonly CsvRecord[];
  try {
    records = parseCsv(text);
  } catch (error) {
    return { kind: 'unreadable', problems: [messageOf(error)] };
  }
  const [head, ...body] = records;
  const found = (head?.fields ?? []).map((title) => ({ name: columnOf(title), title: title.trim() }));
  const problems = headProblems(found);
  if (problems.length > 0) return { kind: 'unreadable', problems };
  const rows = body.map((record) => withScope(rowOf(found, record), scope));
  const wrong = body.flatMap((record, index) => rowFaults(file, found, record, rows[index]));
  const named = rows.filter(({ peer }) => peer !== '');
  const faults = [...wrong, ...twice(file, named, identity)].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const bad = new Set(wrong.map(({ line }) => line));
  return { kind: 'read', rows: unique(named.filter(({ line }) => !bad.has(line))), faults, leftOut: [] };
}

/** The first of each, so that the others do not hide what is wrong with it. */
function unique(rows: readonly IncomingRow[]): IncomingRow[] {
  return [...new Map([...rows].reverse().map((row) => [identity(row), row])).values()].reverse();
}

function headProblems(found: readonly Column[]): string[] {
  const [first] = found;
  if (found.length === 1 && /[;\t]/.test(first?.title ?? ''))
    return ['the columns are not separated by commas'];
  const problems = found
    .filter(({ name }) => !columns.includes(name))
    .map(({ title, name }) => {
      const meant = closest(name, columns);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return `line 1: no such column: ${title}; there are: ${columns.join(', ')}${hint}`;
    });
  const names = found.map(({ name }) => name);
  const doubled = found.filter(({ name }, index) => names.indexOf(name) !== index);
  problems.push(...doubled.map(({ title, name }) => `line 1: ${title}: a second column for ${name}`));
  if (!names.includes('peer'))
    problems.push('line 1: the first line has to name the columns, and peer among them');
  return problems;
}

function rowOf(found: readonly Column[], { fields, line }: CsvRecord): IncomingRow {
  const given = (name: string): Given => {
    const at = found.findIndex((column) => column.name === name);
    return { name: found[at]?.title ?? name, text: (fields[at] ?? '').trim(), line };
  };
  const keys = keyColumns.filter((key) => found.some(({ name }) => name === key));
  const peerText = given('peer');
  const direction = valueOf('direction', given('direction').text).toLowerCase();
  return {
    peer: peerText.text,
    direction: direction === '' ? directionOf(peerText.text) : direction,
    keys: Object.fromEntries(keys.map((key) => [key, valueOf(key, given(key).text)])),
    line,
    peerText,
    given: Object.fromEntries(keys.map((key) => [key, given(key)])),
  };
}

function withScope(row: IncomingRow, scope: string): IncomingRow {
  return scope === '' || (row.keys['scope'] ?? '') !== '' ? row : { ...row, keys: { ...row.keys, scope } };
}

function directionOf(peer: string): 'outbound' | 'inbound' {
  return parsePeer(peer)?.kind === 'network' ? 'inbound' : 'outbound';
}

function rowFaults(
  file: string,
  found: readonly Column[],
  { fields, line }: CsvRecord,
  row: IncomingRow | undefined,
): Fault[] {
  if (row === undefined) return [];
  const faults: Fault[] = [];
  if (fields.length > found.length) faults.push({ file, line, problem: 'more fields than columns' });
  const { direction, peer, peerText } = row;
  if (direction !== 'outbound' && direction !== 'inbound') {
    const at = found.find(({ name }) => name === 'direction')?.title ?? 'direction';
    const problem = 'no such direction';
    faults.push({ file, line, key: at, value: direction, problem, allowed: 'outbound, inbound' });
  }
  if (peer === '') faults.push({ file, line, key: peerText.name, problem: 'no peer' });
  const odd = [peerText, ...Object.values(row.given)].filter(
    (one) => breaksIni(one.text) || (one === peerText && /[\][]/.test(peer)),
  );
  return [
    ...faults,
    ...odd.map(({ name, text }) => ({
      file,
      line,
      key: name,
      value: text,
      problem: 'cannot be written in an INI file',
    })),
  ];
}
