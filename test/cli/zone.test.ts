import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { createCa, issue, type Issued } from '../../haraka-test-harness/pki';
import { policyRecords, tlsaRecords, unquoted, type Chain } from '../../src/cli/zone';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';
import { call, configDirectory } from './call';

const chains: Record<string, Chain> = {};

const certificateOf = ({ certPem }: Issued) => new X509Certificate(certPem);

beforeAll(async () => {
  const ca = await createCa();
  const names = { mx1: 'mx1.a.example', web: 'mta-sts.a.example', other: 'host.provider.example' };
  for (const [which, name] of Object.entries(names)) {
    chains[which] = [certificateOf(await issue(ca, { dnsNames: [name] })), certificateOf(ca)];
  }
});

const known = ['mx1.a.example', 'mx2.a.example', 'mta-sts.a.example'];
const use = 'the key in use';
const issuer = 'the issuer, for changes of the key';
const unnamed = 'no certificate here names this host: publish only if this Haraka answers there';

test.each([
  ['mx1.a.example', ['mx1', 'web', 'other'], [use, issuer]],
  ['mx2.a.example', ['mx1', 'web', 'other'], [unnamed]],
  ['mx2.a.example', ['mx1', 'web'], []],
  ['mx2.a.example', ['web'], []],
  ['mx2.a.example', [], []],
])('at %s, beside certificates %j, there are TLSA records for: %j', (host, here, notes) => {
  const held = here.map((which) => chains[which] as Chain);
  const others = known.filter((name) => name !== host);
  expect(tlsaRecords(host, held, [], others).map(({ note }) => note)).toEqual(notes);
});

test('a TXT record of more than 255 octets is written as several strings', () => {
  const { settings } = loadSettings(memorySource({ 'tls-peers/a.example.ini': '' }));
  const domain = settings.domains.get('a.example');
  if (domain?.kind !== 'managed') throw new Error('not managed');
  const rua = Array.from({ length: 21 }, (_, i) => `mailto:tls-reports-${i}@reports.example`).join(',');
  const [{ data } = { data: '' }] = policyRecords(domain, [], rua);
  const strings = data.split(' "').map((part) => part.replaceAll('"', ''));
  expect(strings.map(({ length }) => length)).toEqual([255, 255, 255, 38]);
  expect(unquoted(data)).toBe(`v=TLSRPTv1; rua=${rua}`);
});

const records = async (files: Record<string, string>, ...args: string[]) => {
  const { directory, remove } = configDirectory(files);
  const { code, out, err } = await call(['records', '--offline', '-c', directory, ...args, 'a.example']);
  remove();
  return { code, out: out.map((line) => line.replace(/ 3600 IN (\S+) .*/, ' $1')), err };
};

test('the policy of a domain that is disabled has no records', async () => {
  const policy = { 'tls-peers/a.example.ini': 'status = disabled\n[mta_sts]\nmx = mx.a.example\n' };
  expect((await records(policy)).out).toEqual([
    '; a.example is disabled: its policy is not served, and has no records',
    '; no certificate was found in tls.ini or config/tls, so there is no TLSA record',
    '_smtp._tls.a.example. TXT',
  ]);
});

test.each([
  ['mailto:tls@a.example', 0],
  ['mailto:tls@a.example,https://reports.example/v1?domain=a.example', 0],
  ['tls@a.example', 2],
  ['mailto:tls', 2],
  ['http://reports.example/', 2],
  ['mailto:tls@a.example; v=TLSRPTv2', 2],
  ['mailto:tls@a.example,', 2],
  ['', 2],
])('reports that go to %j: exit code %i', async (rua, code) => {
  const called = await records({ 'tls-peers/a.example.ini': '' }, '--rua', rua);
  expect(called.code).toBe(code);
  if (code !== 0) expect(called.err[0]).toMatch(/: no mailto: or https: URI: "/);
});
