import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeReportKey } from '../../src/cli/access/report_key';
import { reportKeyRecords, reportRemarks, reportsOf } from '../../src/cli/report_records';
import { unquoted } from '../../src/cli/zone';
import type { Answer } from '../../src/dns/types';
import { loadSettings } from '../../src/settings/load/load';
import { isSameKey } from '../../src/tlsrpt/key_record';
import { dkimConfig, signingKey } from '../reports/support/dkim';
import { memorySource } from '../settings/memory_source';

const signing = signingKey();
const other = signingKey();
const named = 'sel._domainkey.ours.example';
const sends = 'organization = Ours\ncontact = me@ours.example\nfrom = tls@reports.ours.example\n';

let config: string;
let bare: string;
beforeAll(() => {
  config = mkdtempSync(path.join(tmpdir(), 'tls-peers-records-'));
  bare = mkdtempSync(path.join(tmpdir(), 'tls-peers-records-'));
  mkdirSync(path.join(config, 'dkim/ours.example'), { recursive: true });
  for (const [file, text] of Object.entries(dkimConfig('ours.example', signing)))
    writeFileSync(path.join(config, file), text);
});
afterAll(() => {
  for (const directory of [config, bare]) rmSync(directory, { recursive: true });
});

/** By name what is published; `failed` where nobody answers. */
type Published = Readonly<Record<string, readonly string[] | 'failed'>>;

function remarks(ini: string, published: Published, keys = config): Promise<string[]> {
  const { settings, faults } = loadSettings(memorySource({ 'tls-peers.ini': `[tls_reports]\n${ini}` }));
  expect(faults).toEqual([]);
  const txt = (name: string): Promise<Answer<string>> => {
    const found = published[name];
    if (found === 'failed') return Promise.resolve({ kind: 'failed', cause: 'servfail', detail: 'SERVFAIL' });
    return Promise.resolve(
      found === undefined
        ? { kind: 'denied', secure: false, denial: 'nxdomain', canonicalName: name, ttl: 60 }
        : { kind: 'records', secure: false, records: found, canonicalName: name, ttl: 60 },
    );
  };
  return reportRemarks({ txt }, settings.global, 'ours.example', keys);
}

test.each([
  ['nothing', undefined, []],
  ['text of others', ['v=spf1 -all'], []],
  ['what is received', ['v=TLSRPTv1; rua=mailto:tls@ours.example'], []],
  ['what is received, among others', ['v=TLSRPTv1;rua=https://x.example/,mailto:tls@ours.example'], []],
  [
    'an address that nobody here reads',
    ['v=TLSRPTv1; rua=mailto:old@ours.example'],
    ['no report comes to tls@ours.example, which [tls_reports] receive reads'],
  ],
  [
    'an address without its scheme beside a good one',
    ['v=TLSRPTv1; rua=tls@ours.example,mailto:tls@ours.example'],
    ['tls@ours.example: has no scheme: mailto: or https: is needed'],
  ],
  [
    'an address without its scheme',
    ['v=TLSRPTv1; rua=tls@ours.example'],
    ['tls@ours.example: has no scheme: mailto: or https: is needed, so nobody reports'],
  ],
  [
    'two',
    ['v=TLSRPTv1; rua=mailto:tls@ours.example', 'v=TLSRPTv1; rua=mailto:b@ours.example'],
    ['2 records begin with v=TLSRPTv1, exactly one may, so nobody reports'],
  ],
  [
    'another version',
    ['v=TLSRPTv2; rua=mailto:tls@ours.example'],
    ['"v=TLSRPTv2; rua=mailto:tls@ours.example" does not begin with "v=TLSRPTv1;", so nobody reports'],
  ],
  ['no rua', ['v=TLSRPTv1; ruf=mailto:tls@ours.example'], ['it has no rua, so nobody reports']],
])('where %s is published, records says so', async (_, texts, said) => {
  const found = await remarks(
    'receive = tls@ours.example\n',
    texts === undefined ? {} : { '_smtp._tls.ours.example': texts },
  );
  expect(found).toEqual(said.map((text) => `_smtp._tls.ours.example.: ${text}`));
});

test.each([
  ['is for all services', [signing.record], []],
  ['is for reports', [signing.record.replace('p=', 's=email:tlsrpt; p=')], []],
  ['names all services', [signing.record.replace('p=', 's=*; p=')], []],
  ['is written as the bare key of PKCS #1', [pkcs1(signing.record)], []],
  ['is there beside an older one', [other.record, signing.record], []],
  [
    'is for mail alone',
    [signing.record.replace('p=', 's=email; p=')],
    [`${named}.: s= excludes tlsrpt, so receivers may ignore the TLS reports of tls@reports.ours.example`],
  ],
  [
    'is another one',
    [other.record],
    [
      `${named}. publishes another key than the one that signs: receivers ignore the reports of tls@reports.ours.example`,
    ],
  ],
  [
    'is withdrawn',
    ['v=DKIM1; p='],
    [
      `${named}. publishes another key than the one that signs: receivers ignore the reports of tls@reports.ours.example`,
    ],
  ],
  [
    'cannot be looked up',
    'failed' as const,
    [`${named}.: the key that signs TLS reports could not be looked up: SERVFAIL`],
  ],
  [
    'is not there',
    undefined,
    [`${named}. has no record, so receivers ignore the TLS reports of tls@reports.ours.example`],
  ],
])('where the key of reports %s, records says so', async (_, published, said) => {
  expect(await remarks(sends, published === undefined ? {} : { [named]: published })).toEqual(said);
});

test('the record of the key that signs is to be published, and is known again as others write it', () => {
  const { settings } = loadSettings(memorySource({ 'tls-peers.ini': `[tls_reports]\n${sends}` }));
  const [record, ...more] = reportKeyRecords(settings.global, 'ours.example', config);
  expect(more).toEqual([]);
  expect(record).toMatchObject({ owner: named, type: 'TXT' });
  const text = unquoted(record?.data ?? '');
  expect(text).toBe(signing.record);
  expect(isSameKey(pkcs1(signing.record), text)).toBe(true);
  expect(isSameKey(other.record, text)).toBe(false);
  expect(isSameKey('v=DKIM1; p=', text)).toBe(false);
  expect(reportKeyRecords(settings.global, 'other.example', config)).toEqual([]);
  expect(reportKeyRecords(settings.global, 'ours.example', bare)).toEqual([]);
});

test.each([
  ['nothing', '', 'bare', 0],
  ['reports, and a key', sends, 'config', 0],
  ['reports, and no key', sends, 'bare', 1],
  ['the selector alone', `${sends}dkim_selector = sel\n`, 'config', 1],
  ['a key that is not there', `${sends}dkim_selector = sel\ndkim_key_file = gone.pem\n`, 'config', 1],
] as const)('with %s lint has its findings about the key', (_, ini, keys, findings) => {
  const { settings } = loadSettings(memorySource({ 'tls-peers.ini': `[tls_reports]\n${ini}` }));
  const found = judgeReportKey(settings, keys === 'bare' ? bare : config);
  expect(found).toHaveLength(findings);
  for (const { severity, fault } of found) {
    expect(severity).toBe('warning');
    expect(fault.problem).toMatch(/^no TLS report is sent by mail: /);
  }
});

test('without a key, and where reports are another domain’s affair', async () => {
  expect(await remarks(sends, {}, bare)).toEqual([
    'TLS reports are not sent by mail: there is no DKIM key for reports.ours.example: neither dkim_selector and dkim_key_file are set, nor are there selector and private in config/dkim/reports.ours.example',
  ]);
  expect(await remarks(sends.replaceAll('ours.example', 'other.example'), {}, bare)).toEqual([]);
});

test.each([
  ['', 'mailto:tls-reports@ours.example'],
  [
    'receive = a@elsewhere.example, b@elsewhere.example\n',
    'mailto:a@elsewhere.example,mailto:b@elsewhere.example',
  ],
  ['receive = a@elsewhere.example, b@ours.example\n', 'mailto:b@ours.example'],
])('with %j, reports are asked for at %s', (ini, wanted) => {
  const { settings } = loadSettings(memorySource({ 'tls-peers.ini': `[tls_reports]\n${ini}` }));
  expect(reportsOf(settings.global, 'ours.example')).toBe(wanted);
});

/** Without the 24 octets that say which algorithm the key is for. */
function pkcs1(record: string): string {
  return record.replace(/p=(.*)$/, (_, key: string) => {
    return `p=${Buffer.from(key, 'base64').subarray(24).toString('base64')}`;
  });
}
