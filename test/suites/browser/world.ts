/** A Haraka with two workers, mail to peers of every kind, and a record of 100,000 peers. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { World } from '../../../haraka-test-harness/world';
import { dayBefore, utcDay } from '../../../src/peers/day';
import { appendEntries } from '../../../src/reports/store/journal';
import { storeReport } from '../../../src/reports/store/received_files';
import { presentOwner } from '../../../src/state/owner';
import { startPageLab, type PageLab } from '../web/page_lab';
import { writeRecord } from '../web/record';

/** What hostile peers, certificates and policies say. */
const html = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'"&`;
/** Turns the text around it, and a bell. What ends a line in JavaScript would not come through SMTP. */
const control = '\u202Egnp\u0007';

export const world: World = {
  domains: {
    'good.example': {},
    'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
    'old.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1.1' } }] },
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'self-signed.example': { mx: [{ certificate: 'self-signed' }] },
    'wrong-name.example': { mx: [{ certificate: 'wrong-name' }] },
    'expired.example': { mx: [{ certificate: 'expired' }] },
    'broken.example': { mx: [{ behaviour: 'handshake-close' }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'dane-mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
    'enforce.example': { sts: { policy: { mode: 'enforce' } } },
    'testing.example': { mx: [{ certificate: 'self-signed' }], sts: { policy: { mode: 'testing' } } },
    'two-hosts.example': {
      mx: [
        { host: 'mx1.two-hosts.example', tls: { min: 'TLSv1.2', max: 'TLSv1.2' }, preference: 10 },
        { host: 'mx2.two-hosts.example', preference: 20 },
      ],
    },
    'hostile.example': {
      mx: [
        {
          certificate: {
            kind: 'untrusted',
            names: ['mx.hostile.example', '<script>window.hacked=1</script>.example'],
          },
          behaviour: {
            greeting: { do: 'reply', text: `220 ${html}\r\n` },
            mail: { do: 'reply', text: `450 4.0.0 ${html}${control}\r\n` },
          },
        },
      ],
      sts: {
        policy: 'version: STSv1\nmode: testing\nmx: mx.hostile.example\nmax_age: 86400\nx<script>: "\'>\n',
      },
    },
  },
};

export const many = 100_000;

const rules = [
  'comment = <b onclick="window.hacked=1">ours</b>',
  '[outbound]',
  'security_level = opportunistic',
  '[outbound clear.example]',
  'security_level = mandatory',
  'exempt_until = 2099-12-20',
  '[outbound self-signed.example]',
  'security_level = verify',
  '[outbound *.bank.example]',
  'security_level = mandatory',
  '[inbound 203.0.113.0/24]',
  'security_level = mandatory',
  '[mta_sts]',
  'mode = testing',
  'mx = mx.ours.example',
  '',
].join('\n');

export interface BrowserWorld extends PageLab {
  stop(): Promise<void>;
}

export async function startWorld(): Promise<BrowserWorld> {
  const page = await startPageLab(world, {
    workers: 2,
    ini:
      '[hosting]\nlisten = 127.0.0.1:9\n' +
      '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\n' +
      'receive = tls@ours.example\ntrusted_reporters = big.example\n',
    web: 'metrics_peers = top 10',
    config: {
      'tls-peers/ours.example.ini': rules,
      'tls-peers/large.example.ini': '[outbound]\nsecurity_level = auto\n',
      'tls-peers/empty.example.ini': '[outbound]\nsecurity_level = auto\n',
      ...certificate(['mta-sts.ours.example', 'mail.ours.example']),
    },
  });
  const directory = path.join(page.lab.haraka.directory, 'evidence');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeRecord({ directory, managed: 'large.example', peers: many, days: 6, now: new Date() });
  await writeReports(path.join(page.lab.haraka.directory, 'tls-reports'));
  return { ...page, stop: () => page.lab.stop() };
}

/** What became of two reports to others, and one of somebody who writes what he likes. */
async function writeReports(directory: string): Promise<void> {
  const place = { directory, owner: presentOwner() };
  const now = Date.now();
  const day = dayBefore(utcDay(new Date()), 1);
  await appendEntries(place, day, [
    { domain: 'good.example', uri: 'mailto:a@good.example', state: 'accepted', at: now, text: '' },
    { domain: 'hostile.example', uri: 'https://hostile.example/', state: 'failed', at: now, text: html },
  ]);
  const failure = { type: html, code: html, mxHost: html, receivingIp: '', sendingIp: '', count: 3 };
  const policy = { type: 'sts', domain: 'ours.example', text: [html], mx: [html] } as const;
  const end = Date.parse(`${day}T23:59:59Z`);
  const report = {
    ...{ organization: html, contact: html, id: html, begin: end - 86_399_000, end },
    policies: [{ ...policy, successful: 20, failed: 3, failures: [failure] }],
  };
  await storeReport(place, { at: now, managed: 'ours.example', signer: 'big.example', report }, 'trusted');
}

/** In config/tls, with a subject that is not to be believed. */
function certificate(names: readonly string[]): Record<string, string> {
  const place = mkdtempSync(path.join(tmpdir(), 'tls-peers-browser-'));
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '20'],
        ...['-keyout', `${place}/key.pem`, '-out', `${place}/cert.pem`],
        ...['-subj', '/O=<script>window.hacked=1<\\/script>/CN="\'><img src=x onerror=window.hacked=1>'],
        ...['-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`],
      ],
      { stdio: 'ignore' },
    );
    const pem = readFileSync(`${place}/cert.pem`, 'utf8') + readFileSync(`${place}/key.pem`, 'utf8');
    return { 'tls/ours.pem': pem };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
