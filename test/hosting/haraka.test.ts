/** Policies served from inside a real Haraka. */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import { openCertificateOffice, type CertificateOffice } from '../../haraka-test-harness/certificates';
import { PolicyFetcher } from '../../src/mta_sts/fetch';
import { policyId } from '../../src/hosting/policy_text';
import * as tls from 'node:tls';
import { ask, freePort } from './support/https_client';

const run = promisify(execFile);

const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) process.stderr.write('SKIPPED: curl, apt-get install curl\n');

const policies = {
  'one.example': {
    ini: 'mode = enforce\nmx[] = mx1.one.example\nmx[] = *.mx.one.example\nmax_age = 1209600\n',
    mode: 'enforce',
  },
  'two.example': { ini: 'mx = mx.two.example\n', mode: 'testing' },
  'three.example': { ini: 'mode = none\n', mode: 'none' },
} as const;
type Domain = keyof typeof policies;
const names = Object.keys(policies) as Domain[];

let office: CertificateOffice;
let lab: Lab;
let port: number;
let httpPort: number;

async function pem(host: string): Promise<{ text: string; fingerprint: string }> {
  const { chainPem, keyPem, leaf } = await office.certificate(host, 'trusted');
  return { text: keyPem + chainPem, fingerprint: leaf.fingerprint256 };
}

const fingerprints = new Map<string, string>();

beforeAll(async () => {
  office = await openCertificateOffice();
  [port, httpPort] = await Promise.all([freePort(), freePort()]);
  const certificates = await Promise.all(
    names.map(async (name) => [name, await pem(`mta-sts.${name}`)] as const),
  );
  for (const [name, { fingerprint }] of certificates) fingerprints.set(name, fingerprint);
  lab = await startLab(
    { domains: {} },
    {
      config: {
        'test-ca.pem': office.caPem,
        'tls-peers.ini': `[hosting]\nlisten = 127.0.0.1:${port}\nlisten_http = 127.0.0.1:${httpPort}\n`,
        ...Object.fromEntries(
          names.map((name) => [`tls-peers/${name}.ini`, `[mta_sts]\n${policies[name].ini}`]),
        ),
        ...Object.fromEntries(certificates.map(([name, { text }]) => [`tls/${name}.pem`, text])),
      },
    },
  );
  await lab.haraka.waitForLog(/serving MTA-STS policies at https/);
});
afterAll(() => lab.stop());

const wish = (name: string) => ({ port, ca: office.caPem, name: `mta-sts.${name}` });

describe('three managed domains at one listener', () => {
  it.each(names)('%s has its policy under its own certificate', async (name) => {
    const got = await ask(wish(name));
    expect(got).toMatchObject({
      status: 200,
      fingerprint: fingerprints.get(name),
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': String(got.body.length),
        'cache-control': 'no-store',
      },
    });
    expect(got.body).toMatch(new RegExp(`^version: STSv1\\r\\nmode: ${policies[name].mode}\\r\\n`));
    expect(got.body).not.toMatch(/[^\r]\n|\r[^\n]/);
  });

  it.each(names)('%s is fetched by our own fetcher', async (name) => {
    const fetcher = new PolicyFetcher({
      resolver: {
        a: (asked) =>
          Promise.resolve({
            kind: 'records',
            secure: false,
            records: ['127.0.0.1'],
            canonicalName: asked,
            ttl: 1,
          }),
        aaaa: (asked) =>
          Promise.resolve({ kind: 'denied', secure: false, denial: 'nodata', canonicalName: asked, ttl: 1 }),
      },
      options: { allowPrivate: true },
      open: (address, options) => tls.connect({ ...options, host: address, port }),
    });
    const fetched = await fetcher.fetch(name, {
      extraRoots: office.caPem,
      signal: AbortSignal.timeout(10_000),
    });
    expect(fetched).toMatchObject({ kind: 'fetched', policy: { mode: policies[name].mode } });
  });

  it.skipIf(!hasCurl)('HTTP/1.0 is answered, also where ALPN offers nothing else', async () => {
    const { stdout } = await curl(
      `https://mta-sts.one.example:${port}/.well-known/mta-sts.txt`,
      'mta-sts.one.example',
      '--http1.0',
    );
    expect(stdout).toContain('mode: enforce\r\n');
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: office.caPem,
      servername: 'mta-sts.one.example',
      ALPNProtocols: ['http/1.0'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.0');
    socket.destroy();
  });

  it.skipIf(!hasCurl).each(names)('%s is fetched by curl', async (name) => {
    const { stdout } = await curl(
      `https://mta-sts.${name}:${port}/.well-known/mta-sts.txt`,
      `mta-sts.${name}`,
    );
    expect(stdout).toContain(`mode: ${policies[name].mode}\r\n`);
  });

  it('a fourth name gets no handshake, and a client that names none neither', async () => {
    await expect(ask(wish('four.example'))).rejects.toThrow(/handshake failure|ECONNRESET|disconnected/);
    await expect(
      curl(`https://127.0.0.1:${port}/.well-known/mta-sts.txt`, 'mta-sts.four.example', '--insecure'),
    ).rejects.toThrow();
  });

  it('behind a proxy the Host header chooses, and everything else is not found', async () => {
    const over = async (name: string, path = '/.well-known/mta-sts.txt') =>
      (await ask({ port: httpPort, ca: 'none', name, path })).status;
    expect(await over('mta-sts.one.example')).toBe(200);
    expect(await over('mta-sts.four.example')).toBe(404);
    expect(await over('mta-sts.one.example', '/')).toBe(404);
  });
});

it('a renewed certificate is served without a restart, and a broken one changes nothing', async () => {
  const before = lab.haraka.pid;
  await lab.haraka.writeConfig(
    'tls/one.example.pem',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  );
  await lab.haraka.waitForLog(
    /no usable certificate for mta-sts\.one\.example any more: the last one stays in use/,
  );
  expect((await ask(wish('one.example'))).fingerprint).toBe(fingerprints.get('one.example'));
  const renewed = await pem('mta-sts.one.example');
  await lab.haraka.writeConfig('tls/one.example.pem', renewed.text);
  await lab.haraka.waitForLog(/certificate for mta-sts\.one\.example was renewed/);
  expect((await ask(wish('one.example'))).fingerprint).toBe(renewed.fingerprint);
  expect(lab.haraka.pid).toBe(before);
});

it('a changed policy is served without a restart, under another id', async () => {
  const old = (await ask(wish('two.example'))).body;
  await lab.haraka.writeConfig('tls-peers/two.example.ini', '[mta_sts]\nmx = mx9.two.example\n');
  await lab.haraka.waitForLog(/two\.example.*mta_sts|mta_sts.*two\.example|mx9/);
  const { body } = await ask(wish('two.example'));
  expect(body).toContain('mx: mx9.two.example\r\n');
  expect(policyId(body)).not.toBe(policyId(old));
  expect(policyId(old)).toMatch(/^[0-9a-f]{32}$/);
});

it('a named certificate file serves its domain, and goes before the directory', async () => {
  const own = await office.certificate('mta-sts.three.example', 'trusted');
  await lab.haraka.writeConfig('own/chain.pem', own.chainPem);
  await lab.haraka.writeConfig('own/key.pem', own.keyPem);
  await lab.haraka.writeConfig(
    'tls-peers/three.example.ini',
    '[mta_sts]\nmode = none\ncertificate_file = own/chain.pem\nkey_file = own/key.pem\n',
  );
  await lab.haraka.waitForLog(/certificate for mta-sts\.three\.example was renewed \(own\/chain\.pem\)/);
  const got = await ask(wish('three.example'));
  expect(got.fingerprint).toBe(new X509Certificate(own.chainPem).fingerprint256);
});

function curl(url: string, host: string, ...more: string[]) {
  return run('curl', [
    ...[
      '--silent',
      '--show-error',
      '--fail',
      '--max-time',
      '10',
      '--cacert',
      lab.haraka.directory + '/config/test-ca.pem',
    ],
    ...['--resolve', `${host}:${port}:127.0.0.1`, ...more, url],
  ]);
}
