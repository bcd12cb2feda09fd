/** Reports go out: counted in one day, sent on the next. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { dkimVerify } from 'mailauth/lib/dkim/verify';
import PostalMime from 'postal-mime';
import { afterEach, expect, it } from 'vitest';
import { harakaDirectory, startLab, type Lab } from '../../haraka-test-harness';
import type { RawRecordSet } from '../../haraka-test-harness/world';
import type { Report } from '../../src/tlsrpt/document';
import { aheadTo, clock, dayText, moveClock } from './support/clock';
import { dkimConfig, signingKey, txtResolver } from './support/dkim';

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.stop();
});

/** Older ones have another plugin that signs. */
const hasDkim = existsSync(path.join(harakaDirectory(), '../haraka-plugin-dkim'));
const signing = signingKey();
const settings = [
  '[tls_reports]',
  'organization = Ours Ltd',
  'contact = postmaster@ours.example',
  'from = tls-reports@ours.example',
  'max_delay = 0',
  '',
].join('\n');

function txt(name: string, ...texts: string[]): RawRecordSet {
  return { name, type: 'TXT', records: texts.map((text) => ({ type: 'TXT', text })) };
}

it('a report is sent on the day after, signed, and its sessions are then forgotten', async () => {
  const lab = await startLab(
    {
      domains: {
        'peer.example': { mx: [{ certificate: 'self-signed' }], sts: { policy: { mode: 'testing' } } },
        'desk.example': {},
      },
      records: [txt('_smtp._tls.peer.example', 'v=TLSRPTv1; rua=mailto:reports@desk.example')],
    },
    {
      // Haraka's own signer, with the same key: a report is signed once.
      plugins: ['clock', ...(hasDkim ? ['dkim'] : []), 'tls-peers'],
      ownPlugins: { clock },
      config: {
        ...dkimConfig('ours.example', signing),
        'dkim.ini': '[sign]\nenabled=true\n',
        'tls-peers.ini': settings,
      },
    },
  );
  labs.push(lab);
  for (let message = 0; message < 3; message++)
    expect(await lab.deliver({ from: 'me@ours.example', to: 'you@peer.example' })).toMatchObject({
      status: 'delivered',
    });
  const sessions = lab.peer('mx.peer.example').connections.length;
  await moveClock(lab, aheadTo(1, '00:30'));
  const desk = lab.peer('mx.desk.example');
  await desk.until(({ messages }) => messages.length > 0, 30_000);
  const [message] = desk.messages;
  const raw = Buffer.from(message?.data ?? '', 'latin1');
  expect(raw.toString('latin1').match(/^DKIM-Signature:/gim)).toHaveLength(1);
  const { results } = await dkimVerify(raw, {
    resolver: txtResolver({ 'sel._domainkey.ours.example': signing.record }),
  });
  expect(results[0]?.status).toMatchObject({ result: 'pass', aligned: 'ours.example' });
  const mail = await PostalMime.parse(raw);
  const [part] = mail.attachments;
  const report = JSON.parse(gunzipSync(Buffer.from(part?.content as ArrayBuffer)).toString()) as Report;
  expect(report).toMatchObject({
    'organization-name': 'Ours Ltd',
    'date-range': { 'start-datetime': `${dayText(0)}T00:00:00Z` },
    policies: [
      {
        policy: { 'policy-type': 'sts', 'policy-domain': 'peer.example', 'mx-host': ['mx.peer.example'] },
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': sessions },
        'failure-details': [
          { 'result-type': 'certificate-not-trusted', 'receiving-mx-hostname': 'mx.peer.example' },
        ],
      },
    ],
  });
  await moveClock(lab, aheadTo(1, '00:50'));
  await lab.haraka.waitForLog(/those of .* are done with/, { timeoutMs: 30_000 });
  const kept = await readdir(path.join(lab.haraka.directory, 'tls-reports'));
  expect(kept.filter((name) => name.endsWith('.counts'))).toEqual([]);
}, 90_000);

/** What was found out of Haraka's `send_email`, and is why a report is handed over as it is. */
const trial = `
exports.register = function () {
  this.register_hook('pre_send_trans_email', 'look');
  this.register_hook('init_master', 'start');
};
exports.look = (next) => next();
exports.start = function (next) {
  const outbound = this.haraka_require('outbound');
  const { createTransaction } = this.haraka_require('transaction');
  const text = 'From: a@ours.example\\r\\nSubject: x\\r\\n\\r\\n..two dots\\r\\n.one\\r\\n';
  const send = (name, notes) => {
    try {
      outbound.send_email('a@ours.example', name + '@desk.example', text, (code) => this.lognotice('trial ' + name + ' ' + code), { notes });
    } catch (error) {
      this.lognotice('trial ' + name + ' threw ' + error.message);
    }
  };
  process.once('uncaughtException', (error) => this.lognotice('trial plain threw ' + error.message));
  // The queue is there once Haraka has started.
  setTimeout(() => {
    send('plain', { tls_peers_report: {} });
    const { notes } = createTransaction(null, {});
    notes.skip_plugins = [];
    send('whole', notes);
  }, 1000);
  next();
};
`;

it('Haraka takes notes of its own kind with a text, and stuffs its dots; a plain object it throws at', async () => {
  const lab = await startLab(
    { domains: { 'desk.example': {} } },
    { plugins: ['trial', 'tls-peers'], ownPlugins: { trial } },
  );
  labs.push(lab);
  expect(await lab.haraka.waitForLog(/trial plain /)).toContain("reading 'includes'");
  expect(await lab.haraka.waitForLog(/trial whole /, { timeoutMs: 30_000 })).toContain('906');
  const desk = lab.peer('mx.desk.example');
  await desk.until(({ messages }) => messages.length === 1, 30_000);
  expect(desk.messages[0]?.data).toContain('\r\n..two dots\r\n.one\r\n');
}, 60_000);
