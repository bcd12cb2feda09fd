/** The peers of one file as rows: what moves between systems. Pure. */
import { formatPeer, parsePeer } from '../peers/index';
import { openFile } from '../settings/load/file';
import { sharedInboundPeerKeys, sharedOutboundPeerKeys } from '../settings/schema/keys';
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
export const columns: readonly string[] = [
  ...new Set([
    ...usualColumns,
    ...Object.keys(sharedOutboundPeerKeys),
    ...Object.keys(sharedInboundPeerKeys),
  ]),
];

/** Columns that are keys of a peer's section. */
export const keyColumns = columns.filter((column) => column !== 'peer' && column !== 'direction');

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
export function identity({ peer, direction }: PeerRow): string {
  const parsed = parsePeer(peer);
  return `${direction} ${parsed === undefined ? peer : formatPeer(parsed)}`;
}

export interface Plan<R extends PeerRow> {
  readonly edits: readonly SectionEdit[];
  /** Headers of sections to take out. */
  readonly removed: ReadonlySet<string>;
  /** One line for each change. */
  readonly changes: readonly string[];
  /** What is wanted, by the header that its section has. */
  readonly sections: ReadonlyMap<string, R>;
}

/** What turns the peers `present` into `wanted`. Peers that are not wanted go only where `prune` says so. */
export function planImport<R extends PeerRow>(
  present: readonly WrittenPeer[],
  wanted: readonly R[],
  prune: boolean,
): Plan<R> {
  const before = new Map(present.map((peer) => [identity(peer.row), peer]));
  const keep = new Set(wanted.map(identity));
  const sections = new Map<string, R>();
  const edits: SectionEdit[] = [];
  const changes: string[] = [];
  for (const row of wanted) {
    const old = before.get(identity(row));
    const lines = old === undefined ? [added(row)] : changed(old.row, row);
    const header = old?.section.name ?? `${row.direction} ${row.peer}`;
    sections.set(header, row);
    changes.push(...lines);
    if (lines.length > 0) edits.push({ header, keys: row.keys });
  }
  const gone = prune ? present.filter(({ row }) => !keep.has(identity(row))) : [];
  changes.push(...gone.map(({ row }) => `- ${row.direction} ${row.peer}`));
  return { edits, changes, sections, removed: new Set(gone.map(({ section }) => section.name)) };
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
