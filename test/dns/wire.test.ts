import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeQuery } from '../../src/dns/query';
import { parseQuestion, recordTypes } from '../../src/dns/question';
import { readMessage, readMx, readNegativeTtl, readText, readTlsa, WireError } from '../../src/dns/wire';
import { encodeAnswer } from './lab_resolver';

const query = { id: 0x1234, name: 'example.com', type: 'TXT' };

/** A message from hex with spaces. */
function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

const header = (counts: string) => `1234 8180 ${counts}`;
const question = '07 6578616d706c65 03 636f6d 00 0001 0001';
const pointerToQuestion = 'c00c';

describe('a query', () => {
  test('asks recursively, with AD, DO and a payload of 1232 octets', () => {
    const decoded = dnsPacket.decode(encodeQuery(0xabcd, { name: '_25._tcp.mx.example.com', type: 'TLSA' }));
    expect(decoded).toMatchObject({
      id: 0xabcd,
      type: 'query',
      flag_rd: true,
      flag_ad: true,
      flag_cd: false,
      questions: [{ name: '_25._tcp.mx.example.com', type: 'TLSA', class: 'IN' }],
      answers: [],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232, flag_do: true, options: [] }],
    });
  });

  test.each(Object.entries(recordTypes))('for %s carries type %i', (type, number) => {
    const asked = parseQuestion(`example.com ${type}`)!;
    expect(encodeQuery(1, asked).readUInt16BE(12 + 13)).toBe(number);
  });

  test('for the root has an empty name', () => {
    expect(encodeQuery(1, { name: '', type: 'NS' }).subarray(12, 17)).toEqual(hex('00 0002 0001'));
  });
});

describe('a question as text', () => {
  test.each([
    ['. NS', { name: '', type: 'NS' }],
    ['example.com SOA', { name: 'example.com', type: 'SOA' }],
    ['Example.COM. mx', { name: 'example.com', type: 'MX' }],
  ])('%j is read', (text, expected) => expect(parseQuestion(text)).toEqual(expected));

  test.each([[''], ['.'], ['. ANY'], ['a..b NS'], ['example.com'], [`${'a'.repeat(64)}.com NS`], ['a b NS']])(
    '%j is refused',
    (text) => expect(parseQuestion(text)).toBeUndefined(),
  );
});

describe('a well-formed message', () => {
  test('is read whole', () => {
    const bytes = encodeAnswer(query, {
      ad: true,
      answers: [{ type: 'TXT', ttl: 9, data: ['v=STSv1; ', 'id=1;'] }],
    });
    const message = readMessage(bytes);
    expect(message.header).toMatchObject({ id: 0x1234, isResponse: true, authenticData: true });
    expect(message.question).toMatchObject({ name: 'example.com', type: 16, class: 1 });
    expect(message.answers).toMatchObject([{ name: 'example.com', type: 16, class: 1, ttl: 9 }]);
    expect(readText(bytes, message.answers[0]!)).toBe('v=STSv1; id=1;');
  });

  test('names are lower case whatever the case on the wire', () => {
    const shouted = question.replace('6578616d706c65', '4558414d504c45');
    expect(readMessage(hex(header('0001 0000 0000 0000') + shouted)).question.name).toBe('example.com');
  });

  test('holds the extended RCODE and the Extended DNS Errors of its OPT record', () => {
    const message = readMessage(encodeAnswer(query, { rcode: 0x123, extendedError: 7 }));
    expect([message.rcode, message.extendedErrors]).toEqual([0x123, [7]]);
  });

  test('a denial lasts for the lesser of the TTL and the MINIMUM of its SOA', () => {
    const bytes = hex(
      header('0001 0000 0001 0000') +
        question +
        `${pointerToQuestion} 0006 0001 00000e10 0018 c00c c00c 00000001 00000002 00000003 00000004 0000003c`,
    );
    expect(readNegativeTtl(bytes, readMessage(bytes).soas[0]!)).toBe(60);
  });

  test('a TTL with the high bit set counts as zero', () => {
    const bytes = hex(
      header('0001 0001 0000 0000') + question + `${pointerToQuestion} 0001 0001 80000000 0004 c0000201`,
    );
    expect(readMessage(bytes).answers[0]?.ttl).toBe(0);
  });

  test('owner names outside the answer section may hold any octet', () => {
    const nsec = '03 00 2e ff 00 002f 0001 00000001 0000';
    expect(() => readMessage(hex(header('0001 0000 0001 0000') + question + nsec))).not.toThrow();
  });
});

describe('malformed:', () => {
  test.each([
    ['an empty message', ''],
    ['half a header', '1234 8180 0001'],
    ['no question', header('0000 0000 0000 0000')],
    ['two questions', header('0002 0000 0000 0000') + question + question],
    ['65,535 records in 12 octets', header('ffff ffff ffff ffff')],
    [
      'a record short',
      header('0001 0002 0000 0000') + question + `${pointerToQuestion} 0001 0001 00000001 0004 c0000201`,
    ],
    [
      'a record too many',
      header('0001 0000 0000 0000') + question + `${pointerToQuestion} 0001 0001 00000001 0004 c0000201`,
    ],
    ['octets left over', header('0001 0000 0000 0000') + question + '00'],
    [
      'a name that points at itself',
      header('0001 0001 0000 0000') + question + 'c01d 0001 0001 00000001 0004 c0000201',
    ],
    [
      'a name that points forward',
      header('0001 0001 0000 0000') + question + 'c0ff 0001 0001 00000001 0004 c0000201',
    ],
    [
      'a label type of 01',
      header('0001 0001 0000 0000') + question + '41 00 0001 0001 00000001 0004 c0000201 0000',
    ],
    [
      'a label that holds a dot',
      header('0001 0001 0000 0000') + question + '03 612e62 00 0001 0001 00000001 0004 c0000201',
    ],
    [
      'a label that holds a NUL',
      header('0001 0001 0000 0000') + question + '01 00 00 0001 0001 00000001 0004 c0000201',
    ],
    [
      'RDATA past the end',
      header('0001 0001 0000 0000') + question + `${pointerToQuestion} 0001 0001 00000001 00ff c0000201`,
    ],
    ['two OPT records', header('0001 0000 0000 0002') + question + '00 0029 04d0 00000000 0000'.repeat(2)],
    [
      'an OPT record at a name',
      header('0001 0000 0000 0001') + question + `${pointerToQuestion} 0029 04d0 00000000 0000`,
    ],
    [
      'an EDNS option past its record',
      header('0001 0000 0000 0001') + question + '00 0029 04d0 00000000 0004 000f 0002',
    ],
    [
      'an Extended DNS Error of one octet',
      header('0001 0000 0000 0001') + question + '00 0029 04d0 00000000 0005 000f 0001 00',
    ],
  ])('%s', (_name, text) => {
    expect(() => readMessage(hex(text))).toThrow(WireError);
  });

  test('more records than any RRset for mail has', () => {
    const record = `${pointerToQuestion} 0001 0001 00000001 0004 c0000201`;
    expect(() =>
      readMessage(hex(header('0001 03e8 0000 0000') + question + record.repeat(1000))),
    ).not.toThrow();
    expect(() => readMessage(hex(header('0001 03e9 0000 0000') + question + record.repeat(1001)))).toThrow(
      WireError,
    );
  });

  test('a name of more than 255 octets', () => {
    const label = `3f ${'61'.repeat(63)}`;
    const name = (labels: number, rest: number) =>
      `${label.repeat(labels)} ${rest.toString(16)} ${'61'.repeat(rest)} 00`;
    const message = (owner: string) => hex(`${header('0001 0000 0000 0000')} ${owner} 0001 0001`);
    expect(readMessage(message(name(3, 61))).question.name).toHaveLength(253);
    expect(() => readMessage(message(name(3, 62)))).toThrow(WireError);
  });

  test('a TLSA record of two octets', () => {
    expect(() => readTlsa(hex('0301'), { start: 0, end: 2 })).toThrow(WireError);
  });

  test('a character-string that runs past its record', () => {
    expect(() => readText(hex('05 6162 ffffff'), { start: 0, end: 3 })).toThrow(WireError);
  });
});

describe('any octets', () => {
  test('are read or refused, with no other error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, plausible) => {
        if (plausible && bytes.length > 12) bytes.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
        try {
          readMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
  const name = fc
    .array(label, { minLength: 1, maxLength: 5 })
    .map((labels) => labels.join('.'))
    .filter((text) => text.length <= 253);

  test('two exchanges are written alike only where they are the same but for case', () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 });
    const read = (name: readonly Uint8Array[]) => {
      const bytes = Buffer.concat([
        Buffer.alloc(2),
        ...name.flatMap((one) => [Buffer.of(one.length), one]),
        Buffer.of(0),
      ]);
      return readMx(bytes, { start: 0, end: bytes.length }).exchange;
    };
    const folded = (name: readonly Uint8Array[]) =>
      JSON.stringify(
        name.map((one) =>
          Buffer.from(one)
            .toString('latin1')
            .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
        ),
      );
    fc.assert(
      fc.property(labels, labels, (one, other) => {
        expect(read(one)).toMatch(/^[!-~]+$/);
        expect(read(one) === read(other)).toBe(folded(one) === folded(other));
      }),
      { numRuns: 2000 },
    );
    expect(read([Buffer.from('a.b')])).toBe('a\\046b');
  });

  test('what dns-packet writes is read as it was meant', () => {
    fc.assert(
      fc.property(name, fc.array(fc.tuple(fc.nat(65535), name), { maxLength: 8 }), (owner, exchanges) => {
        const answers = exchanges.map(([preference, exchange]) => ({
          type: 'MX' as const,
          data: { preference, exchange },
        }));
        const message = readMessage(encodeAnswer({ id: 1, name: owner, type: 'MX' }, { answers }));
        expect(message.question.name).toBe(owner);
        expect(message.answers.map((record) => record.name)).toEqual(exchanges.map(() => owner));
      }),
      { numRuns: 300 },
    );
  });
});
