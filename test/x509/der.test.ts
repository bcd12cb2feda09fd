import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { tlv } from '../../haraka-test-harness/pki';
import {
  MalformedDer,
  readBoolean,
  readCount,
  readNamedBits,
  readOid,
  readText,
  readTime,
  soleElement,
  type DerElement,
} from '../../src/x509/der';

const hex = (text: string) => Buffer.from(text, 'hex');
const element = (text: string) => soleElement(hex(text));

it('a plain Uint8Array is read as a Buffer is', { tags: ['regression'] }, () => {
  const text = soleElement(Buffer.from('1603 6d78c3'.replace(' ', ''), 'hex'));
  const plain = soleElement(Uint8Array.from([0xff, ...hex('16036d78c3')]).subarray(1));
  expect(plain.latin1).toBe('mx\u00c3');
  expect(plain.latin1).toBe(text.latin1);
  expect(readText(plain)).toBe(readText(text));
});

it.each([
  ['', 'nothing'],
  ['30', 'no length'],
  ['3001', 'content missing'],
  ['300000', 'something behind it'],
  ['3080', 'indefinite length'],
  ['30800000', 'indefinite length with an end'],
  ['308100', 'a length that needs no second octet'],
  ['30820001ff', 'a length with a leading zero'],
  ['3085000000000100', 'a length of five octets'],
  ['1f0100', 'a high tag number'],
])('%s is no DER: %s', (text) => {
  expect(() => element(text)).toThrow(MalformedDer);
});

it('an element keeps within the one around it', () => {
  expect(() => element('300430050101').children()).toThrow(MalformedDer);
  expect(() => element('3003020101').onlyChild()).not.toThrow();
  expect(() => element('3006020101020101').onlyChild()).toThrow(MalformedDer);
});

it.each([
  ['0603551d11', '2.5.29.17'],
  ['06082b06010505070301', '1.3.6.1.5.5.7.3.1'],
  ['0602883703', undefined],
  ['060100', '0.0'],
  ['06028837', '2.999'],
  ['0600', undefined],
  ['060188', undefined],
  ['0603558001', undefined],
  ['060a2affffffffffffffffff', undefined],
])('the OID %s reads %s', (text, oid) => {
  const read = () => readOid(element(text));
  if (oid === undefined) expect(read).toThrow(MalformedDer);
  else expect(read()).toBe(oid);
});

it.each([
  [Date.UTC(2026, 1, 28, 23, 59, 59), '17', '260228235959Z'],
  [Date.UTC(1950, 0, 1), '17', '500101000000Z'],
  [Date.UTC(2049, 11, 31), '17', '491231000000Z'],
  [Date.UTC(2050, 0, 1), '18', '20500101000000Z'],
  [Date.UTC(2024, 1, 29), '17', '240229000000Z'],
  ['malformed', '17', '230229000000Z'],
  ['malformed', '17', '261301000000Z'],
  ['malformed', '17', '260100000000Z'],
  ['malformed', '17', '260101240000Z'],
  ['malformed', '17', '260101006000Z'],
  ['malformed', '17', '2601010000Z'],
  ['malformed', '17', '260101000000+0000'],
  ['malformed', '17', '26010100000/Z'],
  ['malformed', '18', '260101000000Z'],
  ['malformed', '04', '260101000000Z'],
])('%s is the time in %s %s', (time, tag, text) => {
  const read = () => readTime(soleElement(tlv(parseInt(tag, 16), Buffer.from(text))));
  if (time === 'malformed') expect(read).toThrow(MalformedDer);
  else expect(read()).toBe(time);
});

describe('small values', () => {
  it.each([
    ['020100', 0],
    ['02020080', 128],
    ['02027fff', 32767],
    ['0209008000000000000000', Infinity],
    ['0201ff', 'malformed'],
    ['0200', 'malformed'],
    ['02020001', 'malformed'],
  ])('the count %s is %s', (text, count) => {
    if (count === 'malformed') expect(() => readCount(element(text))).toThrow(MalformedDer);
    else expect(readCount(element(text))).toBe(count);
  });

  it.each([
    ['03020780', 1],
    ['03020106', (1 << 5) | (1 << 6)],
    ['0303070080', 1 << 8],
    ['030100', 0],
    ['0300', 'malformed'],
    ['03020880', 'malformed'],
    ['030600ffffffffff', 'malformed'],
  ])('the bits %s are %s', (text, bits) => {
    if (bits === 'malformed') expect(() => readNamedBits(element(text))).toThrow(MalformedDer);
    else expect(readNamedBits(element(text))).toBe(bits);
  });

  it('BOOLEAN is 00 or ff', () => {
    expect([readBoolean(element('010100')), readBoolean(element('0101ff'))]).toEqual([false, true]);
    expect(() => readBoolean(element('010101'))).toThrow(MalformedDer);
  });

  it.each([
    ['0c02c3bc', 'ü'],
    ['0c01ff', undefined],
    ['13026162', 'ab'],
    ['1e0400610062', 'ab'],
    ['1e03006100', undefined],
    ['1c0400000061', 'a'],
    ['1c0400110000', undefined],
    ['020161', undefined],
  ])('the text %s is %s', (text, value) => {
    expect(readText(element(text))).toBe(value);
  });
});

/** Everything that can be reached from an element, as far as it is DER. */
function walk(item: DerElement, depth = 0): number {
  expect(item.raw.length).toBeGreaterThanOrEqual(item.value.length + 2);
  if ((item.tag & 0x20) === 0 || depth > 20) return 1;
  return item.children().reduce((sum, child) => sum + walk(child, depth + 1), 1);
}

it('any octets are either DER or malformed, never anything else', () => {
  const tree = fc.letrec<{ node: Buffer }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .tuple(fc.constantFrom(0x02, 0x04, 0x06, 0x17), fc.uint8Array({ maxLength: 300 }))
        .map(([tag, data]) => tlv(tag, Buffer.from(data))),
      fc.array(tie('node'), { maxLength: 4 }).map((nodes) => tlv(0x30, ...nodes)),
    ),
  })).node;
  const broken = fc.tuple(tree, fc.nat(), fc.nat(255)).map(([bytes, place, octet]) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(octet, place % copy.length);
    return copy;
  });
  fc.assert(fc.property(tree, (bytes) => void walk(soleElement(bytes))));
  fc.assert(
    fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        walk(soleElement(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedDer);
      }
    }),
    { numRuns: 2000 },
  );
});
