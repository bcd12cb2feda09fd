import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reportOf } from '../../src/tlsrpt/document';
import { readSessionLine, sessionLines } from '../../src/tlsrpt/lines';
import { kindText, parseKind, SessionTable, type SessionKind } from '../../src/tlsrpt/session_table';
import type { CountedResult } from '../../src/tlsrpt/session';
import type { Day } from '../../src/peers/day';
import { times } from '../support/times';
import { anyText } from '../support/any_text';

const text = anyText({ maxLength: 40 });
const details = fc.record({ mxHost: text, receivingIp: text, sendingIp: text, helo: text });

test('a kind reads back as it was written, whatever a peer calls itself', () => {
  fc.assert(
    fc.property(details, text, (of, code) => {
      const kind: SessionKind = {
        mode: 'on',
        policy: 'n',
        result: { type: 'validation-failure', code },
        details: of,
      };
      const written = kindText(kind);
      expect(written).toMatch(/^[^\s=]+$/);
      const plain = (one: string): string => Buffer.from(one).toString();
      expect(parseKind(written)).toEqual({
        ...kind,
        result: { type: 'validation-failure', code: plain(code) },
        details: Object.fromEntries(Object.entries(of).map(([key, one]) => [key, plain(one)])),
      });
    }),
    { numRuns: 200 * times },
  );
});

const one = (domain: string, changes: Partial<CountedResult> = {}): CountedResult => ({
  domain,
  mode: 'on',
  policy: { type: 'sts', domain, text: ['version: STSv1', 'mode: testing', 'mx: ünïcode'], mx: ['mx'] },
  result: 'success',
  details: {
    mxHost: 'mx.peer.example',
    receivingIp: '192.0.2.1',
    sendingIp: '192.0.2.2',
    helo: 'a\r\nb "\u0000',
  },
  ...changes,
});

const failure = { type: 'certificate-expired', code: '' } as const;

test('lines add up to what was counted, and a damaged one costs that one', () => {
  const table = new SessionTable(100);
  for (let at = 0; at < 30; at++) table.add(one('a.example', at % 3 === 0 ? { result: failure } : {}));
  table.add(one('b.example', { policy: { type: 'no-policy-found', domain: 'b.example' } }));
  const lines = [...sessionLines(table)].map((line) => line.trimEnd());
  const read = new SessionTable(100);
  for (const line of [...lines, 'nonsense', `${lines[0]}x`, ''])
    if (readSessionLine(read, line) === 'damaged') expect(lines).not.toContain(line);
  expect([...read.rows()]).toEqual([...table.rows()]);
});

test('what a peer calls itself cannot break a report', () => {
  const table = new SessionTable(100);
  table.add(one('a.example', { result: failure }));
  const sessions = table.get('a.example');
  if (sessions === undefined) throw new Error('it is not there');
  const reporter = { organization: 'Ours', contact: 'me@ours.example', host: 'h' };
  const report = reportOf(reporter, '2026-11-01' as Day, 'a.example', sessions);
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({
    'contact-info': 'me@ours.example',
    policies: [
      {
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': 1 },
        'failure-details': [{ 'result-type': 'certificate-expired', 'receiving-mx-helo': 'a\r\nb "\u0000' }],
      },
    ],
  });
});

test('nothing that peers do makes it grow beyond its bounds, and no session is lost by that', () => {
  const table = new SessionTable(50);
  for (let at = 0; at < 5_000; at++) {
    const helo = `host${at}`;
    const policy = {
      type: 'sts',
      domain: 'a.example',
      text: [`x${at % 40}`, 'y'.repeat(9_000)],
      mx: [],
    } as const;
    table.add(one('a.example', { policy, result: failure, details: { ...one('').details, helo } }));
    table.add(one(`p${at}.example`));
  }
  expect(table.size).toBeLessThanOrEqual(50 + 64);
  const busiest = table.get('a.example');
  expect(busiest?.policies.size).toBe(16);
  expect(busiest?.counts.size).toBeLessThan(64 + 16 * 11);
  const sum = [...(busiest?.counts.values() ?? [])].reduce((all, count) => all + count, 0);
  expect(sum).toBe((5_000 / 40) * 16);
  for (const line of sessionLines(table)) expect(line.length).toBeLessThan(16_384);
});
