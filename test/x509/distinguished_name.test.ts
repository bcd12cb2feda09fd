import { expect, it, test } from 'vitest';
import { tlv } from '../../haraka-test-harness/pki';
import { comparableName, sameDistinguishedName } from '../../src/x509/distinguished_name';

const types = { cn: '0603550403', o: '060355040a', photo: '06082b06010505070709' } as const;
/** UTF8String, PrintableString, and OCTET STRING, which is no text. */
const strings = { utf8: 0x0c, printable: 0x13, octets: 0x04 } as const;

type Attribute = [type: keyof typeof types, text: string, string?: keyof typeof strings];

/** An RDNSequence; each list is one relative name. */
function name(...rdns: Attribute[][]): Buffer {
  const attribute = ([type, text, string = 'utf8']: Attribute) =>
    tlv(0x30, Buffer.from(types[type], 'hex'), tlv(strings[string], Buffer.from(text)));
  return tlv(0x30, ...rdns.map((attributes) => tlv(0x31, ...attributes.map(attribute))));
}

const ca = name([['o', 'Example Trust']], [['cn', 'Example CA']]);

test.each<[difference: string, other: Buffer]>([
  ['nothing', Buffer.from(ca)],
  ['the type of a string', name([['o', 'Example Trust', 'printable']], [['cn', 'Example CA']])],
  ['letter case', name([['o', 'EXAMPLE trust']], [['cn', 'example ca']])],
  ['blanks', name([['o', '  Example   Trust ']], [['cn', 'Example CA']])],
])('names are the same that differ in %s', (_difference, other) => {
  expect(sameDistinguishedName(ca, other)).toBe(true);
  expect(sameDistinguishedName(other, ca)).toBe(true);
});

test.each<[difference: string, other: Buffer]>([
  ['a value', name([['o', 'Example Trust']], [['cn', 'Example CB']])],
  ['whether there is a blank', name([['o', 'ExampleTrust']], [['cn', 'Example CA']])],
  ['a type', name([['cn', 'Example Trust']], [['cn', 'Example CA']])],
  ['order', name([['cn', 'Example CA']], [['o', 'Example Trust']])],
  ['length', name([['o', 'Example Trust']])],
  [
    'how attributes are grouped',
    name([
      ['o', 'Example Trust'],
      ['cn', 'Example CA'],
    ]),
  ],
  ['emptiness', name()],
])('names are others that differ in %s', (_difference, other) => {
  expect(sameDistinguishedName(ca, other)).toBe(false);
  expect(sameDistinguishedName(other, ca)).toBe(false);
});

it('knows no order of attributes within a relative name', () => {
  const one = name([
    ['o', 'Example'],
    ['cn', 'CA'],
  ]);
  const other = name([
    ['cn', 'ca'],
    ['o', 'example'],
  ]);
  expect(sameDistinguishedName(one, other)).toBe(true);
});

it('compares octet for octet what is no text', () => {
  const photo = (text: string) =>
    name([
      ['cn', 'CA'],
      ['photo', text, 'octets'],
    ]);
  const alike = name([
    ['cn', 'ca'],
    ['photo', 'one', 'octets'],
  ]);
  expect(sameDistinguishedName(photo('one'), alike)).toBe(true);
  expect(sameDistinguishedName(photo('one'), photo('two'))).toBe(false);
  expect(sameDistinguishedName(photo('one'), photo('ONE'))).toBe(false);
});

it('finds a name that cannot be read the same as none but its copy', () => {
  const broken = Buffer.from('3005ff', 'hex');
  const brokenToo = Buffer.from('3006ff', 'hex');
  expect(sameDistinguishedName(broken, brokenToo)).toBe(false);
  expect(sameDistinguishedName(broken, ca)).toBe(false);
  expect(sameDistinguishedName(ca, broken)).toBe(false);
  expect(() => comparableName(broken)).toThrow();
});

it('gives names below another in the directory a text that begins with its text', () => {
  const above = comparableName(name([['o', 'Example']]));
  expect(comparableName(name([['o', 'EXAMPLE']], [['cn', 'CA']])).startsWith(above)).toBe(true);
  expect(comparableName(name([['o', 'Example Trust']])).startsWith(above)).toBe(false);
});
