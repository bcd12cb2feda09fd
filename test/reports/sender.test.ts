import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../src/dns/types';
import { silent } from '../../src/log';
import type { Day } from '../../src/peers/day';
import type { Mail } from '../../src/reports/queue/submit';
import type { FoundKey } from '../../src/reports/send/dkim_key';
import type { Posted } from '../../src/reports/send/post';
import type { SenderOptions } from '../../src/reports/send/options';
import { ReportSender } from '../../src/reports/send/sender';
import { appendEntries, readJournal } from '../../src/reports/store/journal';
import { askToSend } from '../../src/reports/store/requests';
import { createSessionWriter } from '../../src/reports/store/session_files';
import { shippedDefaults } from '../../src/settings/load/global_file';
import { presentOwner } from '../../src/state/owner';
import type { CountedResult } from '../../src/tlsrpt/session';
import { signingKey } from './support/dkim';

const owner = presentOwner();
const day = '2026-11-01' as Day;
const morning = Date.parse('2026-11-02T00:10:00Z');
const hour = 3_600_000;
const key: FoundKey = {
  kind: 'found',
  key: { domain: 'ours.example', selector: 'sel', privateKey: signingKey().privateKey },
};

let directory: string;
let now: number;
let records: Record<string, readonly string[] | 'failed'>;
let mails: Mail[];
let posts: string[];
let posted: Posted;
let submit: (mail: Mail) => Promise<void>;
let settings: Partial<ReturnType<SenderOptions['settings']>>;
const senders: ReportSender[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-sender-'));
  now = Date.parse('2026-11-01T12:00:00Z');
  records = { 'peer.example': ['v=TLSRPTv1; rua=mailto:a@desk.example'] };
  mails = [];
  posts = [];
  posted = { kind: 'accepted' };
  submit = () => Promise.resolve();
  settings = {};
});
afterEach(async () => {
  for (const sender of senders.splice(0)) await sender.close();
  rmSync(directory, { recursive: true, force: true });
});

function sender(options: Partial<SenderOptions> = {}): ReportSender {
  const made = new ReportSender({
    settings: () => ({
      ...shippedDefaults.tlsReports,
      organization: 'Ours',
      contact: 'me@ours.example',
      from: 'tls@ours.example',
      maxDelay: 0,
      ...settings,
    }),
    directory: () => directory,
    owner,
    log: silent,
    now: () => new Date(now),
    host: 'host1',
    txt: (name): Promise<Answer<string>> => {
      const found = records[name.replace('_smtp._tls.', '')];
      if (found === 'failed')
        return Promise.resolve({ kind: 'failed', cause: 'servfail', detail: 'SERVFAIL' });
      return Promise.resolve(
        found === undefined
          ? { kind: 'denied', secure: false, denial: 'nxdomain', canonicalName: name, ttl: 60 }
          : { kind: 'records', secure: false, records: found, canonicalName: name, ttl: 60 },
      );
    },
    key: () => key,
    submit: async (mail) => {
      mails.push(mail);
      await submit(mail);
    },
    post: (url) => {
      posts.push(url.href);
      return Promise.resolve(posted);
    },
    ...options,
  });
  senders.push(made);
  return made;
}

async function count(domain = 'peer.example', changes: Partial<CountedResult> = {}): Promise<void> {
  const writer = createSessionWriter({
    directory,
    owner,
    log: silent,
    days: 3650,
    maxDomains: 1000,
    now: () => new Date(now),
  });
  writer.count([
    {
      domain,
      mode: 'on',
      policy: { type: 'no-policy-found', domain },
      result: 'success',
      details: { mxHost: '', receivingIp: '', sendingIp: '', helo: '' },
      ...changes,
    },
  ]);
  await writer.flush();
}

async function states(domain = 'peer.example'): Promise<Record<string, string>> {
  const known = (await readJournal({ directory, owner }, day)).domains.get(domain);
  const own = known === undefined || known.whole === 'nothing' ? [] : [['', known.whole.state]];
  const all = [...own, ...[...(known?.byUri ?? [])].map(([uri, { state }]) => [uri, state])];
  return Object.fromEntries(all) as Record<string, string>;
}

const counts = () => readdirSync(directory).filter((name) => name.endsWith('.counts'));

test('nothing is sent before the day is over', async () => {
  await count();
  await sender().tick();
  now = Date.parse('2026-11-01T23:59:59Z');
  await sender().tick();
  expect(mails).toEqual([]);
});

test('each destination is kept apart, and what was counted goes when all have theirs', async () => {
  records['peer.example'] = [
    'v=TLSRPTv1; rua=mailto:a@desk.example,https://desk.example/r,oops@desk.example',
  ];
  await count();
  now = morning;
  const one = sender();
  await one.tick();
  expect(await states()).toEqual({ 'mailto:a@desk.example': 'queued', 'https://desk.example/r': 'accepted' });
  expect(counts()).toHaveLength(1);
  await appendEntries({ directory, owner }, day, [
    { domain: 'peer.example', uri: 'mailto:a@desk.example', state: 'accepted', at: now, text: '' },
  ]);
  now += hour;
  await one.tick();
  expect(counts()).toEqual([]);
  expect([mails.length, posts.length]).toEqual([1, 1]);
});

test('where a process dies between sending and noting, the report is sent once more, and under the same id', async () => {
  await count();
  now = morning;
  const dying = sender({
    submit: (mail) => {
      mails.push(mail);
      return Promise.resolve().then(() => {
        // The disk that it would note it on is gone with it.
        throw new Error('killed');
      });
    },
  });
  await dying.tick();
  await dying.close();
  now += hour;
  await sender().tick();
  await sender().tick();
  const ids = mails.map(({ contents }) => /^Message-ID: (.*)$/im.exec(contents)?.[1]);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
});

test('of two that want to send, one does', async () => {
  await count();
  now = morning;
  const [a, b] = [sender(), sender()];
  await Promise.all([a.tick(), b.tick()]);
  await Promise.all([a.tick(), b.tick()]);
  expect(mails).toHaveLength(1);
});

test('a receiver that fails is asked again, less and less often, and given up after a day', async () => {
  records['peer.example'] = ['v=TLSRPTv1; rua=https://desk.example/r'];
  posted = { kind: 'failed', text: 'desk.example answered 500' };
  await count();
  now = morning;
  const one = sender();
  for (let minute = 0; minute < 26 * 60; minute += 5) {
    await one.tick();
    now += 5 * 60_000;
  }
  expect(posts.length).toBeGreaterThan(6);
  expect(posts.length).toBeLessThan(14);
  expect(await states()).toEqual({ 'https://desk.example/r': 'given_up' });
  // For whoever wants to look at it, or send it by hand.
  expect(counts()).toHaveLength(1);
  posted = { kind: 'accepted' };
  await askToSend({ directory, owner }, 'peer.example');
  await one.tick();
  expect(await states()).toEqual({ 'https://desk.example/r': 'accepted' });
});

test('DNS that does not answer is asked again', async () => {
  records['peer.example'] = 'failed';
  await count();
  now = morning;
  const one = sender();
  await one.tick();
  expect(await states()).toEqual({ '': 'failed' });
  records['peer.example'] = ['v=TLSRPTv1; rua=mailto:a@desk.example'];
  now += hour;
  await one.tick();
  expect(await states()).toMatchObject({ 'mailto:a@desk.example': 'queued' });
});

test('what is published when it is sent counts', async () => {
  await count();
  records['peer.example'] = ['v=TLSRPTv1; rua=mailto:new@desk.example'];
  now = morning;
  await sender().tick();
  expect(mails.map(({ to }) => to)).toEqual(['new@desk.example']);
});

test.each([
  ['asks for none', undefined],
  ['publishes two records', ['v=TLSRPTv1; rua=mailto:a@b.example', 'v=TLSRPTv1; rua=mailto:c@b.example']],
  ['names no scheme', ['v=TLSRPTv1; rua=a@b.example']],
])('a domain that %s gets none, and its sessions are forgotten', async (_, published) => {
  if (published === undefined) delete records['peer.example'];
  else records['peer.example'] = published;
  await count();
  now = morning;
  await sender().tick();
  expect(mails).toEqual([]);
  expect(await states()).toEqual({ '': 'unwanted' });
  expect(counts()).toEqual([]);
});

test('who is told of failures alone gets no report of a day without one', async () => {
  await count('peer.example', { mode: 'failures_only' });
  now = morning;
  const one = sender();
  await one.tick();
  expect(mails).toEqual([]);
  now = Date.parse('2026-11-02T12:00:00Z');
  const result = { type: 'certificate-expired', code: '' } as const;
  await count('peer.example', { mode: 'failures_only', result });
  now = Date.parse('2026-11-03T00:10:00Z');
  await one.tick();
  expect(mails).toHaveLength(1);
});

test('addresses that are not to get reports, or would not have one, get none', async () => {
  records['other.example'] = ['v=TLSRPTv1; rua=mailto:b@desk.example'];
  settings = { suppress: ['a@desk.example'] };
  await appendEntries({ directory, owner }, '2026-10-30' as Day, [
    { domain: 'third.example', uri: 'mailto:b@desk.example', state: 'refused', at: now, text: '550 no' },
  ]);
  await count();
  await count('other.example');
  now = morning;
  await sender().tick();
  expect(mails).toEqual([]);
  expect(await states()).toEqual({ 'mailto:a@desk.example': 'suppressed' });
  expect(await states('other.example')).toEqual({ 'mailto:b@desk.example': 'suppressed' });
});

test('no more are sent in a day than may be', async () => {
  settings = { maxReports: 2 };
  for (let at = 0; at < 5; at++) {
    records[`p${at}.example`] = [`v=TLSRPTv1; rua=mailto:a${at}@desk.example`];
    await count(`p${at}.example`);
  }
  now = morning;
  const one = sender();
  await one.tick();
  expect(mails).toHaveLength(2);
  // A process that is there anew knows as much.
  await one.close();
  now += hour;
  const other = sender();
  await other.tick();
  expect(mails).toHaveLength(2);
  now += 23 * hour;
  await other.tick();
  expect(mails).toHaveLength(4);
});

test('without a key nothing is sent by mail, and by HTTPS it is', async () => {
  records['peer.example'] = ['v=TLSRPTv1; rua=mailto:a@desk.example,https://desk.example/r'];
  await count();
  now = morning;
  await sender({ key: () => ({ kind: 'none', text: 'there is no key' }) }).tick();
  expect(await states()).toEqual({ 'mailto:a@desk.example': 'failed', 'https://desk.example/r': 'accepted' });
});
