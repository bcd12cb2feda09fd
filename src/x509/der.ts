/**
 * A strict reader of DER (X.690) for what certificates need: definite, minimal lengths and low tag numbers.
 *
 * Nothing is copied: values are views into the input. Anything else than DER throws `MalformedDer`, which callers turn
 * into a result at their edge.
 */

export class MalformedDer extends Error {
  override readonly name = 'MalformedDer';
}

/** One element, as places in the octets that it was read from. */
export class DerElement {
  readonly #source: Uint8Array;
  readonly #start: number;
  readonly #content: number;
  readonly #end: number;

  constructor(source: Uint8Array, start: number, content: number, end: number) {
    this.#source = source;
    this.#start = start;
    this.#content = content;
    this.#end = end;
  }

  /** The identifier octet: class, constructed bit and number. */
  get tag(): number {
    return this.#source[this.#start] ?? 0;
  }

  /** Octets of the whole element, header included. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** The content octets. */
  get value(): Uint8Array {
    return this.#source.subarray(this.#content, this.#end);
  }

  /** The whole element, header included. */
  get raw(): Uint8Array {
    return this.#source.subarray(this.#start, this.#end);
  }

  /** The content octets as ISO 8859-1: without a view on them, which costs more than the text. */
  get latin1(): string {
    const source = this.#source;
    // Only a Buffer has the method, and a plain Uint8Array is as good a source.
    const octets = Buffer.isBuffer(source)
      ? source
      : Buffer.from(source.buffer, source.byteOffset, source.length);
    return octets.toString('latin1', this.#content, this.#end);
  }

  /** The elements inside a constructed one, in order. @throws MalformedDer */
  children(): DerElement[] {
    const found: DerElement[] = [];
    for (let offset = this.#content; offset < this.#end;) {
      const child = elementAt(this.#source, offset, this.#end);
      found.push(child);
      offset = child.#end;
    }
    return found;
  }

  /** The one element inside. @throws MalformedDer where there is none, or more than one. */
  onlyChild(): DerElement {
    const child = elementAt(this.#source, this.#content, this.#end);
    if (child.#end !== this.#end) throw new MalformedDer('octets follow the element');
    return child;
  }
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
  const element = elementAt(bytes, 0, bytes.length);
  if (element.size !== bytes.length) throw new MalformedDer('octets follow the element');
  if (tag !== undefined) expectTag(element, tag);
  return element;
}

/** The elements inside a constructed one, in order. @throws MalformedDer */
export function children(element: DerElement): DerElement[] {
  return element.children();
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
  if (value.length === 0 || ((value[value.length - 1] ?? 0) & 0x80) !== 0)
    throw new MalformedDer('truncated OID');
  let text = '';
  let arc = 0;
  for (let index = 0; index < value.length; index++) {
    const octet = value[index] ?? 0;
    if (arc === 0 && octet === 0x80) throw new MalformedDer('padded OID');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new MalformedDer('over-long OID');
    if (octet < 0x80) {
      text += text === '' ? firstArcs(arc) : `.${arc}`;
      arc = 0;
    }
  }
  return text;
}

/** The first two arcs share one number (X.690 section 8.19.4). */
function firstArcs(joint: number): string {
  const root = Math.min(Math.floor(joint / 40), 2);
  return `${root}.${joint - root * 40}`;
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
      return element.latin1;
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
  const text = element.latin1;
  if (!/^[\0-\x7f]*$/.test(text)) throw new MalformedDer('text that is not ASCII');
  return text;
}

/** UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 profiles them, in ms since the epoch. @throws MalformedDer */
export function readTime(element: DerElement | undefined): number {
  if (element?.tag !== tags.utcTime && element?.tag !== tags.generalizedTime) {
    throw new MalformedDer('no time');
  }
  const { value } = element;
  const yearDigits = element.tag === tags.utcTime ? 2 : 4;
  if (value.length !== yearDigits + 11 || value[yearDigits + 10] !== zulu) throw new MalformedDer('bad time');
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((at) => twoDigits(value, yearDigits + at));
  const time = Date.UTC(0, (month ?? 0) - 1, day, hour, minute, second);
  const date = new Date(time);
  date.setUTCFullYear(readYear(value, yearDigits), (month ?? 0) - 1, day);
  const sound = date.getUTCMonth() + 1 === month && date.getUTCDate() === day && date.getUTCHours() === hour;
  if (!sound || date.getUTCMinutes() !== minute) throw new MalformedDer('no such time');
  return date.getTime();
}

const zulu = 'Z'.charCodeAt(0);

/** Two digits of a year mean 1950 to 2049. */
function readYear(value: Uint8Array, digits: 2 | 4): number {
  const first = twoDigits(value, 0);
  if (digits === 4) return first * 100 + twoDigits(value, 2);
  return first < 50 ? 2000 + first : 1900 + first;
}

function twoDigits(value: Uint8Array, at: number): number {
  const tens = (value[at] ?? 0) - 0x30;
  const ones = (value[at + 1] ?? 0) - 0x30;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw new MalformedDer('bad time');
  return tens * 10 + ones;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function elementAt(bytes: Uint8Array, offset: number, limit: number): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || offset + 2 > limit)
    throw new MalformedDer('truncated header');
  if ((tag & 0x1f) === 0x1f) throw new MalformedDer('high tag number');
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  const content = offset + 2 + lengthOctets;
  const end = content + (first < 0x80 ? first : longLength(bytes, offset + 2, lengthOctets));
  if (end > limit) throw new MalformedDer('truncated content');
  return new DerElement(bytes, offset, content, end);
}

function longLength(bytes: Uint8Array, offset: number, octets: number): number {
  if (octets === 0 || octets > 4) throw new MalformedDer('bad length');
  let length = 0;
  for (let index = 0; index < octets; index++) {
    const octet = bytes[offset + index];
    if (octet === undefined) throw new MalformedDer('truncated length');
    length = length * 256 + octet;
  }
  if (length < 0x80 || length < 256 ** (octets - 1)) throw new MalformedDer('length not minimal');
  return length;
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
