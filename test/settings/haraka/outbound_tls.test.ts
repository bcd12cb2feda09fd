import { expect, test } from 'vitest';
import { harakaTls } from '../../../src/settings/haraka/outbound_tls';
import { memorySource } from '../memory_source';

const nothing = {
  enabled: true,
  noTlsHosts: [],
  forceTlsHosts: [],
  options: {},
  certificateByHost: 'no',
};

const cases: readonly [files: Record<string, string>, found: object][] = [
  [{}, {}],
  [{ 'outbound.ini': 'enable_tls = false\n' }, { enabled: false }],
  [{ 'outbound.ini': 'enable_tls = 0\n' }, { enabled: false }],
  [{ 'outbound.ini': 'enable_tls = 1\n' }, {}],
  [{ 'outbound.ini': 'enable_tls = yes\n' }, {}],
  // The list in [main], and the section, are for connections that come in.
  [{ 'tls.ini': 'no_tls_hosts[] = a\n[no_tls_hosts]\n192.0.2.1\n' }, {}],
  [
    { 'tls.ini': '[outbound]\nno_tls_hosts[] = a\nno_tls_hosts[] = 192.0.2.0/24\n' },
    { noTlsHosts: ['a', '192.0.2.0/24'] },
  ],
  [{ 'tls.ini': 'maxVersion = TLSv1.2\n' }, {}],
  [{ 'tls.ini': '[outbound]\nmaxVersion = TLSv1.2\n' }, { options: { maxVersion: 'TLSv1.2' } }],
  [{ 'tls.ini': 'force_tls_hosts = a\n' }, { forceTlsHosts: ['a'] }],
  [{ 'tls.ini': 'force_tls_hosts = a\n[outbound]\nforce_tls_hosts = b\n' }, { forceTlsHosts: ['b'] }],
  [
    { 'tls.ini': 'minVersion = TLSv1\nciphers = A\n[outbound]\nciphers = B\n' },
    { options: { minVersion: 'TLSv1', ciphers: 'B' } },
  ],
  [
    { 'tls.ini': 'key = k.pem\ncert = absent.pem\n', 'k.pem': 'KEY' },
    { options: { key: Buffer.from('KEY') } },
  ],
  [{ 'tls.ini': 'mutual_tls = true\n' }, { certificateByHost: 'maybe' }],
  [{ 'tls.ini': '[mutual_auth_hosts]\nmx.example = own.example\n' }, { certificateByHost: 'maybe' }],
];

test.each(cases)('%j', (files, found) => {
  expect(harakaTls(memorySource(files))).toEqual({ ...nothing, ...found });
});
