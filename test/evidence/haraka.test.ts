import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import { submit } from '../../haraka-test-harness/smtp_client';
import type { PeerTraffic } from '../../src/evidence/views/traffic';

const world = {
  domains: {
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'old.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1.1' } }] },
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'refused.example': { mx: [{ certificate: 'wrong-name' }] },
  },
} as const;

/** Senders of the outside are no users of ours, and what they send is taken. */
const mailbox = `
exports.register = function () {
  this.register_hook('mail', 'tell_strangers', 200);
  this.register_hook('rcpt', 'take_recipient');
  this.register_hook('queue', 'take');
};
exports.tell_strangers = (next, connection, [sender]) => {
  if (/friend|strict/.test(String(sender.host))) connection.relaying = false;
  next();
};
exports.take_recipient = (next) => next(OK);
exports.take = (next) => next(OK);
`;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(world, {
    workers: 2,
    plugins: ['tls-peers', 'mailbox'],
    ownPlugins: { mailbox },
    config: {
      'tls-peers.ini': '[outbound]\nsecurity_level = auto\n',
      'tls-peers/ours.example.ini':
        '[outbound]\nsecurity_level = auto\n\n[outbound refused.example]\nsecurity_level = verify\n\n' +
        '[inbound strict.example]\nsecurity_level = mandatory\n',
    },
  });
});
afterAll(() => lab.stop());

function traffic(...args: string[]): PeerTraffic[] {
  const cli = path.resolve(import.meta.dirname, '../../dist/cli.cjs');
  const text = execFileSync(
    process.execPath,
    [cli, 'traffic', '-c', lab.haraka.directory, '--json', ...args],
    {
      encoding: 'utf8',
    },
  );
  return (JSON.parse(text) as { peers: PeerTraffic[] }).peers;
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

it('traffic is what the peers saw, of all workers', async () => {
  const to = (domain: string, from = 'me@ours.example') => lab.deliver({ from, to: `you@${domain}` });
  await Promise.all([
    ...Array.from({ length: 6 }, () => to('dane.example')),
    to('old.example'),
    to('clear.example'),
    to('clear.example', 'me@nobody.example'),
    to('refused.example'),
  ]);
  const rows = await until(() => {
    const found = traffic('--outbound');
    const attempts = found.reduce((sum, row) => sum + row.messages + row.deferred, 0);
    return attempts === 10 ? found : undefined;
  });
  const row = (managed: string, peer: string) =>
    rows.find((one) => one.managed === managed && one.peer === peer);
  expect(row('ours.example', 'dane.example')).toMatchObject({
    messages: lab.peer('mx.dane.example').messages.length,
    tls: { 'TLSv1.3': 6 },
    verified: { dane: 6 },
    cleartext: 0,
  });
  expect(row('ours.example', 'old.example')).toMatchObject({ messages: 1, tls: { 'TLSv1.1': 1 } });
  expect(row('ours.example', 'clear.example')).toMatchObject({ messages: 1, tls: { none: 1 }, cleartext: 1 });
  expect(row('', 'clear.example')).toMatchObject({ messages: 1 });
  expect(row('ours.example', 'refused.example')).toMatchObject({
    messages: 0,
    deferred: 1,
    reasons: { 'certificate-host-mismatch': 1 },
  });
  expect(traffic('--outbound', '--managed', 'ours.example', '--peer', 'dane.example')).toHaveLength(1);
  const directory = path.join(lab.haraka.directory, 'evidence');
  for (const name of readdirSync(directory))
    expect(statSync(path.join(directory, name)).mode & 0o777, name).toBe(0o600);
});

it('an incoming message counts when it is accepted, and a refused one with the others', async () => {
  const from = (sender: string) =>
    submit({
      port: lab.haraka.port,
      from: sender,
      to: ['you@ours.example'],
      data: 'Subject: in\r\n\r\nHello.\r\n',
      timeoutMs: 15_000,
    });
  await from('me@friend.example');
  await expect(from('me@strict.example')).rejects.toThrow();
  const rows = await until(() => {
    const found = traffic('--inbound');
    return found.length === 2 ? found : undefined;
  });
  expect(rows.find(({ peer }) => peer === 'friend.example')).toMatchObject({
    managed: 'ours.example',
    messages: 1,
    tls: { none: 1 },
  });
  expect(rows.find(({ peer }) => peer === 'strict.example')).toMatchObject({
    refused: 1,
    reasons: { 'starttls-not-supported': 1 },
  });
});
