import { describe, expect, test } from 'vitest';
import type { Question, RecordType } from '../../src/dns/question';
import { readAnswer } from '../../src/dns/reading';
import { readMessage, WireError } from '../../src/dns/wire';
import { encodeAnswer, type LabAnswer } from './lab_resolver';

function reading(type: RecordType, answer: LabAnswer, name = 'a.example') {
  const question: Question = { name, type };
  return readAnswer(readMessage(encodeAnswer({ id: 1, ...question }, answer)), question);
}

const alias = (name: string, data: string, ttl = 300) => ({ type: 'CNAME' as const, name, data, ttl });
const address = (name: string, data: string, ttl = 300) => ({ type: 'A' as const, name, data, ttl });

describe('data', () => {
  test.each<[RecordType, LabAnswer, unknown]>([
    [
      'A',
      {
        answers: [
          { type: 'A', data: '192.0.2.1' },
          { type: 'A', data: '192.0.2.2' },
        ],
      },
      ['192.0.2.1', '192.0.2.2'],
    ],
    ['AAAA', { answers: [{ type: 'AAAA', data: '2001:db8::1' }] }, ['2001:db8::1']],
    [
      'MX',
      { answers: [{ type: 'MX', data: { preference: 5, exchange: 'MX.example' } }] },
      [{ preference: 5, exchange: 'mx.example' }],
    ],
    [
      'MX',
      { answers: [{ type: 'MX', data: { preference: 0, exchange: '.' } }] },
      [{ preference: 0, exchange: '' }],
    ],
    ['TXT', { answers: [{ type: 'TXT', data: ['ab', 'cd', ''] }] }, ['abcd']],
    ['CNAME', { answers: [{ type: 'CNAME', data: 'b.example' }] }, ['b.example']],
    [
      'TLSA',
      {
        answers: [
          { type: 'TLSA', data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('ab') } },
        ],
      },
      [{ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array([0x61, 0x62]) }],
    ],
  ])('%s', (type, answer, records) => {
    expect(reading(type, answer)).toEqual({ kind: 'records', records, canonicalName: 'a.example', ttl: 300 });
  });

  test('under other names is not the answer', () => {
    expect(reading('A', { soa: 60, answers: [address('b.example', '192.0.2.1')] })).toMatchObject({
      kind: 'denied',
    });
  });

  test('of other types is not the answer, whatever stands beside it', () => {
    const answers = [
      { type: 'TXT' as const, data: ['v=1'] },
      { type: 'A' as const, data: '192.0.2.1' },
      { type: 'AAAA' as const, data: '2001:db8::1' },
    ];
    expect(reading('A', { answers })).toMatchObject({ kind: 'records', records: ['192.0.2.1'] });
    expect(reading('TLSA', { soa: 60, answers })).toMatchObject({ kind: 'denied' });
  });

  test('of another class is not the answer', () => {
    const question: Question = { name: 'a.example', type: 'A' };
    const answers = [{ type: 'A' as const, data: '192.0.2.1' }];
    const message = readMessage(encodeAnswer({ id: 1, ...question }, { soa: 60, answers }));
    const chaos = { ...message, answers: message.answers.map((record) => ({ ...record, class: 3 })) };
    expect(readAnswer(message, question)).toMatchObject({ kind: 'records' });
    expect(readAnswer(chaos, question)).toMatchObject({ kind: 'denied' });
  });
});

describe('aliases', () => {
  test('are followed in any order, and the least TTL counts', () => {
    const answers = [
      address('c.example', '192.0.2.1', 200),
      alias('b.example', 'c.example', 100),
      alias('a.example', 'b.example'),
    ];
    expect(reading('A', { answers })).toEqual({
      kind: 'records',
      records: ['192.0.2.1'],
      canonicalName: 'c.example',
      ttl: 100,
    });
  });

  test('without data or SOA at their end lead to another question', () => {
    expect(reading('A', { answers: [alias('a.example', 'b.example', 30)] })).toEqual({
      kind: 'alias',
      canonicalName: 'b.example',
      ttl: 30,
      hops: 1,
    });
  });

  test.each<[string, LabAnswer, object]>([
    ['NODATA', { soa: 60, answers: [alias('a.example', 'b.example')] }, { denial: 'nodata', ttl: 60 }],
    [
      'NXDOMAIN',
      { rcode: 3, soa: 60, answers: [alias('a.example', 'b.example', 30)] },
      { denial: 'nxdomain', ttl: 30 },
    ],
  ])('the denial at their end is theirs: %s', (_name, answer, expected) => {
    expect(reading('A', answer)).toMatchObject({ kind: 'denied', canonicalName: 'b.example', ...expected });
  });

  test.each<[string, LabAnswer]>([
    ['at once', { answers: [alias('a.example', 'a.example')] }],
    ['after two steps', { answers: [alias('a.example', 'b.example'), alias('b.example', 'a.example')] }],
    [
      'later on',
      {
        answers: [
          alias('a.example', 'b.example'),
          alias('b.example', 'c.example'),
          alias('c.example', 'b.example'),
        ],
      },
    ],
    [
      'never, but too late',
      {
        answers: Array.from({ length: 14 }, (_, i) =>
          alias(i === 0 ? 'a.example' : `${i}.example`, `${i + 1}.example`),
        ),
      },
    ],
  ])('that loop %s are a failure', (_name, answer) => {
    expect(reading('A', answer)).toMatchObject({ kind: 'failed', cause: 'alias_loop' });
  });

  test('are followed twelve times', () => {
    const names = Array.from({ length: 13 }, (_, i) => (i === 0 ? 'a.example' : `${i}.example`));
    const aliases = names.slice(1).map((name, i) => alias(names[i] ?? '', name));
    expect(reading('A', { answers: [...aliases, address('12.example', '192.0.2.1')] })).toMatchObject({
      kind: 'records',
      canonicalName: '12.example',
    });
  });

  test('to a name that does not exist are a denial, also without SOA', () => {
    expect(reading('A', { rcode: 3, answers: [alias('a.example', 'b.example')] })).toMatchObject({
      kind: 'denied',
      denial: 'nxdomain',
      canonicalName: 'b.example',
    });
  });

  test('with two targets are malformed', () => {
    const answers = [alias('a.example', 'b.example'), alias('a.example', 'c.example')];
    expect(reading('A', { answers })).toMatchObject({ kind: 'failed', cause: 'malformed' });
  });
});

describe('denials', () => {
  test.each<[LabAnswer, object]>([
    [{ soa: 60 }, { denial: 'nodata', ttl: 60 }],
    [{}, { denial: 'nodata', ttl: undefined }],
    [
      { rcode: 3, soa: 60 },
      { denial: 'nxdomain', ttl: 60 },
    ],
    [{ rcode: 3 }, { denial: 'nxdomain', ttl: undefined }],
  ])('%j', (answer, expected) => {
    expect(reading('A', answer)).toEqual({ kind: 'denied', canonicalName: 'a.example', ...expected });
  });

  test('NXDOMAIN with records at the name is malformed', () => {
    expect(reading('A', { rcode: 3, answers: [address('a.example', '192.0.2.1')] })).toMatchObject({
      cause: 'malformed',
    });
  });
});

describe('refusals', () => {
  test.each([5, 6, 7, 8, 9, 10, 11, 12, 25])('with the extended error %i are failed validation', (code) => {
    expect(reading('A', { rcode: 2, extendedError: code })).toMatchObject({ kind: 'failed', cause: 'bogus' });
  });

  // An unsupported algorithm is no fault of the signature.
  test.each([1, 2, 4, 13, 24, 26])('with the extended error %i are none', (code) => {
    expect(reading('A', { rcode: 2, extendedError: code })).toMatchObject({ cause: 'servfail' });
  });

  test.each([
    [6, 'SERVFAIL, extended error 6 (DNSSEC bogus)'],
    [25, 'SERVFAIL, extended error 25 (signature expired before valid)'],
    [4711, 'SERVFAIL, extended error 4711'],
  ])('the extended error %i is said in words', (extendedError, why) => {
    expect(reading('A', { rcode: 2, extendedError })).toMatchObject({ why });
  });

  test.each<[LabAnswer, string]>([
    [{ rcode: 2 }, 'servfail'],
    [{ rcode: 2, extendedError: 22 }, 'servfail'],
    [{ rcode: 5 }, 'refused'],
    [{ rcode: 1 }, 'refused'],
    [{ rcode: 4 }, 'refused'],
    [{ rcode: 16 }, 'refused'],
    [{ rcode: 2, answers: [address('a.example', '192.0.2.1')] }, 'servfail'],
  ])('%j', (answer, cause) => {
    expect(reading('A', answer)).toMatchObject({ kind: 'failed', cause });
  });
});

describe('RDATA that lies about its length', () => {
  test.each<[RecordType, string, number]>([
    ['A', 'c00002', 3],
    ['A', 'c000020101', 5],
    ['AAAA', '20010db8', 4],
    ['MX', '000a', 2],
    ['MX', '000a c00c 00', 5],
    ['CNAME', '00ff', 2],
    ['TXT', '', 0],
    ['TXT', '05 6162', 3],
    ['TLSA', '0301', 2],
  ])('%s of %s', (type, data, length) => {
    const question: Question = { name: 'a.example', type };
    const empty = encodeAnswer({ id: 1, ...question }, {});
    // Drop the OPT record, the last 11 octets, and put the record in its place.
    const bytes = Buffer.concat([
      empty.subarray(0, -11),
      Buffer.from('c00c', 'hex'),
      Buffer.from([0, typeNumbers[type] ?? 0, 0, 1, 0, 0, 0, 9, 0, length]),
      Buffer.from(data.replaceAll(' ', ''), 'hex'),
    ]);
    bytes.writeUInt16BE(1, 6);
    bytes.writeUInt16BE(0, 10);
    expect(() => {
      const reading = readAnswer(readMessage(bytes), question);
      if (reading.kind === 'failed') throw new WireError(reading.cause);
    }).toThrow(WireError);
  });
});

const typeNumbers: Partial<Record<RecordType, number>> = {
  A: 1,
  CNAME: 5,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  TLSA: 52,
};
