import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/command';
import { recipientDomain, senderDomain } from '../../src/cli/operands';
import { call, configDirectory } from './call';

test.each([
  ['me@ours.example', 'ours.example'],
  ['<me@Ours.Example.>', 'ours.example'],
  ['ours.example', 'ours.example'],
  ['"a b@c"@ours.example', 'ours.example'],
  [String.raw`"a\"b@c"@ours.example`, 'ours.example'],
  ['me@bücher.example', 'xn--bcher-kva.example'],
  ['me@[192.0.2.1]', '[192.0.2.1]'],
  ['[IPv6:2001:db8::1]', '[IPv6:2001:db8::1]'],
])('%s is of the domain %s', (operand, domain) => {
  expect([senderDomain(operand), recipientDomain(operand)]).toEqual([domain, domain]);
});

test('<> is the null sender, and no recipient', () => {
  expect(senderDomain('<>')).toBe('');
  expect(() => recipientDomain('<>')).toThrow(UsageError);
});

const nonsense = [
  '',
  ' ',
  'me@',
  '@ours.example',
  'not a domain',
  'x y@ours.example',
  'y@z..example',
  'a@b@ours.example',
  String.raw`"a\"@ours.example`,
  '192.0.2.1',
  '[192.0.2]',
  '<me@ours.example',
];

test.each(nonsense)('%j is neither a sender nor a recipient', (operand) => {
  expect(() => senderDomain(operand)).toThrow(UsageError);
  expect(() => recipientDomain(operand)).toThrow(UsageError);
});

test.each([
  ['explain', '--offline', 'me@', 'you@peer.example'],
  ['explain', '--offline', 'me@ours.example', ''],
  ['explain', '--offline', 'me@ours.example', 'not a domain'],
  ['explain', '--inbound', 'x y@z..example', 'me@ours.example'],
  ['test', '--from', 'me@', 'peer.example'],
  ['test', '--from', '', 'peer.example'],
  ['test', '<>'],
  ['cache', 'show', 'a b'],
])('the call %j is wrong', async (...args) => {
  const { directory, remove } = configDirectory({ 'tls-peers.ini': '' });
  try {
    const { code, out, err } = await call([...args, '-c', directory]);
    expect([code, out]).toEqual([2, []]);
    expect(err[0]).toMatch(/: (?:neither an address nor a domain|no domain name): "/);
  } finally {
    remove();
  }
});
