import { describe, expect, it } from 'vitest';
import { type Capabilities, noCapabilities } from '../../src/smtp/capabilities';
import {
  mailCommand,
  misfitsOf,
  rcptCommand,
  tooLarge,
  type Envelope,
  type Path,
} from '../../src/smtp/envelope';

const plain: Path = { text: '<a@from.example>', ascii: '<a@from.example>' };
const nobody: Path = { text: '<>', ascii: '<>' };
/** Its domain has another form, its local part has none. */
const domain: Path = { text: '<b@bücher.example>', ascii: '<b@xn--bcher-kva.example>' };
const local: Path = { text: '<grün@bücher.example>', ascii: '<grün@xn--bcher-kva.example>' };
const emoji: Path = { text: '<😀@to.example>', ascii: '<😀@to.example>' };

const utf8: Partial<Capabilities> = { smtpUtf8: true };
const limit: Partial<Capabilities> = { size: { kind: 'limit', octets: 1000 } };
const noLimit: Partial<Capabilities> = { size: { kind: 'no_limit' } };
const eightBit: Partial<Capabilities> = { eightBitMime: true };

describe('MAIL', () => {
  it.each<[string, Path, readonly Path[], Envelope['octets'], Partial<Capabilities>]>([
    ['MAIL FROM:<a@from.example>', plain, [plain], 100, {}],
    ['MAIL FROM:<>', nobody, [plain], 100, {}],
    ['MAIL FROM:<a@from.example> SIZE=100', plain, [plain], 100, limit],
    ['MAIL FROM:<a@from.example> SIZE=100', plain, [plain], 100, noLimit],
    ['MAIL FROM:<a@from.example>', plain, [plain], 'unknown', limit],
    ['MAIL FROM:<a@from.example> BODY=8BITMIME', plain, [plain], 100, eightBit],
    ['MAIL FROM:<a@from.example>', plain, [plain], 100, utf8],
    ['MAIL FROM:<b@xn--bcher-kva.example>', domain, [domain], 100, utf8],
    ['MAIL FROM:<b@xn--bcher-kva.example>', domain, [domain], 100, {}],
    ['MAIL FROM:<grün@xn--bcher-kva.example> SMTPUTF8', local, [plain], 100, utf8],
    ['MAIL FROM:<a@from.example> SMTPUTF8', plain, [plain, local], 100, utf8],
    ['MAIL FROM:<> SMTPUTF8', nobody, [emoji], 100, utf8],
    ['MAIL FROM:<>', nobody, [emoji], 100, {}],
    ['MAIL FROM:<> SIZE=7 BODY=8BITMIME SMTPUTF8', nobody, [emoji], 7, { ...utf8, ...limit, ...eightBit }],
  ])('%s', (line, from, recipients, octets, capabilities) => {
    const offered = { ...noCapabilities, ...capabilities };
    expect(mailCommand({ from, recipients, octets }, recipients, offered)).toBe(line);
  });

  it.each([
    [undefined, true, ''],
    ['where_offered', true, ' REQUIRETLS'],
    ['where_offered', false, ''],
    ['required', true, ' REQUIRETLS'],
  ] as const)(
    'says REQUIRETLS where it is asked for (%s) and offered (%s)',
    (asked, requireTls, expected) => {
      const envelope: Envelope = {
        from: plain,
        recipients: [plain],
        octets: 1,
        ...(asked === undefined ? {} : { requireTls: asked }),
      };
      expect(mailCommand(envelope, [plain], { ...noCapabilities, requireTls })).toBe(
        `MAIL FROM:<a@from.example>${expected}`,
      );
    },
  );

  it('needs SMTPUTF8 only for those who are named', () => {
    const offered = { ...noCapabilities, ...utf8 };
    expect(mailCommand({ from: plain, recipients: [plain, local], octets: 1 }, [plain], offered)).toBe(
      'MAIL FROM:<a@from.example>',
    );
  });
});

it('RCPT has the form that can be sent', () => {
  expect(rcptCommand(domain)).toBe('RCPT TO:<b@xn--bcher-kva.example>');
  expect(rcptCommand(local)).toBe('RCPT TO:<grün@xn--bcher-kva.example>');
});

describe('an address', () => {
  const misfits = (path: Path, capabilities: Partial<Capabilities> = {}) => {
    const envelope: Envelope = { from: path, recipients: [plain, path], octets: 1 };
    const { sender, recipients } = misfitsOf(envelope, { ...noCapabilities, ...capabilities });
    const [first, second = 'none'] = recipients;
    expect(first).toBe('none');
    const statusOf = (one: typeof sender) => (one === 'none' ? 'fits' : `${one.code} ${one.status}`);
    return [statusOf(sender), statusOf(second)];
  };

  it.each<[string, Path]>([
    ['of ASCII', plain],
    ['with a domain in another script', domain],
    ['that is quoted', { text: '<"a b>c"@x>', ascii: '<"a b>c"@x>' }],
    ['that is empty', nobody],
  ])('%s can be sent to anybody', (_name, path) => {
    expect(misfits(path)).toEqual(['fits', 'fits']);
  });

  it.each<[string, Path]>([
    ['with a local part in another script', local],
    ['with an emoji', emoji],
    ['in Latin-1', { text: '<é@x>', ascii: '<é@x>' }],
    ['with the first of the others', { text: '<\u0080@x>', ascii: '<\u0080@x>' }],
  ])('%s needs SMTPUTF8 (RFC 6531 section 3.5)', (_name, path) => {
    expect(misfits(path)).toEqual(['553 5.6.7', '553 5.6.7']);
    expect(misfits(path, utf8)).toEqual(['fits', 'fits']);
  });

  it.each<[string, string]>([
    ['a line end', '<a\r\nDATA>'],
    ['a line feed', '<a\nb@x>'],
    ['a carriage return', '<a\rb@x>'],
    ['NUL', '<a\0b@x>'],
    ['DEL', '<a\x7fb@x>'],
    ['a tab', '<a\tb@x>'],
    ['a line end behind it', '<a@x>\r\n'],
    ['no bracket before it', 'a@x>'],
    ['no bracket behind it', '<a@x'],
    ['something before the bracket', 'x<a@x>'],
    ['something behind the bracket', '<a@x> NOTIFY=NEVER'],
    ['nothing at all', ''],
  ])('with %s cannot be sent at all, in either form', (_name, broken) => {
    const refused = ['553 5.1.7', '553 5.1.3'];
    expect(misfits({ text: broken, ascii: broken }, utf8)).toEqual(refused);
    expect(misfits({ text: plain.text, ascii: broken }, utf8)).toEqual(refused);
    expect(misfits({ text: '<>', ascii: broken }, utf8)).toEqual(refused);
  });

  it('with a line end in the form that was written is not sent in the other', () => {
    expect(misfits({ text: '<a\r\n@x>', ascii: '<a@x>' })).toEqual(['553 5.1.7', '553 5.1.3']);
  });
});

it('a message over the limit is told with both numbers', () => {
  expect(tooLarge(120, 100)).toEqual({
    code: '552',
    status: '5.3.4',
    text: 'The message has 120 octets, the peer takes no more than 100',
    own: true,
  });
});
