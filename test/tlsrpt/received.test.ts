import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { unpack } from '../../src/reports/receive/unpack';
import { readReport, receivedBounds, type ReceivedReport } from '../../src/tlsrpt/received';

const directory = path.resolve(import.meta.dirname, '../fixtures/tls_reports');

interface Expected {
  readonly organization: string;
  readonly begin: string;
  readonly policies: readonly unknown[];
}

const expected = JSON.parse(readFileSync(path.join(directory, 'expected.json'), 'utf8')) as Record<
  string,
  Expected
>;

function figures({ organization, begin, policies }: ReceivedReport): Expected {
  return {
    organization,
    begin: new Date(begin).toISOString(),
    policies: policies.map(({ type, domain, successful, failed, failures }) => [
      type,
      domain,
      successful,
      failed,
      failures.map((one) => [one.type, one.mxHost, one.count]),
    ]),
  };
}

test.each(Object.entries(expected))('%s reads as it was meant', async (file, meant) => {
  const read = readReport(await unpack(readFileSync(path.join(directory, file))));
  expect(read).toMatchObject({ kind: 'report' });
  if (read.kind === 'report') expect(figures(read.report)).toEqual(meant);
});

test('every file is among those', () => {
  const files = readdirSync(directory).filter((name) => name !== 'expected.json');
  expect(files).toEqual(Object.keys(expected).sort());
  expect(files.length).toBeGreaterThanOrEqual(40);
});

const whole = {
  'date-range': { 'start-datetime': '2026-11-01T00:00:00Z', 'end-datetime': '2026-11-01T23:59:59Z' },
  policies: [{ policy: { 'policy-type': 'sts' }, summary: {} }],
};

test.each([
  ['', 'it is no JSON'],
  ['{', 'it is no JSON'],
  ['[]', 'it is no object'],
  ['null', 'it is no object'],
  ['{}', 'it has no date-range'],
  [JSON.stringify({ ...whole, policies: [] }), 'it has no policies'],
  [JSON.stringify({ ...whole, policies: [7, null, 'x'] }), 'it has no policies'],
  [
    JSON.stringify({ ...whole, policies: [{ summary: { 'total-failure-session-count': -1 } }] }),
    'it has no policies',
  ],
  [
    JSON.stringify({
      ...whole,
      'date-range': { 'start-datetime': '2026-11-02', 'end-datetime': '2026-11-01' },
    }),
    'its date-range is none of a report',
  ],
  [
    JSON.stringify({
      ...whole,
      'date-range': { 'start-datetime': '2020-11-02', 'end-datetime': '2026-11-01' },
    }),
    'its date-range is none of a report',
  ],
  ['['.repeat(100_000), 'it is nested too deeply'],
  [`{"a":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`, 'it is nested too deeply'],
])('%.40s is not read: %s', (text, problem) => {
  expect(readReport(text)).toEqual({ kind: 'unreadable', problem });
});

test('no more is taken of a report than there are bounds for', () => {
  const details = Array.from({ length: 300 }, () => ({
    'result-type': 'x'.repeat(500),
    'failed-session-count': 1,
  }));
  const lines = Array.from({ length: 300 }, () => 'y'.repeat(500));
  const first = { policy: { 'policy-string': lines }, summary: {}, 'failure-details': details };
  const policies = [first, ...Array.from({ length: 150 }, () => ({ policy: {}, summary: {} }))];
  const read = readReport(JSON.stringify({ ...whole, policies }));
  if (read.kind !== 'report') throw new Error(read.problem);
  expect(read.report.policies).toHaveLength(receivedBounds.policies);
  const [one] = read.report.policies;
  expect(one?.failures).toHaveLength(receivedBounds.failures);
  expect(one?.failures[0]?.type).toHaveLength(64);
  expect(one?.text).toHaveLength(receivedBounds.lines);
  expect(one?.text[0]).toHaveLength(255);
});

test('what is too large once it is unpacked is not unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(receivedBounds.bytes + 1, 0x20));
  await expect(unpack(bomb)).rejects.toThrow('it is too large once it is unpacked');
  const zip = readFileSync(
    path.join(directory, Object.keys(expected).find((name) => name.endsWith('-zip.zip')) ?? ''),
  );
  await expect(unpack(zip.subarray(0, zip.length - 30))).rejects.toThrow('it cannot be unpacked');
});
