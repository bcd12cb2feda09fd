import { describe, expect, it } from 'vitest';
import { chooseMechanism, firstLine, nextLine, type Credentials } from '../../src/smtp/auth';

const credentials = (user: string, password: string, mechanism = 'any'): Credentials => ({
  user,
  password,
  mechanism,
});
const decoded = (text: string) => Buffer.from(text, 'base64').toString('utf8');

describe('the mechanism', () => {
  it.each([
    ['any', ['LOGIN', 'PLAIN', 'CRAM-MD5'], 'CRAM-MD5'],
    ['any', ['LOGIN', 'PLAIN'], 'PLAIN'],
    ['any', ['XOAUTH2', 'LOGIN'], 'LOGIN'],
    ['LOGIN', ['LOGIN', 'PLAIN', 'CRAM-MD5'], 'LOGIN'],
    ['PLAIN', ['LOGIN', 'PLAIN', 'CRAM-MD5'], 'PLAIN'],
    ['CRAM-MD5', ['CRAM-MD5'], 'CRAM-MD5'],
  ])('of %s and %j is %s', (wanted, offered, mechanism) => {
    expect(chooseMechanism(credentials('u', 'p', wanted), offered)).toEqual({ kind: 'chosen', mechanism });
  });

  it.each([
    ['any', [], 'the host does not offer AUTH'],
    ['any', ['XOAUTH2'], 'of CRAM-MD5, PLAIN, LOGIN the host offers none (it offers XOAUTH2)'],
    ['PLAIN', ['LOGIN', 'CRAM-MD5'], 'of PLAIN the host offers none (it offers LOGIN, CRAM-MD5)'],
    ['XOAUTH2', ['XOAUTH2'], 'of XOAUTH2 the host offers none (it offers XOAUTH2)'],
    [
      'any',
      ['\x1b[2J', 'PLAIN\0'],
      'of CRAM-MD5, PLAIN, LOGIN the host offers none (it offers \\u{1b}[2J, PLAIN\\u{0})',
    ],
  ])('of %s and %j is none', (wanted, offered, why) => {
    expect(chooseMechanism(credentials('u', 'p', wanted), offered)).toEqual({ kind: 'none', why });
  });
});

describe('PLAIN', () => {
  it('is the example of RFC 4616 section 4', () => {
    const { text, shown } = firstLine(credentials('tim', 'tanstaaftanstaaf'), 'PLAIN');
    expect(text).toBe('AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm');
    expect(decoded(text.slice('AUTH PLAIN '.length))).toBe('\0tim\0tanstaaftanstaaf');
    expect(shown).toBe('AUTH PLAIN (hidden)');
  });

  it('is UTF-8', () => {
    const { text } = firstLine(credentials('grün', 'schlüssel'), 'PLAIN');
    expect(decoded(text.slice('AUTH PLAIN '.length))).toBe('\0grün\0schlüssel');
  });

  it('has said all with the first line', () => {
    expect(nextLine(credentials('u', 'p'), { mechanism: 'PLAIN', answered: 0 }, '')).toBe('unexpected');
  });
});

describe('CRAM-MD5', () => {
  const tim = credentials('tim', 'tanstaaftanstaaf');
  // RFC 2195 section 2.
  const challenge = 'PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+';

  it('is the example of RFC 2195 section 2', () => {
    expect(firstLine(tim, 'CRAM-MD5')).toEqual({ text: 'AUTH CRAM-MD5', shown: 'AUTH CRAM-MD5' });
    expect(nextLine(tim, { mechanism: 'CRAM-MD5', answered: 0 }, challenge)).toEqual({
      text: 'dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw',
      shown: '(hidden)',
    });
  });

  it('answers one challenge', () => {
    expect(nextLine(tim, { mechanism: 'CRAM-MD5', answered: 1 }, challenge)).toBe('unexpected');
  });

  it.each(['', '!!!', '\0'])('has an answer to the challenge %j, too', (odd) => {
    const line = nextLine(tim, { mechanism: 'CRAM-MD5', answered: 0 }, odd);
    expect(line === 'unexpected' ? line : decoded(line.text)).toMatch(/^tim [0-9a-f]{32}$/);
  });
});

describe('LOGIN', () => {
  const user = credentials('user', 'secret');

  it('gives the name, then the password, whatever it is asked', () => {
    expect(firstLine(user, 'LOGIN')).toEqual({ text: 'AUTH LOGIN', shown: 'AUTH LOGIN' });
    for (const challenge of ['VXNlcm5hbWU6', 'UGFzc3dvcmQ6', '']) {
      expect(nextLine(user, { mechanism: 'LOGIN', answered: 0 }, challenge)).toEqual({
        text: 'dXNlcg==',
        shown: '(hidden)',
      });
      expect(nextLine(user, { mechanism: 'LOGIN', answered: 1 }, challenge)).toEqual({
        text: 'c2VjcmV0',
        shown: '(hidden)',
      });
    }
  });

  it('has nothing more to give', () => {
    expect(nextLine(user, { mechanism: 'LOGIN', answered: 2 }, '')).toBe('unexpected');
  });
});
