/**
 * The log of messages, one line for each recipient, where `[evidence] track` asks for it. Pure.
 *
 * ```text
 * {"format":1,"kind":"track"}
 * {"at":1764406800123,"direction":"out","id":"<1@ours.example>","from":"me@ours.example","to":"you@peer.example",…}
 * {"at":1764406900000,"dropped":12}        so many lines are missing here: the disk was slow or full
 * ```
 *
 * Addresses and the Message-ID are what somebody else chose: they are cut, and JSON escapes the rest.
 */
import { formatAge, newerFormat } from '../state/format';
import type { Direction } from './day_table';
import { fieldsIn, jsonLine } from '../json_lines';

export const trackFormat = 1;

/** One recipient of one message, in one attempt. All texts are empty where nothing is known. */
export interface TrackRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly direction: Direction;
  /** Haraka's name for the message, as its log has it. */
  readonly transaction: string;
  /** The Message-ID header, with angle brackets. */
  readonly id: string;
  /** Envelope addresses; empty for the null sender. */
  readonly from: string;
  readonly to: string;
  readonly managed: string;
  readonly peer: string;
  readonly rule: string;
  readonly level: string;
  /** Outbound the MX host, inbound none. */
  readonly host: string;
  /** Of the host, or of the client. */
  readonly address: string;
  /** `none` in cleartext. */
  readonly tls: string;
  /** The key exchange group. */
  readonly group: string;
  readonly verified: string;
  readonly outcome: 'delivered' | 'deferred' | 'bounced' | 'accepted' | 'refused';
  /** A failure reason, `connection-failed`, or `reply` where the other side said no. */
  readonly reason: string;
  /** What was seen, or said. */
  readonly text: string;
  /** What the sender asked for (RFC 8689); absent for other mail. */
  readonly requiretls?: 'required' | 'no';
}

/** Characters: RFC 5321 section 4.5.3.1.3 has 256 octets for a path, RFC 5322 section 2.1.1 has 998 for a line. */
const longest = { address: 320, id: 998, text: 500 } as const;

export function trackHeader(): string {
  return jsonLine({ format: trackFormat, kind: 'track' });
}

export function trackLine(row: TrackRow): string {
  return jsonLine({
    ...row,
    id: cut(row.id, longest.id),
    from: cut(row.from, longest.address),
    to: cut(row.to, longest.address),
    rule: cut(row.rule, longest.text),
    host: cut(row.host, longest.address),
    text: cut(row.text, longest.text),
  });
}

export function droppedLine(at: number, dropped: number): string {
  return jsonLine({ at, dropped });
}

/** Half a character is none. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
}

/** @returns what is wrong with a file that begins so; empty for nothing */
export function trackHeaderProblem(line: string): string {
  const { kind, ...rest } = fieldsIn(line) ?? {};
  const age = kind === 'track' ? formatAge(rest, trackFormat) : 'damaged';
  return age === 'newer' ? newerFormat : age === 'damaged' ? 'no log of messages' : '';
}

export type TrackEntry =
  | { readonly kind: 'row'; readonly row: TrackRow }
  | { readonly kind: 'dropped'; readonly rows: number }
  | { readonly kind: 'damaged' };

const texts = [
  'transaction',
  'id',
  'from',
  'to',
  'managed',
  'peer',
  'rule',
  'level',
  'host',
  'address',
  'tls',
  'group',
  'verified',
  'outcome',
  'reason',
  'text',
] as const satisfies readonly (keyof TrackRow)[];

export function parseTrackLine(line: string): TrackEntry {
  const fields = fieldsIn(line);
  if (fields === undefined || !Number.isSafeInteger(fields['at'])) return { kind: 'damaged' };
  const { dropped, direction } = fields;
  if (typeof dropped === 'number') return { kind: 'dropped', rows: dropped };
  const isWhole = texts.every((name) => typeof fields[name] === 'string');
  const { requiretls } = fields;
  if (requiretls !== undefined && requiretls !== 'required' && requiretls !== 'no')
    return { kind: 'damaged' };
  if (!isWhole || (direction !== 'in' && direction !== 'out')) return { kind: 'damaged' };
  return { kind: 'row', row: fields as unknown as TrackRow };
}

/** Which rows are asked for; what is absent asks for all. */
export interface TrackWanted {
  readonly id?: string;
  /** An address, or a domain behind an `@`. */
  readonly sender?: string;
  readonly recipient?: string;
  /** `none`, or a version as OpenSSL names it. */
  readonly tls?: string;
  readonly reason?: string;
}

export function isTracked(wanted: TrackWanted, row: TrackRow): boolean {
  if (wanted.id !== undefined && bare(wanted.id) !== bare(row.id)) return false;
  if (wanted.sender !== undefined && !isAddress(wanted.sender, row.from)) return false;
  if (wanted.recipient !== undefined && !isAddress(wanted.recipient, row.to)) return false;
  if (wanted.tls !== undefined && wanted.tls !== row.tls) return false;
  return wanted.reason === undefined || wanted.reason === row.reason;
}

/** A Message-ID as it is kept, without its brackets. */
function bare(id: string): string {
  return id.replace(/^\s*<|>\s*$/g, '').slice(0, longest.id - 2);
}

/** Local parts are mostly compared without regard to case, and somebody who searches would rather see too much. */
function isAddress(wanted: string, address: string): boolean {
  const [want, have] = [wanted.slice(0, longest.address).toLowerCase(), address.toLowerCase()];
  return want.startsWith('@') ? have.endsWith(want) : have === want;
}
