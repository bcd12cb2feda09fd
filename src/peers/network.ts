/**
 * IP addresses and networks, strictly parsed. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4
 * address that it carries, so that one rule covers both forms in which a client may appear.
 */

export interface Address {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

export interface Network extends Address {
  /** Leading bits that count; the others are zero in `bits`. */
  readonly prefix: number;
}

export const width = { 4: 32, 6: 128 } as const;

const mappedPrefix = 0xffffn;

/** @returns `undefined` where `text` is no IPv4 or IPv6 address in a standard form. A zone (`%eth0`) is dropped. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const bits = parseIPv4(text);
    return bits === undefined ? undefined : { family: 4, bits };
  }
  const bits = parseIPv6(text.replace(/%[\w.-]+$/, ''));
  return bits === undefined ? undefined : fromBits(bits);
}

/**
 * `address/prefix`, or an address alone for that one host.
 *
 * @returns `undefined` where the text is neither, and where bits behind the prefix are set.
 */
export function parseNetwork(text: string): Network | undefined {
  const network = parseLooseNetwork(text);
  return network !== undefined && maskTo(network, network.prefix) === network.bits ? network : undefined;
}

/** The network meant by an address with bits set behind its prefix: `10.1.2.3/8` gives `10.0.0.0/8`. */
export function enclosingNetwork(text: string): Network | undefined {
  const network = parseLooseNetwork(text);
  return network && { ...network, bits: maskTo(network, network.prefix) };
}

/** `address` with every bit behind the first `prefix` cleared. */
export function maskTo(address: Address, prefix: number): bigint {
  const rest = BigInt(width[address.family] - prefix);
  return (address.bits >> rest) << rest;
}

/** By which clients are told apart: one subscriber usually has a whole /64. What is no address stands for itself. */
export function subscriberOf(client: string): string {
  const address = parseAddress(client);
  return address === undefined
    ? client
    : `${address.family} ${maskTo(address, address.family === 4 ? 32 : 64)}`;
}

/** The canonical text of a network (RFC 5952), without the prefix where it names one host. */
export function formatNetwork(network: Network): string {
  const host = formatAddress(network);
  return network.prefix === width[network.family] ? host : `${host}/${network.prefix}`;
}

export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIPv4(address.bits) : formatIPv6(address.bits);
}

/** `text`; where it is an IPv4-mapped address, the IPv4 address that it carries, to which a connection leads. */
export function unmapped(text: string): string {
  // Most addresses are not, and this is asked of each for every message.
  if (!/ffff:/i.test(text)) return text;
  const address = parseAddress(text);
  return address?.family === 4 ? formatAddress(address) : text;
}

/** The one form in which an address is compared (RFC 5952); a mapped one as in `unmapped`. What is no address, or has a zone, stays. */
export function plainAddress(text: string): string {
  const address = text.includes('%') ? undefined : parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}

function parseLooseNetwork(text: string): Network | undefined {
  const [host = '', length, ...more] = text.split('/');
  if (more.length > 0 || host.includes('%')) return undefined;
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  if (length === undefined) return { ...address, prefix: width[address.family] };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  // A mapped network counts its prefix over all 128 bits, 96 of which the IPv4 form does not have.
  const prefix = Number(length) - (address.family === 4 && host.includes(':') ? 96 : 0);
  return prefix < 0 || prefix > width[address.family] ? undefined : { ...address, prefix };
}

function fromBits(bits: bigint): Address {
  return bits >> 32n === mappedPrefix ? { family: 4, bits: bits & 0xffffffffn } : { family: 6, bits };
}

/** Four decimal octets without leading zeros, which some systems read as octal (RFC 6943 section 3.1.1). */
function parseIPv4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let bits = 0n;
  for (const octet of octets) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    bits = (bits << 8n) | BigInt(octet);
  }
  return bits;
}

/** RFC 4291 section 2.2: eight groups, at most one `::`, the last two groups possibly as dotted IPv4. */
function parseIPv6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const before = groups(head, tail === undefined);
  const after = tail === undefined ? [] : groups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  // `::` stands for at least one group.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const zeros = Array.from({ length: missing }, () => 0);
  return [...before, ...zeros, ...after].reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

function groups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const dotted = atEnd && index === parts.length - 1 ? parseIPv4(part) : undefined;
      if (dotted === undefined) return undefined;
      out.push(Number(dotted >> 16n), Number(dotted & 0xffffn));
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      out.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return out;
}

function formatIPv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
}

function formatIPv6(bits: bigint): string {
  const all = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(112 - 16 * i)) & 0xffffn));
  const { start, length } = longestZeros(all);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? hex(all) : `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`;
}

/** The first of the longest runs of zero groups (RFC 5952 section 4.2.3). */
function longestZeros(all: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < all.length; start++) {
    let end = start;
    while (all[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
