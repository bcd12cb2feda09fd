import { expect, test } from 'vitest';
import { readMailDomain } from '../src/mail_domain';

test.each([
  ['example.com', { kind: 'name', name: 'example.com' }],
  ['Пример.Example.', { kind: 'name', name: 'xn--e1afmkfd.example' }],
  ['[192.0.2.1]', { kind: 'literal', address: '192.0.2.1' }],
  ['[IPv6:2001:db8::1]', { kind: 'literal', address: '2001:db8::1' }],
  ['[ipv6:::ffff:127.0.0.1]', { kind: 'literal', address: '127.0.0.1' }],
  ['[0:0:0:0:0:FFFF:7F00:1]', { kind: 'literal', address: '127.0.0.1' }],
  // Without brackets an address is no domain, and no name ends in digits only.
  ['192.0.2.1', { kind: 'no_domain' }],
  ['2001:db8::1', { kind: 'no_domain' }],
  ['[192.0.2.01]', { kind: 'no_domain' }],
  ['[fe80::1%eth0]', { kind: 'no_domain' }],
  ['[a tag:x]', { kind: 'no_domain' }],
  ['[]', { kind: 'no_domain' }],
  ['a..b', { kind: 'no_domain' }],
  ['.', { kind: 'no_domain' }],
  ['', { kind: 'no_domain' }],
])('%s', { tags: ['regression'] }, (text, expected) => {
  expect(readMailDomain(text)).toEqual(expected);
});
