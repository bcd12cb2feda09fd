/**
 * A strict reader of DER (X.690) for what certificates need: definite, minimal lengths and low tag numbers.
 *
 * Nothing is copied: values are views into the input. Anything else than DER throws `MalformedDer`, which callers turn
 * into a result at their edge.
 */

export class MalformedDer extends Error {
  override readonly name = 'MalformedDer';
}

export interface DerElement {
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number;
  /** The content octets. */
  readonly value: Uint8Array;
  /** The whole element, header included. */
  readonly raw: Uint8Array;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The element that `bytes` consists of. @throws MalformedDer where something follows it. */
export function soleElement(bytes: Uint8Array, tag?: number): DerElement {
  const element = elementAt(bytes, 0);
  if (element.raw.length !== bytes.length) throw new MalformedDer('octets follow the element');
  if (tag !== undefined) expectTag(element, tag);
  return element;
}

/** The elements inside a constructed one, in order. @throws MalformedDer */
export function children(element: DerElement): DerElement[] {
  const found: DerElement[] = [];
  for (let offset = 0; offset < element.value.length;) {
    const child = elementAt(element.value, offset);
    found.push(child);
    offset += child.raw.length;
  }
  return found;
}

/** @throws MalformedDer where `element` is missing or of another type. */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) {
    throw new MalformedDer(`tag ${element?.tag.toString(16) ?? 'missing'} instead of ${tag.toString(16)}`);
  }
  return element;
}

/** An object identifier in dotted form. @throws MalformedDer */
export function readOid(element: DerElement | undefined): string {
  const { value } = expectTag(element, tags.oid);
  if (value.length === 0 || ((value.at(-1) ?? 0) & 0x80) !== 0) throw new MalformedDer('truncated OID');
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of value) {
    if (arc === 0 && octet === 0x80) throw new MalformedDer('padded OID');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new MalformedDer('over-long OID');
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** A BOOLEAN, which DER writes as 00 or FF. @throws MalformedDer */
export function readBoolean(element: DerElement): boolean {
  const { value } = expectTag(element, tags.boolean);
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) throw new MalformedDer('bad BOOLEAN');
  return value[0] === 0xff;
}

/** A non-negative INTEGER; beyond 2^31 the answer is `Infinity`. @throws MalformedDer */
export function readCount(element: DerElement | undefined): number {
  const { value } = expectTag(element, tags.integer);
  const [first, second = 0] = value;
  if (first === undefined || (first === 0 && value.length > 1 && second < 0x80)) {
    throw new MalformedDer('bad INTEGER');
  }
  if (first >= 0x80) throw new MalformedDer('negative INTEGER');
  return value.length > 4 ? Infinity : value.reduce((sum, octet) => sum * 256 + octet, 0);
}

/**
 * The named bits of a BIT STRING: bit `n` of the standard is `1 << n` here.
 *
 * @throws MalformedDer, also for more than 31 named bits.
 */
export function readNamedBits(element: DerElement): number {
  const [unused, ...octets] = expectTag(element, tags.bitString).value;
  if (unused === undefined || unused > 7 || octets.length > 3 || (octets.length === 0 && unused > 0)) {
    throw new MalformedDer('bad BIT STRING');
  }
  let bits = 0;
  octets.forEach((octet, index) => {
    for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >> bit)) bits |= 1 << (index * 8 + bit);
  });
  return bits;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const latin1 = new TextDecoder('latin1');

/** The text of any of the string types of a DirectoryString or an IA5String. `undefined` for another type or bad text. */
export function readText(element: DerElement): string | undefined {
  switch (element.tag) {
    case tags.utf8String:
      try {
        return utf8.decode(element.value);
      } catch {
        return undefined;
      }
    case tags.printableString:
    case tags.ia5String:
    case tags.t61String:
      return latin1.decode(element.value);
    case tags.bmpString:
      return element.value.length % 2 === 0 ? fixedWidthText(element.value, 2) : undefined;
    case tags.universalString:
      return element.value.length % 4 === 0 ? fixedWidthText(element.value, 4) : undefined;
    default:
      return undefined;
  }
}

/** ASCII text under an implicit tag, as names in a GeneralName are. @throws MalformedDer for other octets. */
export function readAscii(element: DerElement): string {
  if (element.value.some((octet) => octet > 0x7f)) throw new MalformedDer('text that is not ASCII');
  return latin1.decode(element.value);
}

/** UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 profiles them, in ms since the epoch. @throws MalformedDer */
export function readTime(element: DerElement | undefined): number {
  if (element?.tag !== tags.utcTime && element?.tag !== tags.generalizedTime) {
    throw new MalformedDer('no time');
  }
  const match = /^(\d\d(?:\d\d)?)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(latin1.decode(element.value));
  if (match?.[1]?.length !== (element.tag === tags.utcTime ? 2 : 4)) throw new MalformedDer('bad time');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fullYear = element.tag === tags.generalizedTime ? year : year < 50 ? 2000 + year : 1900 + year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59) {
    throw new MalformedDer('no such time');
  }
  return date.getTime();
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function elementAt(bytes: Uint8Array, offset: number): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new MalformedDer('truncated header');
  if ((tag & 0x1f) === 0x1f) throw new MalformedDer('high tag number');
  const header = first < 0x80 ? { size: 2, length: first } : longLength(bytes, offset, first & 0x7f);
  const end = offset + header.size + header.length;
  if (end > bytes.length) throw new MalformedDer('truncated content');
  return { tag, value: bytes.subarray(offset + header.size, end), raw: bytes.subarray(offset, end) };
}

function longLength(bytes: Uint8Array, offset: number, octets: number): { size: number; length: number } {
  if (octets === 0 || octets > 4) throw new MalformedDer('bad length');
  let length = 0;
  for (let index = 0; index < octets; index++) {
    const octet = bytes[offset + 2 + index];
    if (octet === undefined) throw new MalformedDer('truncated length');
    length = length * 256 + octet;
  }
  if (length < 0x80 || length < 256 ** (octets - 1)) throw new MalformedDer('length not minimal');
  return { size: 2 + octets, length };
}

function fixedWidthText(bytes: Uint8Array, width: 2 | 4): string | undefined {
  let text = '';
  for (let offset = 0; offset < bytes.length; offset += width) {
    let code = 0;
    for (let index = 0; index < width; index++) code = code * 256 + (bytes[offset + index] ?? 0);
    if (code > 0x10ffff) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}
