/** Two Harakas with this suite: one reports to the other, whose gate turns green. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import type { RawRecordSet } from '../../haraka-test-harness/world';
import { policyId } from '../../src/hosting/policy_text';
import { freePort } from '../hosting/support/https_client';
import { tlsConfig } from '../inbound/support/tls_server';
import { aheadTo, clock, moveClock } from './support/clock';
import { dkimConfig, signingKey } from './support/dkim';

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.stop();
});

const [domain, mxHost] = ['receiver.example', 'mx.receiver.example'];
const [mxAddress, policyAddress] = ['25.1.1.1', '25.1.1.2'];
const policy = `version: STSv1\r\nmode: testing\r\nmx: ${mxHost}\r\nmax_age: 604800\r\n`;
const signing = signingKey();

/** Takes mail for the receiver's domain from strangers. */
const sink = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept');
  this.register_hook('queue', 'take');
};
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.accept = (next) => next(OK);
exports.take = function (next, connection) {
  this.lognotice('took ' + connection.transaction.mail_from.format());
  next(OK, 'taken');
};
`;

function txt(name: string, text: string): RawRecordSet {
  return { name, type: 'TXT', records: [{ type: 'TXT', text }] };
}

async function startSender(): Promise<Lab> {
  const lab = await startLab(
    {
      domains: {},
      zones: { [domain]: 'insecure' },
      records: [
        { name: domain, type: 'MX', records: [{ type: 'MX', preference: 10, exchange: mxHost }] },
        { name: mxHost, type: 'A', records: [{ type: 'A', address: mxAddress }] },
        { name: `mta-sts.${domain}`, type: 'A', records: [{ type: 'A', address: policyAddress }] },
        txt(`_mta-sts.${domain}`, `v=STSv1; id=${policyId(policy)};`),
        txt(`_smtp._tls.${domain}`, `v=TLSRPTv1; rua=mailto:tls@${domain}`),
      ],
    },
    {
      plugins: ['clock', 'tls-peers'],
      ownPlugins: { clock },
      config: {
        ...dkimConfig('sender.example', signing),
        'tls-peers.ini':
          '[tls_reports]\norganization = Sender\ncontact = hello@sender.example\nfrom = tls@sender.example\nmax_delay = 0\n',
      },
    },
  );
  labs.push(lab);
  return lab;
}

async function startReceiver(sender: Lab, certificateFor: string, hostingPort: number): Promise<Lab> {
  const [mx, policyHost, base] = await Promise.all([
    sender.office.certificate(certificateFor, 'trusted'),
    sender.office.certificate(`mta-sts.${domain}`, 'trusted'),
    tlsConfig(mxHost, 'TLSv1.2'),
  ]);
  const lab = await startLab(
    { domains: {}, records: [txt('sel._domainkey.sender.example', signing.record)] },
    {
      plugins: ['clock', 'tls-peers', 'tls', 'sink'],
      ownPlugins: { clock, sink },
      config: {
        ...base,
        'tls_key.pem': mx.keyPem,
        'tls_cert.pem': mx.chainPem,
        'tls-peers.ini': [
          `[hosting]\nlisten = 127.0.0.1:${hostingPort}`,
          `[inbound]\nsecurity_level = mandatory`,
          `[tls_reports]\nreceive = tls@${domain}\ntrusted_reporters = sender.example`,
          'enforce_after_days = 1\nenforce_after_reporters = 1\n',
        ].join('\n'),
        [`tls-peers/${domain}.ini`]: `[mta_sts]\nmode = testing\nmx = ${mxHost}\n`,
        'tls/policy.pem': policyHost.keyPem + policyHost.chainPem,
      },
    },
  );
  labs.push(lab);
  return lab;
}

async function lead(sender: Lab, receiver: Lab, hostingPort: number): Promise<void> {
  const file = path.join(sender.haraka.directory, '../routes.json');
  const routes = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const to = (port: number) => ({ host: '127.0.0.1', port, route: 'open' });
  routes[`${mxAddress}|25`] = to(receiver.haraka.port);
  routes[`${policyAddress}|443`] = to(hostingPort);
  await writeFile(file, JSON.stringify(routes));
}

interface ReceivedDocument {
  readonly gates: readonly { readonly domain: string; readonly kind: string; readonly text: string }[];
}

function received(lab: Lab): ReceivedDocument {
  const cli = path.resolve(import.meta.dirname, '../../dist/cli.cjs');
  const args = [cli, 'reports', '--received', '-c', lab.haraka.directory, '--json'];
  // Failures are findings, and the exit code says so.
  return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout) as ReceivedDocument;
}

it.each([
  ['its certificate is good', mxHost, { kind: 'safe', text: expect.stringContaining('enforce is safe') }],
  [
    'its certificate is for another name',
    'mx.elsewhere.example',
    {
      kind: 'failing',
      text: expect.stringMatching(/certificate-host-mismatch at mx\.receiver\.example.*sender\.example/),
    },
  ],
])(
  'a domain that is tested learns from a report that %s',
  async (_, certificateFor, gate) => {
    const sender = await startSender();
    const hostingPort = await freePort();
    const receiver = await startReceiver(sender, certificateFor, hostingPort);
    await lead(sender, receiver, hostingPort);
    expect(await sender.deliver({ from: 'a@sender.example', to: `b@${domain}` })).toMatchObject({
      status: 'delivered',
    });
    await moveClock(receiver, aheadTo(1, '00:30'));
    await moveClock(sender, aheadTo(1, '00:30'));
    await receiver.haraka.waitForLog(/a TLS report of sender\.example about receiver\.example was read/, {
      timeoutMs: 40_000,
    });
    await receiver.haraka.waitForLog(/took <tls@sender\.example>/);
    expect(received(receiver).gates).toMatchObject([{ domain, ...gate }]);
  },
  90_000,
);
