import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeFault, longestMaxAge, parsePolicy, serializePolicy } from '../../src/mta_sts/policy';
import type { StsPolicy } from '../../src/mta_sts/types';

const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join('');
const good = (...more: string[]) =>
  lines('version: STSv1', 'mode: enforce', 'mx: mx.example.com', 'max_age: 86400', ...more);
const policy = { mode: 'enforce', mx: ['mx.example.com'], maxAge: 86400, extensions: [] } as const;

describe('a policy', () => {
  it.each<[what: string, text: string, expected: StsPolicy]>([
    ['CRLF', good(), policy],
    ['LF', good().replaceAll('\r', ''), policy],
    ['LF and CRLF mixed', good().replace('\r', ''), policy],
    ['no end of line at the end', good().trimEnd(), policy],
    ['empty lines at the end', `${good()}\r\n\n`, policy],
    ['no blank after the colon', good().replaceAll(': ', ':'), policy],
    ['blanks and tabs around values', good().replaceAll(': ', ': \t ').replaceAll('\r\n', ' \t\r\n'), policy],
    ['keys in another order', good().split('\r\n').reverse().join('\n').trim(), policy],
    [
      'no mx in mode none',
      lines('version: STSv1', 'mode: none', 'max_age: 0'),
      { ...policy, mode: 'none', mx: [], maxAge: 0 },
    ],
    ['mode testing', good().replace('enforce', 'testing'), { ...policy, mode: 'testing' }],
    [
      'several mx, one of them twice',
      good('mx: *.example.net', 'mx: MX.example.com'),
      { ...policy, mx: ['mx.example.com', '*.example.net'] },
    ],
    [
      'an mx in capitals with a trailing dot',
      good('mx: MX2.Example.COM.'),
      { ...policy, mx: ['mx.example.com', 'mx2.example.com'] },
    ],
    [
      'an mx of A-labels',
      good('mx: mx.xn--bcher-kva.example'),
      { ...policy, mx: ['mx.example.com', 'mx.xn--bcher-kva.example'] },
    ],
    ['a second mode, which is ignored', good('mode: none'), policy],
    ['a second max_age that is broken', good('max_age: x'), policy],
    [
      'extensions, first of each',
      good('a: 1', 'b.c-d_e: x y:z', 'a: 2'),
      {
        ...policy,
        extensions: [
          ['a', '1'],
          ['b.c-d_e', 'x y:z'],
        ],
      },
    ],
    [
      'an extension whose name has 32 characters',
      good(`${'k'.repeat(32)}: 1`),
      { ...policy, extensions: [['k'.repeat(32), '1']] },
    ],
    ['UTF-8 in an extension', good('note: Grüße 🙂'), { ...policy, extensions: [['note', 'Grüße 🙂']] }],
    ['an unknown key in capitals', good('MX: x'), { ...policy, extensions: [['MX', 'x']] }],
    ['leading zeros', good().replace('86400', '0000086400'), policy],
    ['the longest max_age', good().replace('86400', '31557600'), { ...policy, maxAge: longestMaxAge }],
    ['a longer max_age', good().replace('86400', '9999999999'), { ...policy, maxAge: longestMaxAge }],
  ])('is read with %s', (_what, text, expected) => {
    expect(parsePolicy(text)).toEqual({ ok: true, policy: expected });
    expect(parsePolicy(Buffer.from(text))).toEqual({ ok: true, policy: expected });
  });

  it.each<[what: string, text: string | Uint8Array, line: number, rule: RegExp]>([
    ['nothing', '', 1, /key: value/],
    ['nothing but ends of lines', '\r\n\n', 1, /key: value/],
    ['no version', good().replace('version: STSv1\r\n', ''), 0, /version is missing/],
    ['no mode', good().replace('mode: enforce\r\n', ''), 0, /mode is missing/],
    ['no max_age', good().replace('max_age: 86400\r\n', ''), 0, /max_age is missing/],
    ['no mx', good().replace('mx: mx.example.com\r\n', ''), 0, /mx is missing/],
    ['another version', good().replace('STSv1', 'STSv2'), 1, /must be STSv1/],
    ['a version in other case', good().replace('STSv1', 'stsv1'), 1, /must be STSv1/],
    ['an unknown mode', good().replace('enforce', 'report'), 2, /enforce, testing or none/],
    ['a mode in capitals', good().replace('enforce', 'ENFORCE'), 2, /enforce, testing or none/],
    ['an empty line between', good().replace('mode', '\r\nmode'), 2, /key: value/],
    ['a comment', `# mine\n${good()}`, 1, /key: value/],
    ['a blank before a key', good(' a: 1'), 5, /key: value/],
    ['a blank before the colon', good().replace('mx:', 'mx :'), 3, /key: value/],
    ['a key without value', good('a:'), 5, /key: value/],
    ['a key of 33 characters', good(`${'k'.repeat(33)}: 1`), 5, /key: value/],
    ['an umlaut in a key', good('schlüssel: 1'), 5, /key: value/],
    ['HTML', '<!doctype html>\n<title>hello</title>', 1, /key: value/],
    ['a byte order mark', `\ufeff${good()}`, 1, /key: value/],
    ['a NUL', good('a: b\0c'), 5, /control characters/],
    ['a lone CR', good('a: b\rc: d'), 5, /control characters/],
    ['a tab within a value', good('a: b\tc'), 5, /control characters/],
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from(good('a: ')), Buffer.from([0xff, 0xfe])]),
      0,
      /not UTF-8/,
    ],
    ['half a surrogate pair', good('a: \ud800'), 0, /Unicode/],
    [
      'an overlong encoding',
      Buffer.concat([Buffer.from(good()), Buffer.from([0x61, 0x3a, 0xc0, 0xaf])]),
      0,
      /not UTF-8/,
    ],
    ['11 digits', good().replace('86400', '10000000000'), 4, /1 to 10 digits/],
    ['a negative max_age', good().replace('86400', '-1'), 4, /1 to 10 digits/],
    ['a signed max_age', good().replace('86400', '+1'), 4, /1 to 10 digits/],
    ['an exponent', good().replace('86400', '1e5'), 4, /1 to 10 digits/],
    ['hexadecimal', good().replace('86400', '0x10'), 4, /1 to 10 digits/],
    ['a fraction', good().replace('86400', '1.5'), 4, /1 to 10 digits/],
    ['other digits of Unicode', good().replace('86400', '٣'), 4, /1 to 10 digits/],
    ['an IPv4 address in mx', good('mx: 192.0.2.1'), 5, /not an address/],
    ['an address literal in mx', good('mx: [192.0.2.1]'), 5, /not an address/],
    ['an IPv6 address in mx', good('mx: 2001:db8::1'), 5, /not an address/],
    ['an IPv6 literal in mx', good('mx: [IPv6:2001:db8::1]'), 5, /not an address/],
    ['an IPv6 literal in lower case in mx', good('mx: [ipv6:2001:db8::1]'), 5, /not an address/],
    ['a wildcard of an address', good('mx: *.0.2.1'), 5, /not an address/],
    ['a lone asterisk', good('mx: *'), 5, /whole left-most label/],
    ['a wildcard of nothing', good('mx: *.'), 5, /host name/],
    ['two wildcards', good('mx: *.*.example.com'), 5, /whole left-most label/],
    ['a wildcard further right', good('mx: mx.*.example.com'), 5, /whole left-most label/],
    ['part of a label as wildcard', good('mx: mx*.example.com'), 5, /whole left-most label/],
    ['a suffix with a leading dot', good('mx: .example.com'), 5, /host name/],
    ['an empty label', good('mx: a..example.com'), 5, /host name/],
    ['two trailing dots', good('mx: mx.example.com..'), 5, /host name/],
    ['two hosts in one mx', good('mx: a.example, b.example'), 5, /ASCII|host name/],
    ['a U-label in mx', good('mx: mx.bücher.example'), 5, /A-labels/],
    ['a label of 64', good(`mx: ${'l'.repeat(64)}.example`), 5, /host name/],
    ['a label with a hyphen at its end', good('mx: mx-.example.com'), 5, /host name/],
  ])('is refused with %s, and the line, its content and the rule are named', (_what, text, line, rule) => {
    const parsed = parsePolicy(text);
    expect(parsed).toMatchObject({ ok: false, fault: { line } });
    if (parsed.ok) return;
    expect(parsed.fault.rule).toMatch(rule);
    // eslint-disable-next-line no-control-regex -- the fact under test
    expect(describeFault(parsed.fault)).not.toMatch(/[\x00-\x1f\x7f]/);
  });

  it('names line, content and rule in one line', () => {
    const parsed = parsePolicy(good('mx: 192.0.2.1'));
    expect(!parsed.ok && describeFault(parsed.fault)).toBe(
      'MTA-STS policy line 5 "mx: 192.0.2.1": mx must be a host name, not an address',
    );
  });

  it('is read in linear time', () => {
    const run = 65_000;
    expect(parsePolicy(`a:${' '.repeat(run)}b${' '.repeat(run)}`).ok).toBe(false);
    expect(parsePolicy(good(`a: b${' '.repeat(run)}c`)).ok).toBe(true);
    expect(parsePolicy(`${'\n'.repeat(run)}x`).ok).toBe(false);
    expect(parsePolicy(':'.repeat(run)).ok).toBe(false);
  });

  const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/);
  const host = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('example', 'test'))
    .map(([labels, top]) => [...labels, top].join('.'));
  const pattern = fc.tuple(fc.constantFrom('', '*.'), host).map((parts) => parts.join(''));
  const value = fc
    .stringMatching(/^[\u0021-\u007e\u00a1-\ud7ff][\u0020-\u007e\u00a1-\ud7ff]{0,20}$/)
    .map((text) => text.trim())
    .filter((text) => text !== '' && /^[^ ].*[^ ]$|^[^ ]$/su.test(text));
  const key = fc.stringMatching(/^x[A-Za-z0-9_.-]{0,20}$/);
  const policies = fc.record({
    mode: fc.constantFrom('enforce', 'testing'),
    mx: fc.uniqueArray(pattern, { minLength: 1, maxLength: 5 }),
    maxAge: fc.integer({ min: 0, max: longestMaxAge }),
    extensions: fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 4 }),
  });

  it('survives being written and read', () => {
    fc.assert(
      fc.property(policies, (written) => {
        expect(parsePolicy(serializePolicy(written))).toEqual({ ok: true, policy: written });
      }),
    );
  });

  it('is read or refused, never thrown at, and what is accepted reads back the same', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'version: STSv1',
        'mode: enforce',
        'mx: a.example',
        'max_age: 1',
        '\n',
        '\r\n',
        ':',
        ' ',
        '*.',
        '\0',
      ),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const parsed = parsePolicy(pieces.join(''));
        if (parsed.ok) expect(parsePolicy(serializePolicy(parsed.policy))).toEqual(parsed);
      }),
    );
  });
});
