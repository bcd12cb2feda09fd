/**
 * The wire format of a DNS answer (RFC 1035 section 4), read strictly: one malformed part makes the whole message
 * malformed.
 *
 * Queries are encoded by dns2. Answers are not decoded by it, for reasons that matter here: it reads single bits through
 * arrays, so that a packet of 64 KB blocks the process far longer than an answer may; records that it cannot read are left
 * out without a word; it skips EDNS options by bits instead of octets, which loses the Extended DNS Errors that
 * tell a bogus answer from an unhealthy resolver; and it ignores RDLENGTH for names, so that a length that lies shifts every
 * record after it.
 */

/** The message is not well-formed; `message` says how. Never leaves this directory. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export interface WireHeader {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly truncated: boolean;
  /** Authenticated Data (RFC 4035 section 3.2.3): what the resolver claims, trusted or not. */
  readonly authenticData: boolean;
  /** The four bits of the header; see `WireMessage.rcode` for all twelve. */
  readonly rcode: number;
  readonly counts: readonly [questions: number, answers: number, authorities: number, additionals: number];
}

export interface WireQuestion {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The offset of what follows it. */
  readonly end: number;
}

export interface WireRecord {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  /** RDATA within the message, for it may point at names outside of itself. */
  readonly start: number;
  readonly end: number;
}

export interface WireMessage {
  readonly bytes: Uint8Array;
  readonly header: WireHeader;
  readonly question: WireQuestion;
  readonly answers: readonly WireRecord[];
  /** SOA records of the authority section; others are checked and dropped. */
  readonly soas: readonly Omit<WireRecord, 'name'>[];
  /** Whether there is an OPT record, which says that the sender speaks EDNS (RFC 6891 section 7). */
  readonly hasOpt: boolean;
  /** Extended by the OPT record where there is one (RFC 6891 section 6.1.3). */
  readonly rcode: number;
  /** INFO-CODEs of Extended DNS Errors (RFC 8914). */
  readonly extendedErrors: readonly number[];
}

const headerLength = 12;
/** The shortest record: root name, type, class, TTL, RDLENGTH. */
const minRecordLength = 11;
/** No RRset that mail needs comes near this, and it bounds the work that names and pointers can cause. */
const maxRecords = 1000;
const maxPointers = 32;
/** Labels followed in one message, through all of its pointers: a thousand names of ten labels. */
const maxLabels = 10_000;
const typeSoa = 6;
const typeOpt = 41;
const optionExtendedError = 15;

function u16(bytes: Uint8Array, offset: number): number {
  if (offset + 2 > bytes.length) throw new WireError('ends inside a field');
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

function u32(bytes: Uint8Array, offset: number): number {
  return u16(bytes, offset) * 0x10000 + u16(bytes, offset + 2);
}

/** @throws WireError where the message is shorter than a header. */
export function readHeader(bytes: Uint8Array): WireHeader {
  if (bytes.length < headerLength) throw new WireError('shorter than a header');
  const flags = u16(bytes, 2);
  return {
    id: u16(bytes, 0),
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    truncated: (flags & 0x0200) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    rcode: flags & 0xf,
    counts: [u16(bytes, 4), u16(bytes, 6), u16(bytes, 8), u16(bytes, 10)],
  };
}

/** @throws WireError unless exactly one well-formed question follows the header. */
export function readQuestion(bytes: Uint8Array, header: WireHeader): WireQuestion {
  if (header.counts[0] !== 1) throw new WireError(`${header.counts[0]} questions`);
  const { name, end } = readName(bytes, headerLength);
  return { name, type: u16(bytes, end), class: u16(bytes, end + 2), end: end + 4 };
}

/** How many labels may yet be followed in a message, where pointers could make a million of a few. */
interface Budget {
  labels: number;
}

/**
 * Follows the name at `offset`, calling `onLabel` for each label.
 *
 * @returns the offset of what follows the name.
 * @throws WireError for a reserved label type, a pointer that does not point backwards, more than 255 octets, and where
 *   `budget` is used up.
 */
function walkName(
  bytes: Uint8Array,
  offset: number,
  budget: Budget,
  onLabel: (start: number, end: number) => void,
): number {
  let at = offset;
  let after: number | undefined;
  let barrier = offset;
  let octets = 1;
  for (let pointers = 0; ;) {
    const length = bytes[at];
    if (length === undefined) throw new WireError('a name runs past the end');
    if (length === 0) return after ?? at + 1;
    if (length >= 0xc0) {
      const target = u16(bytes, at) & 0x3fff;
      after ??= at + 2;
      // Only backwards (RFC 1035 section 4.1.4: a prior occurrence), which also rules out loops.
      if (target >= barrier) throw new WireError('a name points forward or in a loop');
      if (++pointers > maxPointers) throw new WireError('a name has too many pointers');
      at = target;
      barrier = target;
      continue;
    }
    if (length > 63) throw new WireError('a reserved label type');
    octets += length + 1;
    if (octets > 255) throw new WireError('a name exceeds 255 octets');
    if (at + 1 + length > bytes.length) throw new WireError('a name runs past the end');
    if (--budget.labels < 0) throw new WireError('too many labels');
    onLabel(at + 1, at + 1 + length);
    at += 1 + length;
  }
}

/** How the octet of a label is written. */
type OctetText = (octet: number) => string;

/** @throws WireError for a dot and for what is not printable ASCII, which text could not tell from another name */
function plainOctet(octet: number): string {
  if (!isPlain(octet)) throw new WireError('a label that is no text');
  return String.fromCharCode(octet);
}

/** As in zone files (RFC 1035 section 5.1): `\DDD` for what would otherwise read as something else. */
function escapedOctet(octet: number): string {
  const plain = isPlain(octet) && octet !== 0x5c;
  return plain ? String.fromCharCode(octet) : `\\${String(octet).padStart(3, '0')}`;
}

function isPlain(octet: number): boolean {
  return octet > 0x20 && octet < 0x7f && octet !== 0x2e;
}

/**
 * The name at `offset` as text: lower case, labels joined by dots, empty for the root.
 *
 * @throws WireError for a malformed name, and for octets that `textOf` refuses.
 */
function readName(
  bytes: Uint8Array,
  offset: number,
  budget: Budget = { labels: maxLabels },
  textOf: OctetText = plainOctet,
): { readonly name: string; readonly end: number } {
  let name = '';
  const end = walkName(bytes, offset, budget, (start, stop) => {
    if (name !== '') name += '.';
    for (let at = start; at < stop; at++) {
      const octet = bytes[at] ?? 0;
      name += textOf(octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet);
    }
  });
  return { name, end };
}

function skipName(bytes: Uint8Array, offset: number, budget: Budget): number {
  return walkName(bytes, offset, budget, () => undefined);
}

type FixedPart = Omit<WireRecord, 'name'>;
type DataForm = (bytes: Uint8Array, start: number, end: number, budget: Budget) => boolean;

/** The form of RDATA, by type; what other types hold is theirs. */
const dataForms: Readonly<Partial<Record<number, DataForm>>> = {
  /* A */ 1: (_bytes, start, end) => end - start === 4,
  /* NS */ 2: (bytes, start, end, budget) => skipName(bytes, start, budget) === end,
  /* CNAME */ 5: (bytes, start, end, budget) => skipName(bytes, start, budget) === end,
  /* SOA */ 6: (bytes, start, end, budget) =>
    skipName(bytes, skipName(bytes, start, budget), budget) + 20 === end,
  /* MX */ 15: (bytes, start, end, budget) => skipName(bytes, start + 2, budget) === end,
  /* AAAA */ 28: (_bytes, start, end) => end - start === 16,
  // The signature follows the signer's name (RFC 4034 section 3.1).
  /* RRSIG */ 46: (bytes, start, end, budget) => skipName(bytes, start + 18, budget) < end,
};

/**
 * What follows a record's owner name, its RDATA checked.
 *
 * @throws WireError where RDLENGTH does not agree with the message or with the type.
 */
function readFixedPart(bytes: Uint8Array, offset: number, budget: Budget): FixedPart {
  const start = offset + 10;
  const end = start + u16(bytes, offset + 8);
  if (end > bytes.length) throw new WireError('RDATA runs past the end');
  const type = u16(bytes, offset);
  if (dataForms[type]?.(bytes, start, end, budget) === false)
    throw new WireError(`RDATA of a wrong length for type ${type}`);
  const ttl = u32(bytes, offset + 4);
  // The high bit set counts as zero (RFC 2181 section 8).
  return {
    type,
    class: u16(bytes, offset + 2),
    ttl: ttl > 0x7fffffff ? 0 : ttl,
    start,
    end,
  };
}

/** The INFO-CODEs of the Extended DNS Errors among the options of an OPT record. */
function readExtendedErrors(bytes: Uint8Array, start: number, end: number): number[] {
  const codes: number[] = [];
  for (let at = start; at < end;) {
    const option = u16(bytes, at);
    const next = at + 4 + u16(bytes, at + 2);
    if (next > end) throw new WireError('an EDNS option runs past its record');
    if (option === optionExtendedError) {
      if (next - at < 6) throw new WireError('an Extended DNS Error without its code');
      codes.push(u16(bytes, at + 4));
    }
    at = next;
  }
  return codes;
}

/**
 * Reads a whole message.
 *
 * @throws WireError where any part of it is malformed, a count does not match, or octets are left over.
 */
export function readMessage(bytes: Uint8Array): WireMessage {
  const header = readHeader(bytes);
  const [, answerCount, authorityCount, additionalCount] = header.counts;
  const total = answerCount + authorityCount + additionalCount;
  if (headerLength + total * minRecordLength > bytes.length) throw new WireError('counts exceed the message');
  if (total > maxRecords) throw new WireError(`${total} records`);
  const question = readQuestion(bytes, header);
  const budget: Budget = { labels: maxLabels };
  let at = question.end;

  const answers: WireRecord[] = [];
  for (let left = answerCount; left > 0; left--) {
    const { name, end } = readName(bytes, at, budget);
    const fixed = readFixedPart(bytes, end, budget);
    answers.push({ name, ...fixed });
    at = fixed.end;
  }

  const soas: FixedPart[] = [];
  for (let left = authorityCount; left > 0; left--) {
    // Owner names here may hold anything (an NSEC record names its zone's neighbours), and none of them is used.
    const fixed = readFixedPart(bytes, skipName(bytes, at, budget), budget);
    if (fixed.type === typeSoa) soas.push(fixed);
    at = fixed.end;
  }

  let rcode = header.rcode;
  let extendedErrors: readonly number[] = [];
  let options = 0;
  for (let left = additionalCount; left > 0; left--) {
    const owner = skipName(bytes, at, budget);
    const fixed = readFixedPart(bytes, owner, budget);
    if (fixed.type === typeOpt) {
      if (bytes[at] !== 0 || ++options > 1) throw new WireError('an OPT record out of place');
      rcode |= (bytes[owner + 4] ?? 0) << 4;
      extendedErrors = readExtendedErrors(bytes, fixed.start, fixed.end);
    }
    at = fixed.end;
  }
  if (at !== bytes.length) throw new WireError('octets after the last record');
  return { bytes, header, question, answers, soas, hasOpt: options > 0, rcode, extendedErrors };
}

/** Where RDATA is within a message that `readMessage` accepted, which has seen to the form of all but TXT and TLSA. */
export type WireData = Pick<WireRecord, 'start' | 'end'>;

/** RDATA that is a name: CNAME, NS. */
export function readNameData(bytes: Uint8Array, { start }: WireData): string {
  return readName(bytes, start).name;
}

/** The dotted text of an A record. */
export function readAddress4(bytes: Uint8Array, { start, end }: WireData): string {
  return bytes.subarray(start, end).join('.');
}

/** The eight groups of an AAAA record. */
export function readAddress6(bytes: Uint8Array, { start }: WireData): number[] {
  return Array.from({ length: 8 }, (_, group) => u16(bytes, start + 2 * group));
}

/**
 * An MX record. An exchange that no host can be called is escaped, for one mistake in a zone must not hide the records beside it.
 */
export function readMx(
  bytes: Uint8Array,
  { start }: WireData,
): { readonly preference: number; readonly exchange: string } {
  const { name } = readName(bytes, start + 2, undefined, escapedOctet);
  return { preference: u16(bytes, start), exchange: name };
}

/** The character-strings of a TXT record, joined (RFC 8461 section 3.1), one character per octet. */
export function readText(bytes: Uint8Array, { start, end }: WireData): string {
  if (start === end) throw new WireError('a TXT record without a string');
  // Octet by octet, for a record may hold tens of thousands of strings of one.
  const joined = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start; at < end;) {
    const next = at + 1 + (bytes[at] ?? 0);
    if (next > end) throw new WireError('a character-string runs past its record');
    for (at++; at < next; at++) joined[length++] = bytes[at] ?? 0;
  }
  return joined.toString('latin1', 0, length);
}

export function readTlsa(
  bytes: Uint8Array,
  { start, end }: WireData,
): {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Uint8Array;
} {
  const [usage, selector, matchingType] = bytes.subarray(start, end);
  if (usage === undefined || selector === undefined || matchingType === undefined) {
    throw new WireError(`a TLSA record of ${end - start} octets`);
  }
  return { usage, selector, matchingType, data: Uint8Array.from(bytes.subarray(start + 3, end)) };
}

/** For how many seconds a denial may be kept: the lesser of the SOA's own TTL and its MINIMUM (RFC 2308 section 5). */
export function readNegativeTtl(bytes: Uint8Array, soa: Pick<WireRecord, 'ttl' | 'start' | 'end'>): number {
  return Math.min(soa.ttl, u32(bytes, soa.end - 4));
}
