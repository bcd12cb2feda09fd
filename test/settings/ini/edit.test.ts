import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editIni } from '../../../src/settings/ini/edit';
import { locate } from '../../../src/settings/ini/locate';

const line = fc.constantFrom('; note', '', 'k = 1', 'l = 2', 'm = a \\', '  b', 'n[] = 1', 'n[] = 2');
const section = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.uniqueArray(line, { maxLength: 6 }));
const file = fc
  .uniqueArray(section, { selector: ([name]) => name })
  .map((sections) => sections.flatMap(([name, lines]) => [`[${name}]`, ...lines]).join('\n'));
const value = fc.constantFrom('', 'x', 'y z');
const edit = fc.record({
  header: fc.constantFrom('a', 'b', 'd'),
  keys: fc.dictionary(fc.constantFrom('k', 'm', 'p'), value),
});

function keysOf(text: string, header: string): Record<string, string> {
  const found = locate(text).sections.find(({ name }) => name === header);
  return Object.fromEntries([...(found?.keys ?? [])].map(([key, { texts }]) => [key, texts.join(', ')]));
}

test('after an edit its section holds what was asked for, and every other section what it held', () => {
  fc.assert(
    fc.property(file, edit, (text, change) => {
      fc.pre(locate(text).odd.length === 0);
      const edited = editIni(text, [change]);
      const wanted = { ...keysOf(text, change.header), ...change.keys };
      const kept = Object.fromEntries(Object.entries(wanted).filter(([, of]) => of !== ''));
      expect(keysOf(edited, change.header)).toEqual(kept);
      for (const other of ['a', 'b', 'c'].filter((name) => name !== change.header)) {
        expect(keysOf(edited, other)).toEqual(keysOf(text, other));
      }
      const comments = (of: string) => of.split('\n').filter((one) => one.startsWith(';')).length;
      expect(comments(edited)).toBe(comments(text));
    }),
    { numRuns: 1000 },
  );
});

test('a section that is taken out leaves the others, and the comments above them', () => {
  fc.assert(
    fc.property(file, (text) => {
      fc.pre(locate(text).odd.length === 0);
      const edited = editIni(text, [], new Set(['b']));
      expect(locate(edited).sections.map(({ name }) => name)).not.toContain('b');
      for (const other of ['a', 'c']) expect(keysOf(edited, other)).toEqual(keysOf(text, other));
    }),
  );
});

test.each([
  ['at the end of the file', '[a]\nk = 1\n\n[b]\nk = 2\n; of b\n\n; of all\n', '[a]\nk = 1\n\n; of all\n'],
  [
    'before another section',
    '[a]\n\n[b]\nk = 2\n; of b\n\n; of all\n\n; of c\n[c]\n',
    '[a]\n\n; of all\n\n; of c\n[c]\n',
  ],
  ['right above another section', '[b]\nk = 2\n; of c\n[c]\n', '; of c\n[c]\n'],
  ['of a section without keys', '[b]\n; of b\n\n; of all\n', '; of all\n'],
])('comments behind a blank line outlive the section above them: %s', (_where, before, after) => {
  expect(editIni(before, [], new Set(['b']))).toBe(after);
});

test('line ends stay as they are', () => {
  expect(editIni('[a]\r\nk = 1\r\n', [{ header: 'a', keys: { k: '2', p: '3' } }])).toBe(
    '[a]\r\nk = 2\r\np = 3\r\n',
  );
});
