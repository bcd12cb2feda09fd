import fc from 'fast-check';
import { isIPv4, isIPv6 } from 'node:net';
import { expect, test } from 'vitest';
import {
  enclosingNetwork,
  formatAddress,
  formatNetwork,
  maskTo,
  parseAddress,
  parseNetwork,
  plainAddress,
  unmapped,
} from '../../src/peers/network';

test('exactly those texts are addresses that Node takes for addresses', () => {
  const almost = fc.string({
    unit: fc.constantFrom(...Array.from('0123456789abcdefAF:.%/x ')),
    maxLength: 45,
  });
  const plausible = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), almost);
  fc.assert(
    fc.property(plausible, (text) => {
      expect(parseAddress(text) !== undefined).toBe(
        isIPv4(text) || (isIPv6(text) && /^[^%]*(%[\w.-]+)?$/.test(text)),
      );
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['fe80::1%eth0', 'fe80::1'],
  ['FE80::1%br-lan.5', 'fe80::1'],
  ['::ffff:192.0.2.1%1', '192.0.2.1'],
])('the zone of %s is dropped', (text, canonical) => {
  expect(formatAddress(parseAddress(text)!)).toBe(canonical);
});

test.each(['192.0.2.1%eth0', 'fe80::1%', 'fe80::1%eth0%eth1', 'fe80::1%a b', '%eth0', 'x%eth0'])(
  '%s is no address',
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test('an address is read back from its canonical text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text)!;
      expect(parseAddress(formatAddress(address))).toEqual(address);
    }),
    { numRuns: 1000 },
  );
});

test('canonical IPv6 text is what the URL parser of Node writes', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text)!;
      fc.pre(address.family === 6);
      expect(`[${formatAddress(address)}]`).toBe(new URL(`http://[${text}]/`).hostname);
    }),
    { numRuns: 1000 },
  );
});

test('the network around an address holds the address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), (text, wide) => {
      const address = parseAddress(text)!;
      fc.pre(address.family === 6 || !text.includes(':'));
      const prefix = address.family === 4 ? wide % 33 : wide;
      const network = enclosingNetwork(`${text}/${prefix}`)!;
      expect(maskTo(address, prefix)).toBe(network.bits);
      expect(parseNetwork(formatNetwork(network))).toEqual(network);
    }),
  );
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['::/0', '::/0'],
  ['2001:DB8:0:0::/32', '2001:db8::/32'],
  ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
])('%s is the network %s', (text, canonical) => {
  expect(formatNetwork(parseNetwork(text)!)).toBe(canonical);
});

test.each([
  '192.0.2.1/24',
  '192.0.2.0/33',
  '192.0.2.0/024',
  '192.0.2.0/',
  '192.0.2.0/24/24',
  '192.0.2.0/-1',
  '192.0.2',
  '192.0.2.01',
  '192.0.2.256',
  '300.0.2.1',
  '::ffff:192.0.2.0/24',
  '::ffff:0.0.0.0/95',
  '2001:db8::1/64',
  '2001:db8::/129',
  'fe80::1%eth0',
  'fe80::%eth0/64',
  '1::2::3',
  '1:2:3:4::5:6:7:8',
  '192.0.2.1::',
  '::192.0.2.1:1',
  '12345::',
  ':1:2:3:4:5:6:7',
  'example.com',
  '',
])('%s is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['0:0:0:0:0:FFFF:c000:0201', '192.0.2.1', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0::FFFF:1', '2001:DB8:0::FFFF:1', '2001:db8::ffff:1'],
  ['::ffff:0:192.0.2.1', '::ffff:0:192.0.2.1', '::ffff:0:c000:201'],
  ['mx.ffff.example', 'mx.ffff.example', 'mx.ffff.example'],
  ['fe80::ffff:1%eth0', 'fe80::ffff:1%eth0', 'fe80::ffff:1%eth0'],
])('%s is connected to as %s, and compared as %s', { tags: ['regression'] }, (text, connected, compared) => {
  expect(unmapped(text)).toBe(connected);
  expect(plainAddress(text)).toBe(compared);
});

test('every address has one form, which is its own', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      expect(parseAddress(plainAddress(text))).toEqual(parseAddress(text));
      expect(plainAddress(plainAddress(text))).toBe(plainAddress(text));
      expect(plainAddress(unmapped(text))).toBe(plainAddress(text));
    }),
  );
});
