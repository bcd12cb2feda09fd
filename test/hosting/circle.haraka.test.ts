/** Two Harakas with this suite: one hosts its policy, the other one sends to it under that policy. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import { policyId } from '../../src/hosting/policy_text';
import { tlsConfig } from '../inbound/support/tls_server';
import { freePort } from './support/https_client';

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.stop();
});

const [domain, mxHost] = ['receiver.example', 'mx.receiver.example'];
const [mxAddress, policyAddress] = ['25.1.1.1', '25.1.1.2'];
const policy = `version: STSv1\r\nmode: enforce\r\nmx: ${mxHost}\r\nmax_age: 604800\r\n`;

/** Takes mail for the receiver's domain, and notes how it came. */
const sink = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept');
  this.register_hook('queue', 'take');
};
exports.estrange = (next, connection) => {
  connection.relaying = false;
  next();
};
exports.accept = (next) => next(OK);
exports.take = function (next, connection) {
  this.lognotice('took ' + connection.transaction.mail_from.address + ' over ' + (connection.tls.cipher?.version ?? 'cleartext'));
  next(OK, 'taken');
};
`;

async function startSender(): Promise<Lab> {
  const lab = await startLab(
    {
      domains: {},
      zones: { [domain]: 'insecure' },
      records: [
        { name: domain, type: 'MX', records: [{ type: 'MX', preference: 10, exchange: mxHost }] },
        { name: mxHost, type: 'A', records: [{ type: 'A', address: mxAddress }] },
        { name: `mta-sts.${domain}`, type: 'A', records: [{ type: 'A', address: policyAddress }] },
        {
          name: `_mta-sts.${domain}`,
          type: 'TXT',
          records: [{ type: 'TXT', text: `v=STSv1; id=${policyId(policy)};` }],
        },
      ],
    },
    { config: { 'tls-peers/sender.example.ini': '[outbound]\nsecurity_level = mta_sts\n' } },
  );
  labs.push(lab);
  return lab;
}

/** `sender` has the CA that both trust. */
async function startReceiver(sender: Lab, certificateFor: string, hostingPort: number): Promise<Lab> {
  const [mx, policyHost, base] = await Promise.all([
    sender.office.certificate(certificateFor, 'trusted'),
    sender.office.certificate(`mta-sts.${domain}`, 'trusted'),
    tlsConfig(mxHost, 'TLSv1.2'),
  ]);
  const lab = await startLab(
    { domains: {} },
    {
      plugins: ['tls-peers', 'tls', 'sink'],
      ownPlugins: { sink },
      config: {
        ...base,
        'tls_key.pem': mx.keyPem,
        'tls_cert.pem': mx.chainPem,
        'tls-peers.ini': `[hosting]\nlisten = 127.0.0.1:${hostingPort}\n`,
        [`tls-peers/${domain}.ini`]: `[mta_sts]\nmode = enforce\nmx = ${mxHost}\n`,
        'tls/policy.pem': policyHost.keyPem + policyHost.chainPem,
      },
    },
  );
  labs.push(lab);
  return lab;
}

/** Leads the sender's connections to the receiver's two addresses to the receiver. */
async function lead(sender: Lab, receiver: Lab, hostingPort: number): Promise<void> {
  const file = path.join(sender.haraka.directory, '../routes.json');
  const routes = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const to = (port: number) => ({ host: '127.0.0.1', port, route: 'open' });
  routes[`${mxAddress}|25`] = to(receiver.haraka.port);
  routes[`${policyAddress}|443`] = to(hostingPort);
  await writeFile(file, JSON.stringify(routes));
}

it('mail is delivered under the hosted policy with verified TLS, and deferred once the certificate is wrong', async () => {
  const sender = await startSender();
  const hostingPort = await freePort();
  const receiver = await startReceiver(sender, mxHost, hostingPort);
  await lead(sender, receiver, hostingPort);

  const delivered = await sender.deliver({ from: 'a@sender.example', to: `b@${domain}` });
  expect(delivered).toMatchObject({
    status: 'delivered',
    delivery: { secured: true },
    summary: { tls_version: 'TLSv1.3', verified: 'pkix' },
  });
  expect(await receiver.haraka.waitForLog(/took a@sender\.example/)).toContain('over TLSv1.3');

  await receiver.stop();
  const impostor = await startReceiver(sender, 'mx.elsewhere.example', hostingPort);
  await lead(sender, impostor, hostingPort);
  const deferred = await sender.deliver({ from: 'a@sender.example', to: `b@${domain}` });
  expect(deferred).toMatchObject({
    status: 'deferred',
    error: expect.stringContaining('certificate-host-mismatch'),
    recipients: [{ dsn_status: '4.7.5' }],
  });
  expect(impostor.haraka.logLines.filter((line) => /took a@sender/.test(line))).toEqual([]);
}, 60_000);
