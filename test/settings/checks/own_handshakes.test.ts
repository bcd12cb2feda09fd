import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { formatFault } from '../../../src/settings/schema/fault';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const auto = { 'tls-peers.ini': '[outbound]\nsecurity_level = auto\n' };
const encrypted = { 'tls-peers/ours.example.ini': '[outbound x.example]\nsecurity_level = mandatory\n' };
const strict = {
  'tls-peers/ours.example.ini': '[outbound x.example]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
};

function found(files: Record<string, string>) {
  const source = memorySource({ plugins: 'tls-peers\ntls\n', ...files });
  const day = utcDay(new Date('2026-01-01'));
  const { faults, warnings } = findingsIn(source, loadSettings(source).settings, day);
  return { faults: faults.map(formatFault), warnings: warnings.map(formatFault) };
}

describe('settings of tls.ini with which no handshake begins', () => {
  it.each<[string, Record<string, string>]>([
    ['', strict],
    ['ciphers = HIGH\n', strict],
    ['[outbound]\nmaxVersion = TLSv1.3\n', strict],
    ['[outbound]\nmaxVersion = TLSv1.2\n', encrypted],
    // Where cleartext is allowed and nothing of TLS was asked for.
    ['ciphers = NONSENSE\n', { 'tls-peers.ini': '[outbound]\nsecurity_level = none\n' }],
  ])('are not there in %j', (tlsIni, rules) => {
    expect(found({ 'tls.ini': tlsIni, ...rules }).faults).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      '[outbound]\nciphers = NONSENSE\n',
      encrypted,
      /^tls\.ini:2: \[outbound\]: ciphers = NONSENSE: .* waits$/,
    ],
    ['ciphers = NONSENSE\n', auto, /^tls\.ini:1: ciphers = NONSENSE: .*in cleartext, and waits where DANE/],
    [
      '[outbound]\nmaxVersion = TLSv1.2\n',
      strict,
      /^tls\.ini:2: .*maxVersion = TLSv1\.2: .*below TLSv1\.3.*ours\.example \[outbound x\.example\] waits$/,
    ],
  ])('are a fault at their line in %j', (tlsIni, rules, expected) => {
    const { faults } = found({ 'tls.ini': tlsIni, ...rules });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });
});

describe('key and certificate of the listeners beside a mandatory inbound rule', () => {
  const inbound = { 'tls-peers/ours.example.ini': '[inbound 192.0.2.1]\nsecurity_level = mandatory\n' };
  const offered = (files: Record<string, string>) =>
    found({ ...inbound, ...files }).warnings.filter((one) => one.includes('STARTTLS'));

  it('says what is missing', () => {
    expect(offered({ 'tls_cert.pem': 'x' })).toEqual([
      expect.stringContaining('there is no tls_key.pem: Haraka offers no STARTTLS'),
    ]);
  });

  it('says that they are no pair, and nothing where they are', () => {
    const [one, other] = [pair(), pair()];
    expect(offered({ 'tls_key.pem': one.key, 'tls_cert.pem': other.cert })).toEqual([
      expect.stringMatching(/^tls\.ini: tls_key\.pem and tls_cert\.pem are no pair \(/),
    ]);
    expect(offered({ 'tls_key.pem': one.key, 'tls_cert.pem': one.cert })).toEqual([]);
  });
});

function pair(): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'pair-'));
  const [key, cert] = ['key', 'cert'].map((name) => path.join(directory, name)) as [string, string];
  try {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
