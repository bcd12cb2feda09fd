import { describe, expect, it } from 'vitest';
import { capabilitiesOf, noCapabilities, type Capabilities } from '../../src/smtp/capabilities';

const of = (...lines: string[]) => capabilitiesOf({ code: '250', lines: ['mx.example', ...lines] });

describe('capabilities', () => {
  it.each<[string, Partial<Capabilities>]>([
    ['STARTTLS', { startTls: true }],
    ['starttls', { startTls: true }],
    ['StartTLS REQUIRED', { startTls: true }],
    ['  STARTTLS  ', { startTls: true }],
    ['2.0.0 STARTTLS', { startTls: true }],
    ['STARTTLS\r', { startTls: true }],
    ['XSTARTTLS', {}],
    ['STARTTLSX', {}],
    ['X STARTTLS', {}],
    ['START TLS', {}],
    ['PIPELINING', { pipelining: true }],
    ['pipelining now', { pipelining: true }],
    ['8BITMIME', { eightBitMime: true }],
    ['8bitmime', { eightBitMime: true }],
    ['SMTPUTF8', { smtpUtf8: true }],
    ['smtputf8', { smtpUtf8: true }],
    ['RequireTLS', { requireTls: true }],
    ['SIZE', { size: { kind: 'no_limit' } }],
    ['SIZE 0', { size: { kind: 'no_limit' } }],
    ['SIZE 1', { size: { kind: 'limit', octets: 1 } }],
    ['size 52428800', { size: { kind: 'limit', octets: 52_428_800 } }],
    ['SIZE=1000', {}],
    ['STARTTLS=', {}],
    ['SIZE  1000 2000', { size: { kind: 'limit', octets: 1000 } }],
    ['SIZE 999999999999999', { size: { kind: 'limit', octets: 999_999_999_999_999 } }],
    ['SIZE 1000000000000000', { size: { kind: 'no_limit' } }],
    ['SIZE -5', { size: { kind: 'no_limit' } }],
    ['SIZE 1e3', { size: { kind: 'no_limit' } }],
    ['SIZE lots', { size: { kind: 'no_limit' } }],
    ['AUTH PLAIN LOGIN', { auth: ['PLAIN', 'LOGIN'] }],
    ['auth plain cram-md5', { auth: ['PLAIN', 'CRAM-MD5'] }],
    ['AUTH=PLAIN LOGIN', { auth: ['PLAIN', 'LOGIN'] }],
    ['AUTH', {}],
    ['DSN', {}],
    ['', {}],
  ])('%j', (line, offered) => {
    expect(of(line)).toEqual({ ...noCapabilities, ...offered });
  });

  it('are all that there are', () => {
    expect(
      of(
        'PIPELINING',
        'SIZE 9',
        'REQUIRETLS',
        'STARTTLS',
        'AUTH LOGIN',
        'AUTH=PLAIN',
        '8BITMIME',
        'SMTPUTF8',
      ),
    ).toEqual({
      startTls: true,
      pipelining: true,
      eightBitMime: true,
      smtpUtf8: true,
      requireTls: true,
      size: { kind: 'limit', octets: 9 },
      auth: ['LOGIN', 'PLAIN'],
    });
  });

  it('are not in the first line, which is a name', () => {
    expect(capabilitiesOf({ code: '250', lines: ['STARTTLS'] })).toEqual(noCapabilities);
    expect(capabilitiesOf({ code: '250', lines: ['SIZE 5', 'DSN'] })).toEqual(noCapabilities);
  });

  it('take the first SIZE of several', () => {
    expect(of('SIZE 5', 'SIZE 9').size).toEqual({ kind: 'limit', octets: 5 });
  });

  it('are none where there is nothing', () => {
    expect(of()).toEqual(noCapabilities);
    expect(noCapabilities).toEqual({
      startTls: false,
      pipelining: false,
      eightBitMime: false,
      smtpUtf8: false,
      requireTls: false,
      size: { kind: 'not_offered' },
      auth: [],
    });
  });
});
