/** What hostile hosts send instead of replies, as data. Pure: octets, and when they are sent. */
import type { Point } from './smtp_host';

/** Octets in the order in which they are sent; generated while they are, for some never end. */
export type Octets = Iterable<Buffer>;

export interface Attack {
  readonly name: string;
  readonly what: string;
  /** One MX host each, of equal preference: where in the conversation it turns hostile. */
  readonly points: readonly Point[];
  /** What it says there, over and over where a point comes again. */
  readonly octets: () => Octets;
  /** Each piece of `octets` leaves in a write of its own, within TLS as a record of its own; milliseconds between two. */
  readonly pauseMs: number;
}

const mib = 1024 * 1024;
export const recipients = 140;

/** A reply of `size` octets in lines of 512 (RFC 5321 section 4.5.3.1.5), 64 KiB at a time. */
function* manyLines(code: number, size: number): Generator<Buffer> {
  const line = `${code}-${'x'.repeat(506)}\r\n`;
  const piece = Buffer.from(line.repeat(128));
  for (let sent = 0; sent < size; sent += piece.length) yield piece;
  yield Buffer.from(`${code} at last\r\n`);
}

/** The same in one line. */
function* oneLine(code: number, size: number): Generator<Buffer> {
  yield Buffer.from(`${code} `);
  const piece = Buffer.alloc(64 * 1024, 'x');
  for (let sent = 0; sent < size; sent += piece.length) yield piece;
  yield Buffer.from('\r\n');
}

function* crumbs(beforehand: number, count: number): Generator<Buffer> {
  yield Buffer.from('250-');
  const piece = Buffer.alloc(16 * 1024, 'x');
  for (let sent = 0; sent < beforehand; sent += piece.length) yield piece;
  const crumb = Buffer.from('x');
  for (let sent = 0; sent < count; sent++) yield crumb;
}

function* drip(): Generator<Buffer> {
  for (;;)
    for (const octet of '250-this takes its time, and there is always more of it\r\n')
      yield Buffer.from(octet);
}

function* continuations(count: number): Generator<Buffer> {
  const piece = Buffer.from('250-x\r\n'.repeat(10_000));
  for (let sent = 0; sent < count; sent += 10_000) yield piece;
  yield Buffer.from('250 at last\r\n');
}

const bigReply = (code: number, lines: 'many' | 'one'): Attack => ({
  name: `rcpt-${code}-${lines === 'many' ? 'lines' : 'line'}`,
  what: `4 MB in ${lines === 'many' ? 'lines of 512 octets' : 'one line'}, beginning with ${code}, to each of ${recipients} recipients`,
  points: ['rcpt', 'rcpt'],
  octets: () => (lines === 'many' ? manyLines(code, 4 * mib) : oneLine(code, 4 * mib)),
  pauseMs: 0,
});

export const attacks: readonly Attack[] = [
  bigReply(250, 'many'),
  bigReply(450, 'many'),
  bigReply(550, 'many'),
  bigReply(550, 'one'),
  {
    name: 'crumbs',
    what: '20,000 TLS records of one octet, of a line without end',
    points: ['secured_ehlo', 'rcpt'],
    octets: () => crumbs(0, 20_000),
    pauseMs: 0,
  },
  {
    name: 'crumbs-after-4mb',
    what: 'the same after 3.9 MB of that line',
    points: ['secured_ehlo', 'rcpt'],
    octets: () => crumbs(3.9 * mib, 20_000),
    pauseMs: 0,
  },
  {
    name: 'drip',
    what: 'replies of one octet a second',
    points: ['greeting', 'secured_ehlo', 'rcpt'],
    octets: drip,
    pauseMs: 1000,
  },
  {
    name: 'continuations',
    what: '1,000,000 continuation lines',
    points: ['greeting', 'ehlo', 'secured_ehlo', 'rcpt'],
    octets: () => continuations(1_000_000),
    pauseMs: 0,
  },
];
