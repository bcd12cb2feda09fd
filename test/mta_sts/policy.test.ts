import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPolicy } from '../../src/mta_sts/match';
import { describeFault, longestMaxAge, parsePolicy, serializePolicy } from '../../src/mta_sts/policy';
import type { StsPolicy } from '../../src/mta_sts/types';
import { anyText } from '../support/any_text';

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
    expect(parsePolicy(text)).toEqual({ ok: true, policy: expected, idle: [] });
    expect(parsePolicy(Buffer.from(text))).toEqual({ ok: true, policy: expected, idle: [] });
  });

  it.each<[what: string, text: string | Uint8Array, at: number | 'policy', rule: RegExp]>([
    ['nothing', '', 1, /key: value/],
    ['nothing but ends of lines', '\r\n\n', 1, /key: value/],
    ['no version', good().replace('version: STSv1\r\n', ''), 'policy', /version is missing/],
    ['no mode', good().replace('mode: enforce\r\n', ''), 'policy', /mode is missing/],
    ['no max_age', good().replace('max_age: 86400\r\n', ''), 'policy', /max_age is missing/],
    ['no mx', good().replace('mx: mx.example.com\r\n', ''), 'policy', /mx is missing/],
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
      'policy',
      /not UTF-8/,
    ],
    ['half a surrogate pair', good('a: \ud800'), 'policy', /Unicode/],
    [
      'an overlong encoding',
      Buffer.concat([Buffer.from(good()), Buffer.from([0x61, 0x3a, 0xc0, 0xaf])]),
      'policy',
      /not UTF-8/,
    ],
    ['11 digits', good().replace('86400', '10000000000'), 4, /1 to 10 digits/],
    ['a negative max_age', good().replace('86400', '-1'), 4, /1 to 10 digits/],
    ['a signed max_age', good().replace('86400', '+1'), 4, /1 to 10 digits/],
    ['an exponent', good().replace('86400', '1e5'), 4, /1 to 10 digits/],
    ['hexadecimal', good().replace('86400', '0x10'), 4, /1 to 10 digits/],
    ['a fraction', good().replace('86400', '1.5'), 4, /1 to 10 digits/],
    ['other digits of Unicode', good().replace('86400', '٣'), 4, /1 to 10 digits/],
  ])('is refused with %s, and the line, its content and the rule are named', (_what, text, at, rule) => {
    const parsed = parsePolicy(text);
    expect(parsed).toMatchObject({
      ok: false,
      fault: at === 'policy' ? { kind: at } : { kind: 'line', line: at },
    });
    if (parsed.ok) return;
    expect(parsed.fault.rule).toMatch(rule);
    // eslint-disable-next-line no-control-regex -- the fact under test
    expect(describeFault(parsed.fault)).not.toMatch(/[\x00-\x1f\x7f]/);
  });

  it('names line, content and rule in one line', () => {
    const parsed = parsePolicy(good().replace('enforce', 'strict'));
    expect(!parsed.ok && describeFault(parsed.fault)).toBe(
      'MTA-STS policy line 2 "mode: strict": the mode must be enforce, testing or none',
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
        expect(parsePolicy(serializePolicy(written))).toEqual({ ok: true, policy: written, idle: [] });
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
      anyText(),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const parsed = parsePolicy(pieces.join(''));
        if (parsed.ok)
          expect(parsePolicy(serializePolicy(parsed.policy))).toMatchObject({
            ok: true,
            policy: parsed.policy,
          });
      }),
    );
  });
});

describe('an mx that matches no host', { tags: ['regression'] }, () => {
  const inGrammar: [what: string, value: string, rule: RegExp][] = [
    ['an IPv4 address', '192.0.2.1', /not an address/],
    ['a wildcard of an address', '*.0.2.1', /not an address/],
    ['a number', '10', /not an address/],
    ['a number at the end', 'mx.1', /host name/],
    ['a label of 64', `${'l'.repeat(64)}.example`, /host name/],
    ['a name of 300', 'l.'.repeat(150) + 'x', /host name/],
  ];
  const malformed: [what: string, value: string, rule: RegExp][] = [
    ['nothing', '', /host name/],
    ['an address literal', '[192.0.2.1]', /not an address/],
    ['an IPv6 address', '2001:db8::1', /not an address/],
    ['an IPv6 literal', '[IPv6:2001:db8::1]', /not an address/],
    ['an IPv6 literal in lower case', '[ipv6:2001:db8::1]', /not an address/],
    ['a lone asterisk', '*', /whole left-most label/],
    ['a wildcard of nothing', '*.', /host name/],
    ['two wildcards', '*.*.example.com', /whole left-most label/],
    ['a wildcard further right', 'mx.*.example.com', /whole left-most label/],
    ['part of a label as wildcard', 'mx*.example.com', /whole left-most label/],
    ['a suffix with a leading dot', '.example.com', /host name/],
    ['an empty label', 'a..example.com', /host name/],
    ['two trailing dots', 'mx.example.com..', /host name/],
    ['two hosts', 'a.example, b.example', /ASCII|host name/],
    ['a comment behind it', 'a.example ; the first', /ASCII|host name/],
    ['a tab', 'a.example\tb.example', /ASCII|host name/],
    ['a NUL', 'a.example\0', /ASCII|host name/],
    ['a URL', 'smtp://mx.example.com:25', /host name/],
    ['a U-label', 'mx.bücher.example', /A-labels/],
    ['a hyphen at the end of a label', 'mx-.example.com', /host name/],
    ['a hyphen at the end of a short name', 'a-.example', /host name/],
  ];
  const hosts = ['mx.example.com', 'a.example', 'b.example', 'a.b.example.com', '10', '192.0.2.1', ''];

  it.each([...inGrammar, ...malformed])('%s takes nothing from the others', (_what, value, rule) => {
    const parsed = parsePolicy(good(`mx: ${value}`));
    expect(parsed).toMatchObject({ ok: true, idle: [{ line: 5 }], policy: { mode: 'enforce' } });
    if (!parsed.ok) return;
    expect(parsed.idle[0]?.rule).toMatch(rule);
    expect(parsed.idle[0]?.rule).toMatch(/it matches no host/);
    expect(hosts.filter((host) => matchesPolicy(parsed.policy, host))).toEqual(['mx.example.com']);
    expect(matchesPolicy(parsed.policy, value)).toBe(false);
  });

  it.each([...inGrammar, ...malformed])('%s is no obstacle to mode none', (_what, value) => {
    const text = lines('version: STSv1', 'mode: none', `mx: ${value}`, 'max_age: 86400');
    expect(parsePolicy(text)).toMatchObject({ ok: true, policy: { mode: 'none' } });
  });

  it.each(inGrammar)('%s alone makes a policy that allows no host', (_what, value) => {
    const parsed = parsePolicy(good().replace('mx.example.com', value));
    expect(parsed).toMatchObject({ ok: true, policy: { mode: 'enforce', mx: [value] } });
    expect(parsed.ok && hosts.some((host) => matchesPolicy(parsed.policy, host))).toBe(false);
  });

  it.each(malformed)('%s alone makes no policy', (_what, value, rule) => {
    for (const mode of ['enforce', 'testing']) {
      const parsed = parsePolicy(good().replace('mx.example.com', value).replace('enforce', mode));
      expect(parsed).toMatchObject({ ok: false, fault: { line: 3 } });
      expect(!parsed.ok && parsed.fault.rule).toMatch(rule);
      // eslint-disable-next-line no-control-regex -- the fact under test
      expect(!parsed.ok && describeFault(parsed.fault)).not.toMatch(/[\x00-\x1f\x7f]/);
    }
  });

  it('is kept with the policy, on one line and no longer than it came', () => {
    const value = anyText({ maxLength: 200 }).filter((text) => !/[\r\n\p{Cs}]/u.test(text));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (values) => {
        const parsed = parsePolicy(good(...values.map((one) => `mx: ${one}`)));
        if (!parsed.ok) throw new Error(parsed.fault.rule);
        const again = parsePolicy(serializePolicy(parsed.policy));
        expect(again).toMatchObject({ ok: true, policy: parsed.policy });
        expect(hosts.filter((host) => matchesPolicy(parsed.policy, host))).toContain('mx.example.com');
        for (const mx of parsed.policy.mx) expect(mx).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(parsed.policy.mx.join('').length).toBeLessThanOrEqual(values.join('').length + 14);
      }),
    );
  });
});
