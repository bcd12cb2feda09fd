/** Replies, as bytes and as what is made of them for people. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  answerOf,
  answerText,
  classOf,
  maxLineLength,
  maxReplyLength,
  maxReplyLines,
  ReplyReader,
  type Reply,
  type ReplyEvent,
} from '../../src/smtp/reply';
import { times } from '../support/times';
import { anyText } from '../support/any_text';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Latin-1: a character is an octet. */
function read(...chunks: (string | Uint8Array)[]): ReplyEvent[] {
  const reader = new ReplyReader();
  return chunks.flatMap((chunk) => [
    ...reader.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk),
  ]);
}

/** `250 text` for a reply, its lines with ` / ` between them; what is malformed as it is told. */
function told(events: readonly ReplyEvent[]): string[] {
  return events.map((event) =>
    event.kind === 'reply'
      ? `${event.reply.code} ${event.reply.lines.join(' / ')}`
      : `malformed: ${event.text}`,
  );
}

describe('a reply', () => {
  it.each([
    ['one line', '250 ok\r\n', ['250 ok']],
    ['several lines', '250-a\r\n250-b\r\n250 c\r\n', ['250 a / b / c']],
    ['lines of which the last has the code that counts', '250-a\r\n251-b\r\n252 c\r\n', ['252 a / b / c']],
    ['a bare code', '250\r\n', ['250 ']],
    ['a bare code as the last line', '250-a\r\n250\r\n', ['250 a / ']],
    ['a code and a blank', '250 \r\n', ['250 ']],
    ['a code and a hyphen, then another', '250-\r\n250 \r\n', ['250  / ']],
    ['a bare line feed', '250 ok\n', ['250 ok']],
    ['a bare carriage return within', '250 a\rb\r\n', ['250 a\rb']],
    ['two carriage returns', '250 ok\r\r\n', ['250 ok\r']],
    ['NUL', '250 a\0b\r\n', ['250 a\0b']],
    ['several in one chunk', '250 a\r\n354 b\r\n421 c\r\n', ['250 a', '354 b', '421 c']],
    ['the lowest and the highest code', '200 a\r\n599 b\r\n', ['200 a', '599 b']],
    ['an unfinished reply', '250-a\r\n', []],
    ['an unfinished line', '250 ok', []],
    ['a line of which only the line feed is missing', '250 ok\r', []],
    ['nothing', '', []],
  ])('may be %s', (_name, bytes, expected) => {
    expect(told(read(bytes))).toEqual(expected);
  });

  it.each([
    ['a word', 'ugh\r\n', 'something that is no SMTP reply: ugh'],
    ['an empty line', '\r\n', 'something that is no SMTP reply: '],
    ['a code that begins with 6', '650 x\r\n', 'something that is no SMTP reply: 650 x'],
    ['a code that begins with 1', '150 x\r\n', 'something that is no SMTP reply: 150 x'],
    ['two digits', '25 ok\r\n', 'something that is no SMTP reply: 25 ok'],
    ['four digits', '2500 ok\r\n', 'something that is no SMTP reply: 2500 ok'],
    ['a tab behind the code', '250\tok\r\n', 'something that is no SMTP reply: 250\\u{9}ok'],
    ['a blank before the code', ' 250 ok\r\n', 'something that is no SMTP reply:  250 ok'],
    ['digits of another script', '\u00b250 ok\r\n', 'something that is no SMTP reply: \ufffd50 ok'],
    ['NUL before the code', '\x00250 ok\r\n', 'something that is no SMTP reply: \\u{0}250 ok'],
    ['a second line that is none', '250-a\r\nugh\r\n', 'something that is no SMTP reply: ugh'],
    ['yes and no', '250-yes\r\n550 no\r\n', 'a reply that contradicts itself: 550 no'],
    ['later and no', '450-later\r\n550 no\r\n', 'a reply that contradicts itself: 550 no'],
    ['yes and go on', '250-yes\r\n354 go\r\n', 'a reply that contradicts itself: 354 go'],
    [
      'a long line of garbage',
      `${'x'.repeat(300)}\r\n`,
      `something that is no SMTP reply: ${'x'.repeat(80)}...`,
    ],
  ])('is not %s; what follows is not read', (_name, bytes, expected) => {
    expect(told(read('220 hi\r\n', `${bytes}250 ok\r\n`, '250 ok\r\n'))).toEqual([
      '220 hi',
      `malformed: ${expected}`,
    ]);
  });

  it('is UTF-8 where it can be, and says so where it cannot', () => {
    expect(told(read(Buffer.from('250 grüße\r\n')))).toEqual(['250 grüße']);
    expect(told(read('250 a\xff\xc3b\r\n'))).toEqual(['250 a\ufffd\ufffdb']);
    const cut = Buffer.from('250 ü\r\n');
    expect(told(read(cut.subarray(0, 5), cut.subarray(5)))).toEqual(['250 ü']);
  });

  it('says how many octets came behind it', () => {
    expect(read('220 go\r\n250 x')).toMatchObject([{ excess: 5 }]);
    expect(read('220 go\r\n\n')).toMatchObject([{ excess: 1 }, { kind: 'malformed' }]);
    expect(read('220 go\r\n')).toMatchObject([{ excess: 0 }]);
    expect(read('250 a\r\n250 b\r\n')).toMatchObject([{ excess: 7 }, { excess: 0 }]);
    expect(read('220 go\r\n', '250 x\r\n')).toMatchObject([{ excess: 0 }, { excess: 0 }]);
  });
});

it.each([
  ['', false],
  ['2', true],
  ['250 ok', true],
  ['250 ok\r', true],
  ['250 ok\r\n', false],
  ['250-ok\r\n', true],
  ['250-ok\r\n250 ok\r\n', false],
  ['250 ok\r\n\r', true],
])('%j ends within a reply: %s', (bytes, within) => {
  const reader = new ReplyReader();
  for (const octet of Buffer.from(bytes)) Array.from(reader.push(Uint8Array.of(octet)));
  expect(reader.isWithinReply()).toBe(within);
});

describe('limits', () => {
  const line = (octets: number) => `250 ${'x'.repeat(octets - 4)}`;
  const tooLong = ['malformed: a line of more than 4096 octets'];

  it('are those of the documentation', () => {
    expect([maxLineLength, maxReplyLength, maxReplyLines]).toEqual([4096, 65_536, 200]);
  });

  it.each([
    ['CRLF', '\r\n'],
    ['a bare LF', '\n'],
  ])('a line has 4096 octets before %s', (_name, end) => {
    expect(told(read(line(4096) + end))).toEqual([line(4096)]);
    expect(told(read(line(4097) + end))).toEqual(tooLong);
    expect(told(read(line(4096), end))).toEqual([line(4096)]);
    expect(told(read(line(4097), end))).toEqual(tooLong);
  });

  it('a line without end is no reply as soon as it is too long', () => {
    expect(told(read(line(4096), 'xx'))).toEqual(tooLong);
    expect(told(read('x'.repeat(4_000_000)))).toEqual(tooLong);
  });

  it('a reply has 200 lines', () => {
    const lines = (count: number) => `${'250-x\r\n'.repeat(count - 1)}250 x\r\n`;
    expect(read(lines(200))).toMatchObject([{ kind: 'reply' }]);
    expect(told(read(lines(201)))).toEqual(['malformed: a reply of more than 200 lines']);
    expect(told(read('250-x\r\n'.repeat(1000)))).toEqual(['malformed: a reply of more than 200 lines']);
    expect(read(lines(200) + lines(200))).toMatchObject([{ kind: 'reply' }, { kind: 'reply' }]);
  });

  it('a reply has 64 KB, line ends included', () => {
    const block = (octets: number) => `250-${'x'.repeat(octets - 6)}\r\n`;
    const whole = (octets: number) => block(4096).repeat(15) + block(octets - 15 * 4096 - 8) + '250 ok\r\n';
    expect(whole(65_536)).toHaveLength(65_536);
    expect(read(whole(65_536))).toMatchObject([{ kind: 'reply' }]);
    expect(told(read(whole(65_537)))).toEqual(['malformed: a reply of more than 64 KB']);
    expect(read(whole(65_536) + whole(65_536))).toMatchObject([{ kind: 'reply' }, { kind: 'reply' }]);
  });
});

/** Cut at `cuts`, which may be anything. */
function chunksOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...edges].map((start, index) => bytes.subarray(start, edges[index] ?? bytes.length));
}

const octets = (bytes: Uint8Array) => Array.from(bytes, (_octet, at) => bytes.subarray(at, at + 1));

/** Replies, nearly replies and anything else; long lines and long replies among them. */
const anyBytes: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom('250', '250', '251', '354', '450', '550', '650', '25'),
          fc.constantFrom(' ', '-', '-', '', '\t'),
          anyText({ maxLength: 8 }),
          fc.constantFrom('\r\n', '\r\n', '\n', '\r', ''),
        )
        .map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 12 }),
      fc.integer({ min: 4088, max: 4100 }).map((length) => Buffer.from(`250-${'x'.repeat(length - 4)}\r\n`)),
      fc.integer({ min: 1, max: 210 }).map((count) => Buffer.from('250-\r\n'.repeat(count))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

describe('bytes', () => {
  it('give the same replies however they are cut', () => {
    fc.assert(
      fc.property(anyBytes, fc.array(fc.nat(), { maxLength: 20 }), (bytes, cuts) => {
        const whole = told(read(bytes));
        expect(told(read(...chunksOf(bytes, cuts)))).toEqual(whole);
        expect(told(read(...octets(bytes)))).toEqual(whole);
      }),
      { numRuns: 60 * times },
    );
  });

  it('give replies, and at most one that is none, which is the last', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const events = read(bytes);
        for (const [at, event] of events.entries()) {
          if (event.kind === 'malformed') expect(at).toBe(events.length - 1);
          else {
            expect(event.reply.code).toMatch(/^[2-5]\d\d$/);
            expect(event.reply.lines.length).toBeGreaterThan(0);
            expect(event.reply.lines.length).toBeLessThanOrEqual(maxReplyLines);
          }
        }
      }),
      { numRuns: 60 * times },
    );
  });

  it('that belong to no line yet are not looked at again with every chunk', () => {
    const concat = vi.spyOn(Buffer, 'concat');
    const bytes = Buffer.from(`${line(4000, '-')}${line(4000, ' ')}`.repeat(4));
    expect(read(...octets(bytes))).toHaveLength(4);
    // A line is put together once, when it is there.
    expect(concat).toHaveBeenCalledTimes(8);
    const copied = concat.mock.calls
      .flatMap(([pieces]) => pieces)
      .reduce((sum, piece) => sum + piece.length, 0);
    expect(copied).toBeLessThanOrEqual(bytes.length);
  });

  it('cost the same in long lines as in short ones, an octet at a time', () => {
    // Eight times the octets in lines eight times as long: eight times the work, or sixty-four where each chunk costs the line.
    const short = octets(Buffer.from(`${line(500, '-').repeat(7)}${line(500, ' ')}`));
    const long = octets(Buffer.from(`${line(4000, '-').repeat(7)}${line(4000, ' ')}`));
    const cost = (chunks: readonly Uint8Array[]) => {
      const start = process.cpuUsage();
      for (let round = 0; round < 4; round++) expect(read(...chunks)).toHaveLength(1);
      const { user, system } = process.cpuUsage(start);
      return user + system;
    };
    cost(long);
    const ratios = Array.from({ length: 5 }, () => cost(long) / cost(short));
    // The best of several: the machine has other things to do.
    expect(Math.min(...ratios)).toBeLessThan(16);
  });

  function line(length: number, separator: string): string {
    return `250${separator}${'x'.repeat(length - 6)}\r\n`;
  }
});

describe('an answer', () => {
  const reply = (text: string): Reply => {
    const [event] = read(Buffer.from(text.split(' / ').join('\r\n') + '\r\n'));
    if (event?.kind !== 'reply') throw new Error(`no reply: ${text}`);
    return event.reply;
  };

  it.each([
    ['200', 'positive'],
    ['250', 'positive'],
    ['299', 'positive'],
    ['300', 'intermediate'],
    ['354', 'intermediate'],
    ['421', 'transient'],
    ['499', 'transient'],
    ['500', 'permanent'],
    ['554', 'permanent'],
  ])('%s is %s', (code, expected) => {
    expect(classOf(reply(code))).toBe(expected);
  });

  it.each([
    ['550 5.1.1 No such user', '5.1.1', 'No such user'],
    ['550 #5.1.1 No such user', '5.1.1', 'No such user'],
    ['550-5.7.1 Not / 550 5.7.1 today', '5.7.1', 'Not today'],
    ['550-5.7.1 See / 550 https://help.example/', '5.7.1', 'See https://help.example/'],
    ['550-5.0.0 A / 550 5.7.1 B', '5.7.1', 'A B'],
    ['550-5.7.1 A / 550 4.0.0 B', '5.7.1', 'A B'],
    ['550 4.7.1 of another class', '', 'of another class'],
    ['550 2.0.0 ok', '', 'ok'],
    ['354 2.0.0 go', '', 'go'],
    ['550 5.123.456 long', '5.123.456', 'long'],
    ['550 5.1234.1 too long', '', '5.1234.1 too long'],
    ['550 5.1 too short', '', '5.1 too short'],
    ['550 5.1.1', '5.1.1', ''],
    ['550 5.1.1.1 an address', '', '5.1.1.1 an address'],
    ['550 see 5.1.1 there', '', 'see 5.1.1 there'],
    ['550 No such user', '', 'No such user'],
    ['550', '', ''],
    ['250 2.0.0   blanks  ', '2.0.0', 'blanks'],
  ])('%j has the status %j and the text %j', (text, status, said) => {
    expect(answerOf(reply(text))).toEqual({ code: text.slice(0, 3), status, text: said });
  });

  it('is printable', () => {
    expect(answerOf(reply('550 \x1b[31m\x07 a\0b \u202eabc\u2028 d')).text).toBe(
      '\\u{1b}[31m\\u{7} a\\u{0}b \\u{202e}abc\\u{2028} d',
    );
  });

  it.each([
    ['letters', 'x'],
    ['what has a long escape', '\u{e0001}'],
    ['what has three octets', '界'],
    ['what has four', '😀'],
  ])('has at most 1,000 octets of %s, and shows that there were more', (_name, one) => {
    const { text } = answerOf({ code: '550', lines: [one.repeat(2000), 'end'] });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1000);
    expect(Buffer.byteLength(text)).toBeGreaterThan(990);
    expect(text.endsWith('...')).toBe(true);
    expect(text).not.toContain('\ufffd');
  });

  it('of 1,000 octets is whole', () => {
    expect(answerOf({ code: '550', lines: ['x'.repeat(1000)] }).text).toBe('x'.repeat(1000));
  });

  it('is code, status and text for people, cut to what they can read', () => {
    expect(answerText({ code: '550', status: '5.1.1', text: 'No such user' })).toBe('550 5.1.1 No such user');
    expect(answerText({ code: '550', status: '', text: '' })).toBe('550');
    expect(answerText({ code: '550', status: '', text: 'x'.repeat(300) })).toBe(`550 ${'x'.repeat(116)}...`);
    expect(answerText({ code: '550', status: '', text: 'x'.repeat(300) }, 10)).toBe(
      `550 ${'x'.repeat(6)}...`,
    );
  });
});
