import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../src/dns/types';
import { type Log, silent } from '../../src/log';
import type { Day } from '../../src/peers/day';
import { ReportReceiver, type Taken } from '../../src/reports/receive/receiver';
import { composeMail } from '../../src/reports/send/compose';
import { receivedView } from '../../src/reports/view/received_view';
import { loadSettings } from '../../src/settings/load/load';
import { presentOwner } from '../../src/state/owner';
import type { PolicyReport, Report } from '../../src/tlsrpt/document';
import { memorySource } from '../settings/memory_source';
import { signingKey, type Signing } from './support/dkim';

const owner = presentOwner();
const signing = signingKey();
const now = new Date('2026-11-16T06:00:00Z');
const { settings } = loadSettings(
  memorySource({
    'tls-peers.ini':
      '[tls_reports]\nreceive = tls@ours.example\ntrusted_reporters = big.example, large.example\n',
    'tls-peers/ours.example.ini': '[mta_sts]\nmode = testing\nmx = mx.ours.example\n',
    'tls-peers/enforced.example.ini': '[mta_sts]\nmode = enforce\nmx = mx.ours.example\n',
  }),
);

/** mailauth's signer, which can do what ours does not. */
async function signed(text: string, options: object): Promise<{ readonly signatures: string }> {
  const module = (await import('mailauth/lib/dkim/sign.js')) as {
    readonly dkimSign: (text: string, options: object) => Promise<{ readonly signatures: string }>;
  };
  return module.dkimSign(text, options);
}

let directory: string;
let keys: Record<string, string>;
let notices: string[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-receiver-'));
  keys = { 'sel._domainkey.big.example': signing.record, 'sel._domainkey.large.example': signing.record };
  notices = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function receiver(): ReportReceiver {
  const log: Log = { ...silent, notice: (line) => void notices.push(line) };
  return new ReportReceiver({
    settings: () => settings,
    directory: () => directory,
    owner,
    log,
    now: () => now,
    txt: (name): Promise<Answer<string>> => {
      const found = keys[name];
      return Promise.resolve(
        found === undefined
          ? { kind: 'denied', secure: false, denial: 'nxdomain', canonicalName: name, ttl: 60 }
          : { kind: 'records', secure: false, records: [found], canonicalName: name, ttl: 60 },
      );
    },
  });
}

const good: PolicyReport = {
  policy: {
    'policy-type': 'sts',
    'policy-string': ['version: STSv1', 'mode: testing', 'mx: mx.ours.example', 'max_age: 604800'],
    'policy-domain': 'ours.example',
    'mx-host': ['mx.ours.example'],
  },
  summary: { 'total-successful-session-count': 10, 'total-failure-session-count': 0 },
};

const bad: PolicyReport = {
  ...good,
  summary: { 'total-successful-session-count': 8, 'total-failure-session-count': 2 },
  'failure-details': [
    {
      'result-type': 'certificate-expired',
      'receiving-mx-hostname': 'mx2.ours.example',
      'failed-session-count': 2,
    },
  ],
};

interface Made {
  readonly day?: string;
  readonly from?: string;
  readonly signer?: string;
  readonly policies?: readonly PolicyReport[];
  readonly key?: Signing;
  readonly about?: string;
}

async function mail({ day = '2026-11-15', from = 'big.example', ...made }: Made = {}): Promise<string> {
  const report: Report = {
    'organization-name': 'Big',
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': `x@${from}`,
    'report-id': `${day}@${from}`,
    policies: made.policies ?? [good],
  };
  const key = {
    domain: made.signer ?? from,
    selector: 'sel',
    privateKey: (made.key ?? signing).privateKey,
  };
  const named = { domain: made.about ?? 'ours.example', day: day as Day, report };
  return composeMail({ ...named, from: `tls@${from}`, to: 'tls@ours.example', date: now }, key);
}

const take = async (text: string): Promise<Taken> => receiver().take(Buffer.from(text));
const view = () => receivedView({ settings, place: { directory, owner }, now });
const gateOfOurs = async () => (await view()).gates.find(({ domain }) => domain === 'ours.example');

test('a report that is signed and about a domain of ours counts', async () => {
  expect(await take(await mail())).toEqual({ kind: 'taken', managed: 'ours.example', signer: 'big.example' });
  expect((await view()).rows).toMatchObject([
    { reporter: 'big.example', standing: 'trusted', result: 'success', sessions: 10 },
  ]);
});

test('it counts once, however often it comes', async () => {
  await take(await mail());
  await take(await mail());
  expect((await view()).rows).toMatchObject([{ sessions: 10 }]);
});

test.each([
  [
    'has no signature',
    (text: string) => text.replace(/^DKIM-Signature:(?:.*\r\n[ \t])*.*\r\n/m, ''),
    /no DKIM signature/,
  ],
  ['was changed', (text: string) => text.replace('Sessions that met', 'Sessions that got'), /is not valid/],
  [
    'has another subject',
    (text: string) => text.replace('Subject: Report', 'Subject: Rapport'),
    /is not valid/,
  ],
  [
    'has two authors',
    (text: string) => text.replace(/^From:/m, 'From: a@google.com\r\nFrom:'),
    /exactly one author|is not valid/,
  ],
  ['is no mail at all', () => '\0\0\0', /./],
  ['is empty', () => '', /./],
])('one that %s is refused', async (_, change, problem) => {
  expect(await take(change(await mail()))).toEqual({
    kind: 'refused',
    problem: expect.stringMatching(problem),
  });
  expect((await view()).reports).toBe(0);
});

test('one that somebody else has signed for its author is refused', async () => {
  keys['sel._domainkey.evil.example'] = signing.record;
  expect(await take(await mail({ from: 'big.example', signer: 'evil.example' }))).toEqual({
    kind: 'refused',
    problem: "the DKIM signature of evil.example is not that of the author's domain",
  });
});

test('one whose signature leaves out the end of the body is refused', async () => {
  const text = await mail();
  const plain = text.replace(/^DKIM-Signature:(?:.*\r\n[ \t])*.*\r\n/m, '');
  const { signatures } = await signed(plain, {
    // Without a time it takes that of the clock twice, and what it signed is not what it wrote where a second passes in between.
    signTime: now,
    signatureData: [
      { signingDomain: 'big.example', selector: 'sel', privateKey: signing.privateKey, maxBodyLength: 100 },
    ],
  });
  expect(signatures).toMatch(/\bl=100\b/);
  expect(await take(signatures + plain)).toEqual({
    kind: 'refused',
    problem: 'the DKIM signature of big.example does not cover the whole body (l=)',
  });
});

test.each([
  ['s=tlsrpt; ', 'taken'],
  ['s=*; ', 'taken'],
  ['s=email:tlsrpt; ', 'taken'],
  ['s=other; ', 'refused'],
])('a key with %s vouches for reports: %s', async (tags, kind) => {
  const own = signingKey(tags);
  keys['sel._domainkey.big.example'] = own.record;
  expect(await take(await mail({ key: own }))).toMatchObject({ kind });
});

test.each([
  [
    'of another domain',
    {
      about: 'foreign.example',
      policies: [{ ...good, policy: { ...good.policy, 'policy-domain': 'foreign.example' } }],
    },
  ],
  [
    'of a host of another domain',
    {
      about: 'foreign.example',
      policies: [{ ...good, policy: { 'policy-type': 'tlsa', 'policy-domain': 'mx.foreign.example' } }],
    },
  ],
] as const)('a report %s is refused', async (_, made) => {
  expect(await take(await mail(made))).toEqual({
    kind: 'refused',
    problem: expect.stringMatching(/^it is about .*foreign\.example.*not managed here$/),
  });
});

test('policies of others within a report of ours are left out', async () => {
  const other: PolicyReport = { ...bad, policy: { ...bad.policy, 'policy-domain': 'foreign.example' } };
  expect(await take(await mail({ policies: [good, other] }))).toMatchObject({ kind: 'taken' });
  expect((await view()).rows).toMatchObject([{ result: 'success' }]);
});

async function fortnight(reporters: readonly string[]): Promise<void> {
  const one = receiver();
  for (let at = 2; at <= 15; at++)
    for (const from of reporters)
      await one.take(Buffer.from(await mail({ from, day: `2026-11-${String(at).padStart(2, '0')}` })));
}

test('after a fortnight without a failure, enforce is safe; a failure shuts the gate and says where', async () => {
  await take(await mail());
  expect(await gateOfOurs()).toMatchObject({ kind: 'waiting' });
  await fortnight(['big.example', 'large.example']);
  expect(await gateOfOurs()).toMatchObject({
    kind: 'safe',
    text: 'testing for 14 days, 2 trusted reporters, 280 sessions, 0 failures: enforce is safe',
  });
  await take(await mail({ day: '2026-11-14', policies: [bad], from: 'large.example' }));
  expect((await gateOfOurs())?.kind).toBe('safe');
  // A window that is known already: the first word counts.
  const other = await mail({
    day: '2026-11-15',
    policies: [bad],
    from: 'sub.big.example',
    signer: 'big.example',
  });
  expect(await take(other)).toMatchObject({ kind: 'taken' });
  expect(await gateOfOurs()).toMatchObject({
    kind: 'failing',
    text: expect.stringMatching(
      /certificate-expired at mx2\.ours\.example, 2 times, reported by big\.example/,
    ),
  });
});

test('the gate of a policy that is enforced has nothing to say', async () => {
  expect((await view()).gates.find(({ domain }) => domain === 'enforced.example')).toMatchObject({
    kind: 'not_testing',
  });
});

test('a thousand strangers, each well signed, neither open the gate nor shut it', async () => {
  const one = receiver();
  const key = signingKey('', 1024);
  const stranger = async (at: number, policies: readonly PolicyReport[]): Promise<void> => {
    const from = `n${at}.stranger.example`;
    keys[`sel._domainkey.${from}`] = key.record;
    const day = `2026-11-${String((at % 14) + 2).padStart(2, '0')}`;
    expect(await one.take(Buffer.from(await mail({ from, day, policies, key })))).toMatchObject({
      kind: 'taken',
    });
  };
  for (let at = 0; at < 500; at++) await stranger(at, [good]);
  expect(await gateOfOurs()).toMatchObject({ kind: 'waiting', gate: { reporters: [] } });
  rmSync(directory, { recursive: true, force: true });
  await fortnight(['big.example', 'large.example']);
  const before = await gateOfOurs();
  for (let at = 500; at < 1000; at++) await stranger(at, [bad]);
  expect(await gateOfOurs()).toEqual(before);
  expect(before?.kind).toBe('safe');
  expect(notices).toEqual([]);
}, 120_000);

test('a failure is told once, and once when it is over', async () => {
  await take(await mail({ day: '2026-11-12' }));
  await take(await mail({ day: '2026-11-13', policies: [bad] }));
  await take(await mail({ day: '2026-11-14', policies: [bad] }));
  await take(await mail({ day: '2026-11-15' }));
  expect(notices).toEqual([
    'TLS reports: big.example reports failures of mail to ours.example at mx2.ours.example: certificate-expired, 2 times',
    'TLS reports: big.example reports no more failures of mail to ours.example at mx2.ours.example (certificate-expired)',
  ]);
});

test('reports as others write them come through the mail as well', async () => {
  const file = path.resolve(import.meta.dirname, '../fixtures/tls_reports/45-zip.zip');
  const packed = readFileSync(file).toString('base64').replace(/.{76}/g, '$&\r\n');
  const plain = [
    'From: noreply@big.example',
    'To: tls@ours.example',
    'Subject: a report',
    'MIME-Version: 1.0',
    'Content-Type: application/zip; name="report.zip"',
    'Content-Transfer-Encoding: base64',
    '',
    packed,
    '',
  ].join('\r\n');
  const { signatures } = await signed(plain, {
    // Without a time it takes that of the clock twice, and what it signed is not what it wrote where a second passes in between.
    signTime: now,
    signatureData: [{ signingDomain: 'big.example', selector: 'sel', privateKey: signing.privateKey }],
  });
  expect(await take(signatures + plain)).toMatchObject({ kind: 'taken', managed: 'ours.example' });
});
