import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

test.each([
  ['servers = 127.0.0.1', ''],
  ['servers = 192.0.2.1, 192.0.2.2', ''],
  ['servers = 127.0.0.1, ::1, tls://192.0.2.1#dns.example', ''],
  ['trust_ad = true\nservers = 127.0.0.1, 192.0.2.1', ''],
  ['servers = 127.0.0.1, 192.0.2.1', '2: 192.0.2.1:53'],
  ['servers = 192.0.2.1, 127.0.0.1, 192.0.2.2:5353', '2: 192.0.2.1:53, 192.0.2.2:5353'],
  ['trust_ad = false\nservers = 127.0.0.1, 127.0.0.53', '3: 127.0.0.53:53'],
  ['timeout = 1', ''],
])('resolvers that cannot vouch for DNSSEC stand beside some that can: %j', (lines, expected) => {
  const source = memorySource({ 'tls-peers.ini': `[resolver]\n${lines}\n` });
  const { settings, faults } = loadSettings(source);
  expect(faults).toEqual([]);
  const found = findingsIn(source, settings, utcDay(new Date('2026-01-01'))).warnings;
  expect(found.map(({ line, value }) => `${line}: ${value}`).join()).toBe(expected);
});
