/** What other people's software makes of the policies that we host. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import { openCertificateOffice } from '../../haraka-test-harness/certificates';
import { hostedFiles } from '../../src/hosting/catalogue';
import { policyRecord } from '../../src/hosting/policy_text';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';
import { freePort } from './support/https_client';

const run = promisify(execFile);

const domains = {
  'tls-peers/one.example.ini': '[mta_sts]\nmode = enforce\nmx[] = mx1.one.example\nmx[] = *.mx.one.example\n',
  'tls-peers/two.example.ini': '[mta_sts]\nmx = mx.two.example\nmax_age = 86400\n',
  'tls-peers/three.example.ini': '[mta_sts]\nmode = none\n',
};
const files = [...hostedFiles(loadSettings(memorySource(domains)).settings).values()];
const names = ['one.example', 'two.example', 'three.example'] as const;
const address = '25.9.9.9';

let lab: Lab;
let port: number;

beforeAll(async () => {
  port = await freePort();
  const office = await openCertificateOffice();
  const certificates = await Promise.all(
    files.map(async ({ host, domain }) => {
      const { chainPem, keyPem } = await office.certificate(host, 'trusted');
      return [`tls/${domain}.pem`, keyPem + chainPem] as const;
    }),
  );
  lab = await startLab(
    {
      domains: {},
      records: files.flatMap(({ domain, host, id }) => [
        { name: host, type: 'A', records: [{ type: 'A', address }] },
        { name: `_mta-sts.${domain}`, type: 'TXT', records: [{ type: 'TXT', text: policyRecord(id) }] },
      ]),
    },
    {
      config: {
        ...domains,
        ...Object.fromEntries(certificates),
        'test-ca.pem': office.caPem,
        'tls-peers.ini': `[hosting]\nlisten = 127.0.0.1:${port}\n`,
      },
    },
  );
  await writeFile(
    routesFile(),
    JSON.stringify({ [`${address}|443`]: { host: '127.0.0.1', port, route: 'open' } }),
  );
  await lab.haraka.waitForLog(/serving MTA-STS policies/);
});
afterAll(() => lab.stop());

const caFile = () => path.join(lab.haraka.directory, 'config/test-ca.pem');
const routesFile = () => path.join(lab.haraka.directory, '../routes.json');

const python = '/usr/bin/python3';
const hasResolver = spawnSync(python, ['-c', 'import postfix_mta_sts_resolver']).status === 0;
if (!hasResolver) {
  process.stderr.write('SKIPPED: postfix-mta-sts-resolver, apt-get install postfix-mta-sts-resolver\n');
}

it.skipIf(!hasResolver)('postfix-mta-sts-resolver accepts each of them', async () => {
  const dnsPort = lab.dns.address.split(':').at(-1) ?? '';
  const script = path.join(import.meta.dirname, 'support/postfix_resolver.py');
  const { stdout } = await run(python, [script, dnsPort, String(port), ...names], {
    env: { ...process.env, SSL_CERT_FILE: caFile() },
  });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    answerOf('one.example', {
      mode: 'enforce',
      mx: ['mx1.one.example', '*.mx.one.example'],
      max_age: 604800,
    }),
    answerOf('two.example', { mode: 'testing', mx: ['mx.two.example'], max_age: 86400 }),
    answerOf('three.example', { mode: 'none', mx: [], max_age: 604800 }),
  ]);
});

function answerOf(domain: string, policy: Record<string, unknown>) {
  const id = files.find((file) => file.domain === domain)?.id;
  return { domain, result: 'VALID', policy: [id, { version: 'STSv1', ...policy }] };
}

it('mailauth accepts each of them', async () => {
  const { stdout } = await run(
    process.execPath,
    [
      ...['--require', path.resolve('haraka-test-harness/shim.cjs')],
      path.join(import.meta.dirname, 'support/mailauth_client.cjs'),
      ...names,
    ],
    {
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: caFile(),
        TLS_PEERS_LAB: JSON.stringify({ routes: routesFile(), dns: lab.dns.address }),
      },
    },
  );
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    {
      status: 'found',
      policy: {
        id: files[0]?.id,
        mode: 'enforce',
        mx: ['mx1.one.example', '*.mx.one.example'],
        maxAge: 604800,
      },
    },
    { status: 'found', policy: { mode: 'testing', mx: ['mx.two.example'], maxAge: 86400 } },
    { status: 'found', policy: { mode: 'none', maxAge: 604800 } },
  ]);
});
