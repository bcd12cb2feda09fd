/** `lint` looks into the files that `[mta_sts]` names, and into the directory of certificates. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { createCa, issue, type Issued } from '../../haraka-test-harness/pki';
import { call, configDirectory } from './call';

let remove: () => void = () => undefined;
let ours: Issued;
let another: Issued;
let expired: Issued;

beforeAll(async () => {
  const ca = await createCa();
  // The command is called as of June 2026.
  const dates = { notBefore: new Date('2026-01-01'), notAfter: new Date('2026-12-31') };
  [ours, another, expired] = await Promise.all([
    issue(ca, { dnsNames: ['mta-sts.one.example'], ...dates }),
    issue(ca, { dnsNames: ['other.example'], ...dates }),
    issue(ca, { dnsNames: ['mta-sts.one.example'], ...dates, notAfter: new Date('2026-06-01') }),
  ]);
});
afterEach(() => remove());

interface Case {
  readonly what: string;
  readonly named: string;
  readonly files: () => Record<string, string>;
  readonly expected: readonly string[];
}

const both = 'certificate_file = cert.pem\nkey_file = key.pem\n';
const one = 'certificate_file = cert.pem\n';
const atCertificate = 'tls-peers/one.example.ini:4: [mta_sts]: certificate_file = cert.pem: ';
const atKey = 'tls-peers/one.example.ini:5: [mta_sts]: key_file = key.pem: ';

const cases: readonly Case[] = [
  {
    what: 'a good pair',
    named: both,
    files: () => ({ 'cert.pem': ours.certPem, 'key.pem': ours.keyPem }),
    expected: [],
  },
  {
    what: 'both in one file',
    named: one,
    files: () => ({ 'cert.pem': ours.certPem + ours.keyPem }),
    expected: [],
  },
  {
    what: 'files that are missing',
    named: both,
    files: () => ({}),
    expected: [`fault    ${atCertificate}no such file`, `fault    ${atKey}no such file`],
  },
  {
    what: 'one file that is missing',
    named: one,
    files: () => ({}),
    expected: [`fault    ${atCertificate}no such file`],
  },
  {
    what: 'the key of another certificate',
    named: both,
    files: () => ({ 'cert.pem': ours.certPem, 'key.pem': another.keyPem }),
    expected: [`fault    ${atKey}does not hold the key of the certificate in cert.pem`],
  },
  {
    what: 'one file with the wrong key',
    named: one,
    files: () => ({ 'cert.pem': ours.certPem + another.keyPem }),
    expected: [`fault    ${atCertificate}the key in it is not that of the certificate`],
  },
  {
    what: 'no key, where it is left out',
    named: one,
    files: () => ({ 'cert.pem': ours.certPem }),
    expected: [`fault    ${atCertificate}holds no PEM private key`],
  },
  {
    what: 'files that hold something else',
    named: both,
    files: () => ({ 'cert.pem': 'x', 'key.pem': ours.certPem }),
    expected: [
      `fault    ${atCertificate}holds no PEM certificate`,
      `fault    ${atKey}holds no PEM private key`,
    ],
  },
  {
    what: 'a certificate for another host',
    named: both,
    files: () => ({ 'cert.pem': another.certPem, 'key.pem': another.keyPem }),
    expected: [`warning  ${atCertificate}the certificate does not name mta-sts.one.example`],
  },
  {
    what: 'a certificate that has expired',
    named: both,
    files: () => ({ 'cert.pem': expired.certPem, 'key.pem': expired.keyPem }),
    expected: [`warning  ${atCertificate}the certificate expired on 2026-06-01`],
  },
];

test.each(cases)('$what', async ({ named, files, expected }) => {
  const made = configDirectory({
    ...files(),
    'tls-peers/one.example.ini': `[mta_sts]\nmode = testing\nmx = mx.one.example\n${named}`,
  });
  ({ remove } = made);
  const { code, out } = await call(['lint', '--offline', '-c', made.directory]);
  expect(out.slice(0, -1)).toEqual(expected);
  expect(code).toBe(expected.some((line) => line.startsWith('fault')) ? 1 : 0);
});

test('a file that cannot be read is not said to be missing', async () => {
  const made = configDirectory({
    'tls-peers/one.example.ini': `[mta_sts]\nmode = testing\nmx = mx.one.example\n${one}`,
  });
  ({ remove } = made);
  mkdirSync(path.join(made.directory, 'cert.pem'));
  const { out } = await call(['lint', '--offline', '-c', made.directory]);
  expect(out[0]).toMatch(/certificate_file = cert\.pem: cannot be read: EISDIR/);
});

const atHosting = 'warning  tls-peers.ini: [hosting]: ';

test.each([
  { what: 'a pair for the policy host', listen: true, files: () => [ours.certPem, ours.keyPem], said: [] },
  {
    what: 'a pair for another host',
    listen: true,
    files: () => [another.certPem, another.keyPem],
    said: [
      `${atHosting}there is no usable certificate for mta-sts.one.example: its policy is not served over HTTPS`,
    ],
  },
  {
    what: 'a pair that has expired',
    listen: true,
    files: () => [expired.certPem, expired.keyPem],
    said: [`${atHosting}pair.pem: the certificate for mta-sts.one.example is not valid today`],
  },
  { what: 'nothing, behind a proxy', listen: false, files: () => [], said: [] },
])('in the directory: $what', async ({ listen, files, said }) => {
  const made = configDirectory({
    'tls-peers.ini': `[hosting]\n${listen ? 'listen' : 'listen_http'} = 127.0.0.1:8443\n`,
    'tls-peers/one.example.ini': '[mta_sts]\nmx = mx.one.example\n',
    'tls/pair.pem': files().join(''),
  });
  ({ remove } = made);
  const { code, out } = await call(['lint', '--offline', '-c', made.directory]);
  expect([code, out.slice(0, -1)]).toEqual([0, said]);
});
