/** What is found in the peers of tls-peers.ini, as in those of a managed domain. */
import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { namedPeers } from '../../../src/peers/named';
import { allFindings } from '../../../src/settings/checks/checks';
import { loadSettings } from '../../../src/settings/load/load';
import { changes } from '../../../src/settings/reload/changes';
import { formatFault } from '../../../src/settings/schema/fault';
import { memorySource } from '../memory_source';

function loaded(files: Record<string, string>) {
  const source = memorySource(files);
  const { settings, faults } = loadSettings(source);
  expect(faults).toEqual([]);
  return { source, settings };
}

function lint(files: Record<string, string>): string[] {
  const { source, settings } = loaded(files);
  const seen = { files: { settings, source, today: utcDay(new Date('2026-06-15')) } };
  return allFindings(seen).map(({ fault }) => formatFault({ ...fault, mend: undefined }));
}

const ours = (text: string) => ({ 'tls-peers/ours.example.ini': text });
const all = 'scope = all\n';

test.each<[string, Record<string, string>, string[]]>([
  [
    'an exemption that ends soon',
    {
      'tls-peers.ini':
        '[outbound a.example]\nexempt_until = 2026-06-16\n[inbound b.example]\nexempt_until = 2026-06-14\n',
    },
    [
      'tls-peers.ini:2: [outbound a.example]: exempt_until = 2026-06-16: ends tomorrow',
      'tls-peers.ini:4: [inbound b.example]: exempt_until = 2026-06-14: has lapsed: the section no longer applies',
    ],
  ],
  [
    'a strict rule that lapses into the default for unmanaged domains',
    { 'tls-peers.ini': '[outbound a.example]\nsecurity_level = verify\nexempt_until = 2027-06-16\n' },
    [
      'tls-peers.ini:3: [outbound a.example]: exempt_until = 2027-06-16: afterwards tls-peers.ini [outbound] applies, and auto does not forbid cleartext',
    ],
  ],
  [
    'a strict rule of all domains, behind which another one stands',
    {
      'tls-peers.ini': `[outbound]\nsecurity_level = encrypt\n[outbound a.example]\n${all}security_level = verify\nexempt_until = 2027-06-16\n`,
      ...ours('[outbound]\nsecurity_level = may\n'),
    },
    [
      'tls-peers.ini:6: [outbound a.example]: exempt_until = 2027-06-16: afterwards ours.example [outbound] applies, and opportunistic does not forbid cleartext',
    ],
  ],
  [
    'cleartext instead of old TLS, said once for all defaults',
    {
      'tls-peers.ini': `[outbound a.example]\n${all}security_level = may\nmin_tls_version = 1.3\n`,
      ...ours('[outbound]\nsecurity_level = may\n'),
    },
    [
      expect.stringMatching(
        /^tls-peers\.ini:4: \[outbound a\.example\]: min_tls_version = 1\.3: at opportunistic, /,
      ) as string,
    ],
  ],
  [
    'a key without effect',
    { 'tls-peers.ini': '[outbound a.example]\nsecurity_level = encrypt\nmatch = nexthop\n' },
    ['tls-peers.ini:3: [outbound a.example]: match: has no effect at mandatory'],
  ],
  [
    'a key that may have an effect with the default of a managed domain',
    { 'tls-peers.ini': `[outbound a.example]\n${all}match = nexthop\n` },
    [],
  ],
  [
    'a network that never applies',
    { 'tls-peers.ini': '[inbound 10.0.0.0/8]\n[inbound 10.0.0.0/9]\n[inbound 10.128.0.0/9]\n' },
    ['tls-peers.ini:1: [inbound 10.0.0.0/8]: never applies: longer prefixes cover all of its addresses'],
  ],
  [
    'a network that applies to managed domains, since what covers it is not for them',
    { 'tls-peers.ini': `[inbound 10.0.0.0/8]\n${all}[inbound 10.0.0.0/9]\n[inbound 10.128.0.0/9]\n` },
    [],
  ],
  [
    'TLS switched off',
    {
      'tls-peers.ini': '[outbound]\nsecurity_level = may\n[outbound a.example]\nsecurity_level = encrypt\n',
      'outbound.ini': 'enable_tls = false\n',
    },
    [
      expect.stringContaining(
        'tls-peers.ini [outbound a.example] asks for mandatory: such mail is deferred',
      ) as string,
    ],
  ],
  [
    'a plugin past the queue',
    {
      'tls-peers.ini': '[outbound]\nsecurity_level = may\n[outbound a.example]\nsecurity_level = encrypt\n',
      plugins: 'tls-peers\nqueue/smtp_proxy\n',
    },
    [expect.stringContaining('tls-peers.ini [outbound a.example] included') as string],
  ],
  [
    'an inbound rule without the tls plugin',
    {
      'tls-peers.ini': '[inbound a.example]\nsecurity_level = mandatory\n',
      plugins: 'tls-peers\n',
    },
    [
      'plugins: tls is not listed: nobody is offered TLS, so nobody can satisfy tls-peers.ini [inbound a.example]',
    ],
  ],
  [
    'rules without the plugin',
    {
      'tls-peers.ini': '[outbound a.example]\nsecurity_level = encrypt\n',
      plugins: '; nothing\n',
    },
    [
      expect.stringContaining(
        'no outbound rule has an effect, tls-peers.ini [outbound a.example] included',
      ) as string,
    ],
  ],
])('lint finds %s', (_, files, expected) => {
  expect(lint(files)).toEqual(expected);
});

test('peers of tls-peers.ini are named peers, whose policies are kept', () => {
  const { settings } = loaded({
    'tls-peers.ini': '[outbound a.example]\n[outbound *.b.example]\n[inbound c.example]\n',
  });
  const naming = namedPeers(settings);
  expect(['a.example', 'x.b.example', 'c.example'].map(naming)).toEqual(['named', 'below', 'not']);
});

test('what changes in the peers of tls-peers.ini is told peer by peer', () => {
  const before = loaded({
    'tls-peers.ini': '[outbound a.example]\nsecurity_level = may\n[inbound 192.0.2.1]\n',
  });
  const after = loaded({
    'tls-peers.ini': `[outbound a.example]\n${all}security_level = may\n[outbound b.example]\nsecurity_level = none\n`,
  });
  expect(changes(before.settings, after.settings)).toEqual([
    'tls-peers.ini [outbound a.example]: scope: (not set) -> all',
    'tls-peers.ini [outbound b.example]: added: security_level = none',
    'tls-peers.ini [inbound 192.0.2.1]: removed',
  ]);
});

test.each([
  [
    '[outbound a.example]\nscope = everyone\n',
    'tls-peers.ini:2: [outbound a.example]: scope = everyone: no such value; allowed: unmanaged, all',
  ],
  [
    '[outbound a.example]\n[outbound A.example.]\n',
    'tls-peers.ini:2: [outbound A.example.]: a.example stands twice, first at line 1',
  ],
  [
    '[outbound 192.0.2.1]\n',
    'tls-peers.ini:1: [outbound 192.0.2.1]: mail goes to domains, not to addresses; allowed: a domain, *. and a domain',
  ],
  [
    '[inbound 192.0.2.1/24]\n',
    'tls-peers.ini:1: [inbound 192.0.2.1/24]: bits are set behind the prefix; allowed: a domain, *. and a domain, an address or a network; did you mean [inbound 192.0.2.0/24]?',
  ],
])('%j is refused', (text, expected) => {
  const { settings, faults } = loadSettings(memorySource({ 'tls-peers.ini': text }));
  expect([faults.map(formatFault), settings.validity.kind]).toEqual([[expected], 'invalid']);
});

test.each(['past_the_queue = warn', 'routes = smarthost'])(
  'a peer of tls-peers.ini does not take %s, which is about all of them',
  (line) => {
    const [fault] = loadSettings(memorySource({ 'tls-peers.ini': `[outbound a.example]\n${line}\n` })).faults;
    expect(fault?.problem).toBe('no such key here');
  },
);

test('the file of a managed domain has no scope', () => {
  const [fault] = loadSettings(memorySource(ours('[outbound a.example]\nscope = all\n'))).faults;
  expect(fault?.problem).toBe('no such key here');
});
