/** The peers of a managed domain as rows: what moves between systems. Pure. */
import { formatPeer, parsePeer } from '../peers/index';
import { openFile } from '../settings/load/file';
import { inboundPeerKeys, outboundPeerKeys } from '../settings/schema/keys';
import type { LocatedSection } from '../settings/ini/locate';
import type { SettingsSource } from '../settings/load/source';
import type { SectionEdit } from '../settings/ini/edit';

/** The columns that every list of peers has. */
export const usualColumns: readonly string[] = [
  'peer',
  'direction',
  'security_level',
  'min_tls_version',
  'status',
  'comment',
];

/** Every column that a list may have: whatever a peer's section may hold is one, or it would not move along. */
const columns: readonly string[] = [
  ...new Set([...usualColumns, ...Object.keys(outboundPeerKeys), ...Object.keys(inboundPeerKeys)]),
];

/** Columns that are keys of a peer's section. */
const keyColumns = columns.filter((column) => column !== 'peer' && column !== 'direction');

/** The usual columns, and one for each further key that some row writes. */
export function columnsFor(rows: readonly PeerRow[]): string[] {
  return columns.filter((column) => usualColumns.includes(column) || rows.some(({ keys }) => column in keys));
}

export interface PeerRow {
  readonly peer: string;
  readonly direction: string;
  /** As written; an empty one is to be taken out. Keys that are not named are not spoken of. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface WrittenPeer {
  readonly row: PeerRow;
  readonly section: LocatedSection;
}

/** The peers in the file `name` with the contents `text`, in the order of the file. */
export function peersIn(source: SettingsSource, name: string, text: string): WrittenPeer[] {
  const { located } = openFile(source, name, text);
  return located.sections.flatMap((section) => {
    const [, direction, peer = ''] = /^(outbound|inbound)\s+(.+)$/.exec(section.name) ?? [];
    if (direction === undefined) return [];
    return [{ section, row: { peer, direction, keys: writtenKeys(section) } }];
  });
}

function writtenKeys({ keys }: LocatedSection): PeerRow['keys'] {
  const known = [...keys].filter(([key]) => keyColumns.includes(key));
  return Object.fromEntries(known.map(([key, { texts }]) => [key, texts.join(', ')]));
}

/** A row with the columns as its keys. */
export function flat({ peer, direction, keys }: PeerRow): Record<string, string> {
  return { peer, direction, ...keys };
}

/** What tells one peer from another: however a name is written, it is the same peer. */
function identity({ peer, direction }: PeerRow): string {
  const parsed = parsePeer(peer);
  return `${direction} ${parsed === undefined ? peer : formatPeer(parsed)}`;
}

/** What a CSV file says, or everything that is wrong with it. */
export type RowsReading =
  | { readonly kind: 'rows'; readonly rows: readonly PeerRow[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/**
 * The rows of a CSV file whose first record names the columns, in any order; `peer` is needed, and `direction` is
 * `outbound` where it is empty or missing.
 */
export function rowsFromCsv(records: readonly (readonly string[])[]): RowsReading {
  const [head = [], ...body] = records;
  const names = head.map((name) => name.trim().toLowerCase());
  const problem = headProblem(names);
  if (problem !== undefined) return { kind: 'wrong', problems: [problem] };
  const seen = new Map<string, number>();
  const problems: string[] = [];
  const rows = body.map((record, index) => {
    const number = index + 2;
    const row = rowOf(names, record);
    const wrong = rowProblems(names, record, row);
    const earlier = row.peer === '' ? undefined : seen.get(identity(row));
    if (earlier !== undefined) wrong.push(`${identity(row)} stands in record ${earlier} already`);
    else seen.set(identity(row), number);
    problems.push(...wrong.map((what) => `record ${number}: ${what}`));
    return row;
  });
  return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'rows', rows };
}

/** `undefined` where the columns are good. */
function headProblem(names: readonly string[]): string | undefined {
  const [first = ''] = names;
  if (names.length === 1 && /[;\t]/.test(first)) return 'the columns are not separated by commas';
  const unknown = names.filter((name) => !columns.includes(name));
  if (unknown.length > 0) return `no such column: ${unknown.join(', ')}; there are: ${columns.join(', ')}`;
  return names.includes('peer') ? undefined : 'the first line has to name the columns, and peer among them';
}

function rowOf(names: readonly string[], record: readonly string[]): PeerRow {
  const of = (column: string) => (record[names.indexOf(column)] ?? '').trim();
  const given = keyColumns.filter((column) => names.includes(column));
  return {
    peer: of('peer'),
    direction: of('direction').toLowerCase() || 'outbound',
    keys: Object.fromEntries(given.map((column) => [column, of(column)])),
  };
}

function rowProblems(names: readonly string[], record: readonly string[], row: PeerRow): string[] {
  const { direction, peer } = row;
  const problems: string[] = [];
  if (record.length > names.length) problems.push('more fields than columns');
  if (direction !== 'outbound' && direction !== 'inbound') {
    problems.push(`direction is ${direction}, not outbound or inbound`);
  }
  if (peer === '') problems.push('no peer');
  // Such text would be something else in an INI file.
  const odd = Object.entries(flat(row)).filter(
    ([column, field]) => /[\r\n]|\\\s*$/.test(field) || (column === 'peer' && /[\][]/.test(peer)),
  );
  return [...problems, ...odd.map(([column]) => `${column} cannot be written in an INI file`)];
}

export interface Plan {
  readonly edits: readonly SectionEdit[];
  /** Headers of sections to take out. */
  readonly removed: ReadonlySet<string>;
  /** One line for each change. */
  readonly changes: readonly string[];
}

/** What turns the peers `present` into `wanted`. Peers that are not wanted go only where `prune` says so. */
export function planImport(
  present: readonly WrittenPeer[],
  wanted: readonly PeerRow[],
  prune: boolean,
): Plan {
  const before = new Map(present.map((peer) => [identity(peer.row), peer]));
  const keep = new Set(wanted.map(identity));
  const edits: SectionEdit[] = [];
  const changes: string[] = [];
  for (const row of wanted) {
    const old = before.get(identity(row));
    const lines = old === undefined ? [added(row)] : changed(old.row, row);
    changes.push(...lines);
    if (lines.length > 0)
      edits.push({ header: old?.section.name ?? `${row.direction} ${row.peer}`, keys: row.keys });
  }
  const gone = prune ? present.filter(({ row }) => !keep.has(identity(row))) : [];
  changes.push(...gone.map(({ row }) => `- ${row.direction} ${row.peer}`));
  return { edits, changes, removed: new Set(gone.map(({ section }) => section.name)) };
}

function added({ peer, direction, keys }: PeerRow): string {
  const given = Object.entries(keys).filter(([, value]) => value !== '');
  const text = given.map(([key, value]) => `${key} = ${value}`).join(', ');
  return `+ ${direction} ${peer}${text === '' ? '' : `: ${text}`}`;
}

function changed(before: PeerRow, after: PeerRow): string[] {
  const text = (value: string) => (value === '' ? '(not set)' : value);
  return Object.entries(after.keys)
    .map(([key, value]) => ({ key, was: before.keys[key] ?? '', value }))
    .filter(({ was, value }) => was !== value)
    .map(
      ({ key, was, value }) => `~ ${after.direction} ${before.peer}: ${key}: ${text(was)} -> ${text(value)}`,
    );
}
