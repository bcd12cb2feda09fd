import fc from 'fast-check';
import { expect, test } from 'vitest';
import { labelled, paragraph } from '../../../src/cli/layout/paragraph';
import { stacked, table } from '../../../src/cli/layout/table';
import { columnsOf, coloursWanted } from '../../../src/cli/layout/terminal';
import { displayWidth, padded, shortened } from '../../../src/cli/layout/width';
import { json, type Output } from '../../../src/cli/output';
import { recordLines } from '../../../src/cli/zone_text';

const at = (width: number | undefined, colour = false): Output => ({
  print: () => undefined,
  complain: () => undefined,
  progress: () => undefined,
  colour,
  width,
});

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc.string({
    unit: fc.constantFrom(' ', 'a', '字', '\u0301', '\u001b', '\u009b', '\u202e', '👍'),
    maxLength: 200,
  }),
);
const cell = fc.record({ text, style: fc.constantFrom('red' as const, 'bold' as const) });
const width = fc.integer({ min: 40, max: 200 });
// eslint-disable-next-line no-control-regex -- that is what is looked for
const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;

test('nothing is wider than the terminal, whatever the text, and nothing moves its cursor', () => {
  fc.assert(
    fc.property(fc.array(fc.array(cell, { maxLength: 6 }), { maxLength: 5 }), width, (rows, columns) => {
      const output = at(columns);
      const lines = [
        ...table(output, rows, 2),
        ...rows.flatMap((row) => paragraph(output, row, { indent: 2, hanging: 6 })),
        ...rows.flatMap(([head, ...facts]) => stacked(output, head === undefined ? [] : [head], facts, 2)),
        ...rows.flatMap((row) => labelled(output, 'label', row, { width: 13 })),
      ];
      for (const line of lines) {
        expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        expect(line).not.toMatch(control);
      }
    }),
  );
});

test('for a pipe each row is one line, with all of its text', () => {
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 6 }), { maxLength: 5 }), (rows) => {
      const lines = table(at(undefined), rows);
      expect(lines).toHaveLength(rows.length);
      for (const line of lines) expect(line).not.toMatch(control);
      for (const row of rows) expect(paragraph(at(undefined), row)).toHaveLength(1);
    }),
  );
});

test('no word is lost where lines are broken', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 90 })),
      width,
      (cells, columns) => {
        const letters = (lines: readonly string[]) => lines.join('').replaceAll(' ', '');
        expect(letters(paragraph(at(columns), cells))).toBe(letters(cells));
      },
    ),
  );
});

test('colours are put around words, not around the blanks before them', () => {
  expect(paragraph(at(40, true), [{ text: 'a', style: 'red' }, 'b'], { indent: 2 })).toEqual([
    '  \u001b[31ma\u001b[39m b',
  ]);
});

test.each([
  ['abc', 3],
  ['字', 2],
  ['e\u0301', 1],
  ['ｱ', 1],
  ['Ａ', 2],
  ['👍', 2],
])('%j takes %i columns', (one, columns) => {
  expect(displayWidth(one)).toBe(columns);
  expect(displayWidth(padded(one, 9))).toBe(9);
});

test('what is shortened says so', () => {
  expect([shortened('abcdefgh', 8), shortened('abcdefghi', 8)]).toEqual(['abcdefgh', 'abcde...']);
});

test('a table that does not fit has its last column broken, and its rows where that would be narrow', () => {
  const why = 'one two three four five six seven eight';
  expect(table(at(40), [['a', 'b', why]])).toEqual([
    'a  b  one two three four five six seven',
    '      eight',
  ]);
  expect(table(at(40), [['a', 'x'.repeat(20), why]])).toEqual([
    `a  ${'x'.repeat(20)}`,
    '   one two three four five six seven',
    '     eight',
  ]);
});

test.each([
  [{ isTTY: true, columns: 100 }, {}, 100],
  [{ isTTY: true, columns: 100 }, { COLUMNS: '90' }, 90],
  [{ isTTY: true, columns: 100 }, { COLUMNS: '190' }, 100],
  [{ isTTY: true, columns: 100 }, { COLUMNS: 'wide' }, 100],
  [{ isTTY: true, columns: 0 }, {}, 80],
  [{ isTTY: true }, { COLUMNS: '120' }, 120],
  [{ isTTY: true, columns: 10 }, {}, 40],
  [{ isTTY: false }, { COLUMNS: '120' }, undefined],
  [{}, {}, undefined],
] as const)('%j with %j has %j columns', (screen, env, columns) => {
  expect(columnsOf(screen, env)).toBe(columns);
});

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
  [false, {}, false],
  [false, { FORCE_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: 'false' }, false],
  [true, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '', NO_COLOR: '1' }, false],
] as const)('on a terminal: %j, with %j, colours: %j', (isTTY, env, colours) => {
  expect(coloursWanted({ isTTY }, env)).toBe(colours);
});

test('a JSON document holds nothing that a terminal would obey, and reads back as it was', () => {
  fc.assert(
    fc.property(text, (one) => {
      expect(json([one]).replaceAll('\n', '')).not.toMatch(control);
      expect(JSON.parse(json([one]))).toEqual([one]);
    }),
  );
});

test('records stay zone data where they are broken', () => {
  const record = {
    owner: '_25._tcp.mx.ours.example',
    type: 'TLSA',
    data: `3 1 1 ${'ab'.repeat(32)}`,
    note: 'the key',
  } as const;
  expect(recordLines(at(80), record, 'missing')).toEqual([
    '; missing, the key',
    '_25._tcp.mx.ours.example. 3600 IN TLSA (',
    `    3 1 1 ${'ab'.repeat(32)}`,
    '    )',
  ]);
  const reports = {
    owner: `${'x'.repeat(60)}.example`,
    type: 'TXT',
    data: `"v=TLSRPTv1; rua=mailto:${'a'.repeat(80)}"`,
    note: '',
  } as const;
  const lines = recordLines(at(80), reports, 'missing');
  expect(lines[1]).toBe(`${reports.owner}. (`);
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  expect([...lines.join('').matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('')).toBe(
    reports.data.slice(1, -1),
  );
});
