import { expect, test } from 'vitest';
import { formatFault } from '../../../src/settings/schema/fault';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';

const long = 'x'.repeat(2_000);
const cut = `${'x'.repeat(200)}...`;
const good = 'ab'.repeat(32);

test.each([
  [
    'a value',
    `[outbound]\nmin_tls_version = ${long}`,
    `:2: [outbound]: min_tls_version = ${cut}: no such value; allowed: none, 1.0, 1.1, 1.2, 1.3`,
  ],
  [
    'a key',
    `[outbound]\n${long} = 1`,
    `:2: [outbound]: ${cut} = 1: no such key here; allowed: security_level, `,
  ],
  ['a header', `[outbound ${long}]`, `:1: [outbound ${'x'.repeat(191)}...]: no peer; allowed: a domain, `],
  [
    'a line',
    `[outbound]\n${long} ${long}`,
    ':2: [outbound]: Haraka ignores this line, it is no `key = value`',
  ],
  [
    'a member of a list',
    `[outbound]\nfingerprints = ${long}`,
    `:2: [outbound]: fingerprints = ${cut}: ${cut}: no SHA-256 fingerprint; allowed: `,
  ],
  [
    'a list',
    `[outbound]\nfingerprints = ${`${good} `.repeat(30)}abcd`,
    `...: abcd: no SHA-256 fingerprint; allowed: `,
  ],
])('what is wrong is said behind %s of any length', (_what, text, expected) => {
  const { faults } = loadSettings(memorySource({ 'tls-peers/a.example.ini': text }));
  const [line = ''] = faults.map(formatFault);
  expect(line).toContain(expected);
  expect(line.length).toBeLessThan(1_500);
});
