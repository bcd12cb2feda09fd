/** What a file that somebody gives says of peers, whatever its format. Plain data. */
import type { Fault } from '../../settings/schema/fault';
import type { PeerRow } from '../peer_rows';

/** Where a key of a row comes from, as the file has it. */
export interface Given {
  /** The column or attribute, by its own name. */
  readonly name: string;
  readonly text: string;
  readonly line: number;
}

/** A peer, and where it stands in the file that was given. */
export interface IncomingRow extends PeerRow {
  readonly line: number;
  /** As the file has it: `.example.com`, where `peer` is `*.example.com`. */
  readonly peerText: Given;
  /** By key. */
  readonly given: Readonly<Record<string, Given>>;
}

/** What no section can say. */
export interface LeftOut {
  /** `entry`: there will be no section for the peer; `detail`: there is one, without this. */
  readonly what: 'entry' | 'detail';
  readonly fault: Fault;
}

export interface Incoming {
  readonly rows: readonly IncomingRow[];
  /** By line. */
  readonly faults: readonly Fault[];
  readonly leftOut: readonly LeftOut[];
}

/** A file that is no list of peers at all. */
export type IncomingReading =
  | ({ readonly kind: 'read' } & Incoming)
  | { readonly kind: 'unreadable'; readonly problems: readonly string[] };

/** Text that would be something else in an INI file. */
export function breaksIni(text: string): boolean {
  return /[\r\n]|\\\s*$/.test(text);
}

/** Of rows for the same peer, the later ones as faults. @param identityOf what tells one peer from another */
export function twice(
  file: string,
  rows: readonly IncomingRow[],
  identityOf: (row: IncomingRow) => string,
): Fault[] {
  const first = new Map<string, number>();
  return rows.flatMap((row) => {
    const identity = identityOf(row);
    const earlier = first.get(identity);
    if (earlier === undefined) first.set(identity, row.line);
    const { name: key, text: value } = row.peerText;
    return earlier === undefined
      ? []
      : [{ file, line: row.line, key, value, problem: `stands twice, first at line ${earlier}` }];
  });
}

/** A fault of the file with the rules, told of the file that was given, where the value comes from there. */
export function asGiven(
  file: string,
  fault: Fault,
  rows: ReadonlyMap<string, IncomingRow>,
): { readonly origin: 'given' | 'rules'; readonly fault: Fault } {
  const row = rows.get(fault.section ?? '');
  const given = row === undefined ? undefined : fault.key === undefined ? row.peerText : row.given[fault.key];
  if (given === undefined || given.text === '') return { origin: 'rules', fault };
  const { name: key, text: value, line } = given;
  const { problem, allowed, suggestion } = fault;
  return { origin: 'given', fault: { file, line, key, value, problem, allowed, suggestion } };
}
