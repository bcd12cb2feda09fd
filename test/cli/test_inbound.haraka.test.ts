/** `test --inbound` beside listeners that are really there: a Haraka, and MX hosts of the lab. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../haraka-test-harness/program';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { Finding } from '../../src/cli/inbound/findings';
import type { InboundReport } from '../../src/cli/inbound/report';
import { tlsConfig } from '../inbound/support/tls_server';
import { callIn } from './lab_call';

interface Document extends InboundReport {
  readonly rules: readonly {
    readonly domain: string;
    readonly kind: string;
    readonly rule: { readonly name: string; readonly level: string; readonly minTlsVersion: string };
  }[];
  readonly findings: readonly Finding[];
}

let lab: Lab;
let smtps = 0;

beforeAll(async () => {
  smtps = await freePort();
  lab = await startLab(
    {
      domains: {
        'good.example': { dnssec: 'secure', mx: [{ tlsa: ['match'] }], sts: { policy: { mode: 'enforce' } } },
        'bad.example': {
          dnssec: 'secure',
          mx: [
            { host: 'mx1.bad.example', preference: 10, certificate: 'self-signed', tlsa: ['mismatch'] },
            { host: 'mx2.bad.example', preference: 20, tls: { min: 'TLSv1', max: 'TLSv1.1' } },
            { host: 'mx3.bad.example', preference: 30, behaviour: 'no-starttls' },
            { host: 'mx4.bad.example', preference: 40, tls: { min: 'TLSv1.3', max: 'TLSv1.3' } },
            {
              host: 'mx5.bad.example',
              preference: 50,
              addresses: [{ address: '192.0.2.5', route: 'refused' }],
            },
          ],
          sts: { policy: { mode: 'enforce', mx: ['mx1.bad.example', 'mx3.bad.example', 'mx4.bad.example'] } },
        },
      },
    },
    {
      plugins: ['tls-peers', 'tls'],
      config: {
        ...(await tlsConfig('mail.lab.example')),
        'smtp.ini': `listen=127.0.0.1:0,127.0.0.1:${smtps}\nsmtps_port=${smtps}\nnodes=0\n`,
        'tls-peers/good.example.ini':
          '[inbound]\nsecurity_level = mandatory\n[inbound old.example]\nsecurity_level = opportunistic\n' +
          '[inbound 192.0.2.0/24]\nmin_tls_version = 1.3\n',
        'tls-peers/bad.example.ini': '[inbound]\nsecurity_level = opportunistic\n',
      },
    },
  );
  await listenAt(`127.0.0.1:${lab.haraka.port},127.0.0.1:${smtps}`);
}, 60_000);
afterAll(() => lab.stop());

const listenAt = (listen: string) =>
  lab.haraka.writeConfig('smtp.ini', `listen=${listen}\nsmtps_port=${smtps}\nnodes=0\n`);

async function inbound(...args: string[]): Promise<Document & { readonly code: number }> {
  const { code, out } = await callIn(lab, ['test', '--inbound', '--json', ...args]);
  return { code, ...(JSON.parse(out) as Document) };
}

const kinds = (versions: InboundReport['listeners'][number]['versions']) =>
  Object.entries(versions).map(([version, { kind }]) => `${version} ${kind}`);

test('each listener, each TLS version by itself, and the certificate', async () => {
  const { listeners, findings, code } = await inbound('good.example');
  expect(listeners.map(({ at, tls, state }) => [at, tls, state.kind])).toEqual([
    [`127.0.0.1:${lab.haraka.port}`, 'starttls', 'tls'],
    [`127.0.0.1:${smtps}`, 'from_start', 'tls'],
  ]);
  for (const { versions, certificates } of listeners) {
    expect(kinds(versions)).toEqual(['TLSv1 taken', 'TLSv1.1 taken', 'TLSv1.2 taken', 'TLSv1.3 taken']);
    expect(certificates).toMatchObject([{ key: 'ec', names: 'mail.lab.example' }]);
  }
  expect(findings.map(({ severity, text }) => `${severity} ${text}`)).toEqual([
    'warning still takes TLS 1.0 and TLS 1.1 (RFC 8996)',
    'warning still takes TLS 1.0 and TLS 1.1 (RFC 8996)',
  ]);
  expect(code).toBe(0);
  expect((await inbound('--strict', 'good.example')).code).toBe(1);
}, 60_000);

test('an MX host that every sender can reach safely', async () => {
  const { domains } = await inbound('good.example');
  expect(domains).toMatchObject([
    {
      domain: 'good.example',
      policy: { kind: 'policy', mode: 'enforce', source: 'elsewhere' },
      hosts: [
        {
          host: 'mx.good.example',
          covered: 'yes',
          tlsa: 'present',
          dane: { dane: 'accepted' },
          places: [{ state: { kind: 'tls' }, certificates: [{ pkix: 'pass' }] }],
        },
      ],
    },
  ]);
  expect(kinds(domains[0]?.hosts[0]?.places[0]?.versions ?? {})).toEqual([
    'TLSv1 refused',
    'TLSv1.1 refused',
    'TLSv1.2 taken',
    'TLSv1.3 taken',
  ]);
}, 60_000);

test('MX hosts at which mail of some senders fails', async () => {
  const { findings, code } = await inbound('bad.example');
  const said = findings.map(({ severity, at, text }) => `${severity} ${at.split(' ')[0] ?? ''} ${text}`);
  const expected = [
    /^wrong mx1\.bad\.example senders with DANE do not deliver: /,
    /^wrong mx1\.bad\.example senders that verify do not deliver: EC certificate: certificate-not-trusted/,
    /^wrong mx2\.bad\.example no mx of the policy names it$/,
    /^wrong mx2\.bad\.example refuses TLS 1\.2/,
    /^warning mx2\.bad\.example refuses TLS 1\.3/,
    /^warning mx2\.bad\.example still takes TLS 1\.0 and TLS 1\.1/,
    /^wrong mx3\.bad\.example no TLS: /,
    /^wrong mx4\.bad\.example refuses TLS 1\.2/,
    /^wrong mx5\.bad\.example no mx of the policy names it$/,
    /^warning mx5\.bad\.example could not be seen from here: /,
  ];
  const ofHosts = said.filter((line) => / mx\d\./.test(line));
  for (const pattern of expected)
    expect(
      ofHosts.some((line) => pattern.test(line)),
      String(pattern),
    ).toBe(true);
  expect(ofHosts).toHaveLength(expected.length);
  expect(code).toBe(1);
}, 60_000);

describe('the rule that a peer would meet', () => {
  test.each<[string[], string, string]>([
    [[], 'good.example [inbound]', 'mandatory'],
    [['--peer', 'me@old.example'], 'good.example [inbound old.example]', 'opportunistic'],
    [['--peer', 'old.example', '--from-ip', '192.0.2.9'], 'good.example [inbound 192.0.2.0/24]', 'mandatory'],
  ])(
    '%j: %s',
    async (args, name, level) => {
      const { rules } = await inbound(...args, 'good.example');
      expect(rules).toMatchObject([{ domain: 'good.example', kind: 'rule', rule: { name, level } }]);
    },
    60_000,
  );
});

test('a listener that nobody is behind, and one that gives no TLS where a rule asks for it', async () => {
  const gone = await freePort();
  const bare = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 plain ESMTP\r\n');
    socket.on('data', (line) =>
      socket.write(/^EHLO/i.test(line.toString()) ? '250 plain\r\n' : '221 bye\r\n'),
    );
  }).listen(0, '127.0.0.1');
  await once(bare, 'listening');
  const { port } = bare.address() as AddressInfo;
  try {
    await listenAt(`127.0.0.1:${gone},127.0.0.1:${port}`);
    const { listeners, findings, code } = await inbound('good.example');
    expect(listeners.map(({ state }) => state.kind)).toEqual(['not_seen', 'no_tls']);
    expect(findings).toMatchObject([
      { severity: 'wrong', at: `listener at 127.0.0.1:${gone}` },
      { severity: 'wrong', at: `listener at 127.0.0.1:${port}` },
      {
        severity: 'wrong',
        at: 'good.example [inbound]',
        text: expect.stringContaining('it offers no TLS') as string,
      },
      { severity: 'wrong', at: 'good.example [inbound 192.0.2.0/24]' },
    ]);
    expect(code).toBe(1);
  } finally {
    bare.close();
    await listenAt(`127.0.0.1:${lab.haraka.port},127.0.0.1:${smtps}`);
  }
}, 60_000);

test.each([
  [['--inbound', '--from', 'me@x.example'], 2],
  [['--peer', 'x.example', 'good.example'], 2],
  [['--inbound', '--from-ip', 'nowhere'], 2],
  [['--inbound', 'strange.example'], 3],
])('%j ends with %i', async (args, code) => {
  expect((await callIn(lab, ['test', ...args])).code).toBe(code);
});

test('for people', async () => {
  const { out, code } = await callIn(lab, ['test', '--inbound', '--peer', 'old.example', 'good.example']);
  expect(code).toBe(0);
  expect(out).toMatch(/^listeners$/m);
  expect(out).toMatch(/STARTTLS {2}SMTP +127\.0\.0\.1:\d+ +TLS 1\.0, TLS 1\.1, TLS 1\.2, TLS 1\.3/);
  expect(out).toMatch(/^good\.example MTA-STS enforce, served elsewhere$/m);
  expect(out).toMatch(/opportunistic, min_tls_version none +good\.example \[inbound old\.example\]/);
}, 60_000);
