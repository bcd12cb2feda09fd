import { expect, test } from 'vitest';
import { fitted } from '../../../src/cli/layout/paragraph';
import { table } from '../../../src/cli/layout/table';
import type { Output } from '../../../src/cli/output';

const at = (width: number | undefined): Output => ({
  print: () => undefined,
  complain: () => undefined,
  progress: () => undefined,
  colour: false,
  width,
});

test.each([
  [undefined, '  a    b', ['  a    b']],
  [10, '  a    b', ['  a    b']],
  [
    40,
    `  ${'word '.repeat(12)}`,
    [`  ${'word '.repeat(7)}word`.slice(0, 36), '    word word word word word'],
  ],
])('at %j columns a line keeps its blanks where it fits, and is broken where not', (width, line, lines) => {
  expect(fitted(at(width), line)).toEqual(lines);
});

test('a row that is too long does not widen the columns of the others', () => {
  const rows = [
    ['name', '1', 'why'],
    ['n'.repeat(60), '2', 'why not'],
    ['other', '3', 'because'],
  ];
  expect(table(at(40), rows)).toEqual([
    'name   1  why',
    'n'.repeat(36),
    `    ${'n'.repeat(24)}`,
    '    2',
    '    why not',
    'other  3  because',
  ]);
});
