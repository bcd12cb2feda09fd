import { expect, test } from 'vitest';
import { changes } from '../../../src/settings/reload/changes';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { testRoot } from '../test_root';

const settingsOf = (text: string) =>
  loadSettings(memorySource({ 'tls-peers/a.example.ini': text, 'roots.pem': testRoot })).settings;
const nothing = loadSettings(memorySource({})).settings;

const written = `[outbound]
security_level = may

[outbound Partner.example]
security_level = verify
ca_file = roots.pem
match = hostname, nexthop
exempt_until = 2026-12-31

[inbound 192.0.2.0/24]
status = disabled

[inbound b.example]

[mta_sts]
mx = mx.a.example
`;

test('a domain that appears is told with every rule and its policy', () => {
  expect(changes(nothing, settingsOf(written))).toEqual([
    'a.example: managed, enabled, 3 peers',
    'a.example [outbound]: added: security_level = opportunistic',
    'a.example [outbound Partner.example]: added: security_level = verify; ca_file; match = hostname, nexthop; exempt_until = 2026-12-31',
    'a.example [inbound b.example]: added',
    'a.example [inbound 192.0.2.0/24]: added: status = disabled',
    'a.example [mta_sts]: mode: (not set) -> testing',
    'a.example [mta_sts]: mx: (not set) -> mx.a.example',
    'a.example [mta_sts]: max_age: (not set) -> 604800',
  ]);
});

test('keys and sections of the global file are told as they are written', () => {
  const settings = (text: string) => loadSettings(memorySource({ 'tls-peers.ini': text })).settings;
  expect(
    changes(settings(''), settings('[mta_sts]\nfetch_timeout = 5\n[timeouts]\ntls_handshake = 20\n')),
  ).toEqual([
    'tls-peers.ini [mta_sts]: fetch_timeout: 20 -> 5',
    'tls-peers.ini [timeouts]: tls_handshake: 30 -> 20',
  ]);
});

test('the end of a fault that held back all mail is told as that, wherever it was', () => {
  const unlisted = {
    ...memorySource({}),
    domainFiles: () => ({ kind: 'unreadable', problem: 'EIO' }) as const,
  };
  const before = loadSettings(unlisted);
  expect(changes(before.settings, loadSettings(memorySource({}), before).settings)).toEqual([
    'not all mail is held back any more',
  ]);
});

test('a peer that is written otherwise is the same peer', () => {
  const peers = (...names: string[]) => settingsOf(names.map((name) => `[${name}]\n`).join(''));
  expect(
    changes(
      peers('outbound B.example', 'outbound *.bücher.example', 'inbound 192.0.2.1', 'inbound 2001:db8::/32'),
      peers(
        'outbound b.example.',
        'outbound *.xn--bcher-kva.example',
        'inbound 192.0.2.1/32',
        'inbound 2001:DB8:0::/32',
      ),
    ),
  ).toEqual([]);
});
