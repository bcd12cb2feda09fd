import { networkInterfaces } from 'node:os';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { ownAddress } from '../../src/delivery/own_address';

const netUtils = createRequire(import.meta.url)('haraka-net-utils') as {
  is_local_ip(address: string): boolean;
};
const isLocal = (address: string): boolean => netUtils.is_local_ip(address);
const interfaces = Object.values(networkInterfaces()).flatMap((all = []) =>
  all.map(({ address }) => address),
);

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.3.4', 'loopback'],
  ['::1', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['::', 'unspecified'],
  ['169.254.1.1', 'this link only'],
  ['fe80::1', 'this link only'],
  ['febf::1', 'this link only'],
  ['fd00::1', 'private'],
  ['fc12::1', 'private'],
])('%s is told as what it is: %s', { tags: ['regression'] }, (address, told) => {
  // Haraka sees its own machine there.
  expect(isLocal(address)).toBe(true);
  expect(ownAddress(address)).toContain(told);
});

test.each([
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['::FFFF:7F00:1', '127.0.0.1'],
  ['::ffff:0.0.0.0', '0.0.0.0'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['0:0:0:0:0:0:0:1', '::1'],
])('%s is %s', { tags: ['regression'] }, (address, plain) => {
  expect(ownAddress(address)).toBe(ownAddress(plain));
  expect(ownAddress(address)).toBeDefined();
});

test('the addresses of the interfaces are own ones', () => {
  for (const address of interfaces) expect(ownAddress(address)).toBeDefined();
});

test.each(['192.0.2.1', '10.0.0.1', '1.0.0.0', '2001:db8::1', '2001:db8::', 'mx.example', ''])(
  '%s is not',
  (address) => {
    expect(isLocal(address)).toBe(false);
    expect(ownAddress(address)).toBeUndefined();
  },
);
