import fc from 'fast-check';
import { expect, test } from 'vitest';
import { locate } from '../../../src/settings/ini/locate';
import { directorySource } from '../../../src/settings/load/source';

const source = directorySource('/nonexistent');

type Texts = Map<string, Map<string, string[]>>;

/** Sections and keys as haraka-config sees them, with values as text. */
function asHarakaReads(text: string): Texts {
  const all: Texts = new Map();
  for (const [section, keys] of Object.entries(source.parse('x.ini', text))) {
    const given = Object.entries(keys).filter(([, value]) => value !== undefined);
    all.set(section, new Map(given.map(([key, value]) => [key, [value].flat().map(String)])));
  }
  return all;
}

/** The same from the locator; numbers lose their form as they do there. */
function asLocated(text: string): Texts {
  const form = (of: string) => (/^-?\d+(\.\d+)?$/.test(of) ? String(Number(of)) : of);
  const all: Texts = new Map();
  for (const { name, keys } of locate(text).sections) {
    all.set(name, new Map([...keys].map(([key, { texts }]) => [key, texts.map(form)])));
  }
  return all;
}

const line = fc.oneof(
  fc.constantFrom('[a]', ' [ a b ] ', '[*.x.example]', '[main]', '[]', '[__proto__]', '[a', 'a]', '[a] ; b'),
  fc.constantFrom(
    'k = v',
    'k=v',
    ' k =  v  ',
    'k[] = 1',
    'k[]=2',
    'k = ',
    'k',
    '= v',
    'two words = v',
    'k:v',
  ),
  fc.constantFrom(
    '; c',
    '# c',
    '',
    '  ',
    'k = v \\',
    'k = 1.30',
    'k = 007',
    'k = v ; c',
    '\\',
    'l = x',
    'constructor = 1',
  ),
  fc.string({ unit: fc.constantFrom(...Array.from('ab=[];#\\ .*1\t')), maxLength: 12 }),
);
const file = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n', '\r'))
  .map(([lines, end]) => lines.join(end));

test('a file without odd lines means to the locator what it means to Haraka', () => {
  fc.assert(
    fc.property(file, (text) => {
      fc.pre(locate(text).odd.length === 0);
      expect(asLocated(text)).toEqual(asHarakaReads(text));
    }),
    { numRuns: 3000, maxSkipsPerRun: 1000 },
  );
});

test('no key of any file escapes the locator', () => {
  fc.assert(
    fc.property(file, (text) => {
      const { sections, odd } = locate(text);
      const located = new Map(sections.map((section) => [section.name, section.keys]));
      for (const [section, keys] of asHarakaReads(text)) {
        for (const key of keys.keys()) {
          const reported = odd.some((one) => one.key?.startsWith(key));
          expect(reported || located.get(section)?.has(key)).toBe(true);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test('brackets within a key are read as Haraka reads them', () => {
  expect(asLocated('[]a[] = v')).toEqual(asHarakaReads('[]a[] = v'));
});

test.each([
  ['k = v\nk = w', [[2, 'the key stands twice, first at line 1']]],
  ['k = v\nk[] = w', [[2, 'the key stands twice, first at line 1']]],
  ['[a]\n\n[b]\n[a]', [[4, 'the section stands twice, first at line 1']]],
  ['what is this', [[1, 'Haraka ignores this line, it is no `key = value`']]],
  ['\uFEFF[outbound]\nk = v', []],
  ['[outbound x.example] ; why', [[1, 'Haraka ignores this line, it is no `key = value`']]],
  ['\n; c\nkey', [[3, 'has no value']]],
  ['[__proto__]\nk = v', [[1, 'Haraka ignores a section of this name']]],
  ['constructor = v', [[1, 'Haraka ignores a key of this name']]],
  ['k = a \\\n', [[1, 'the file ends within a continued line']]],
  ['k = a \\\n[b]\nk = c', [[1, 'the continued line runs into a section']]],
  ['k = a \\\n b\nl = c', []],
  ['[main]\nk = a', []],
  ['k[] = a\nk[] = b', []],
])('the odd lines of %j are %j', (text, expected) => {
  expect(locate(text).odd.map(({ line: at, problem }) => [at, problem])).toEqual(expected);
});

test('a key is found on the line on which it begins', () => {
  const [main, section] = locate('k = a \\\n  b \\\n  c\nl = d\n[s]\n\nm[] = 1.30\nm[] = 1.3').sections;
  expect([...main!.keys].map(([key, at]) => [key, at.line, at.texts])).toEqual([
    ['k', 1, ['a   b   c']],
    ['l', 4, ['d']],
  ]);
  expect(section!.line).toBe(5);
  expect([...section!.keys].map(([key, at]) => [key, at.line, at.texts])).toEqual([
    ['m', 7, ['1.30', '1.3']],
  ]);
});
