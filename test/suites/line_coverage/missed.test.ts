import { describe, expect, it } from 'vitest';
import { explainMissed } from './missed';
import type { Lines } from './lines';
import type { Reason } from './reasons';

const texts = new Map([['a.ts', ['one', '  two', '  three', 'four', 'four']]]);
const lines: Lines = new Map([
  [
    'a.ts',
    new Map([
      [1, 'ran'],
      [2, 'missed'],
      [3, 'missed'],
    ]),
  ],
]);
const why = (from: string, more: Partial<Reason> = {}): Reason => ({
  file: 'a.ts',
  from,
  reason: 'as the test says',
  ...more,
});

describe('lines that did not run', () => {
  it('have the reason of the place that they are in', () => {
    expect(explainMissed(lines, texts, [why('two')]).missed).toEqual([
      { file: 'a.ts', line: 2, text: 'two', reason: 'as the test says' },
      { file: 'a.ts', line: 3, text: 'three', reason: '' },
    ]);
    expect(explainMissed(lines, texts, [why('two', { lines: 2 })])).toMatchObject({
      missed: [{ reason: 'as the test says' }, { reason: 'as the test says' }],
      stale: [],
    });
  });

  it.each([
    ['ran', why('one'), 'a.ts, ran: one'],
    ['is gone', why('five'), 'a.ts has 0 lines like: five'],
    ['is there twice', why('four'), 'a.ts has 2 lines like: four'],
    ['is of a file that is gone', { ...why('one'), file: 'b.ts' }, 'b.ts has 0 lines like: one'],
  ])('a reason is stale where its line %s', (_how, reason, stale) => {
    expect(explainMissed(lines, texts, [reason]).stale).toEqual([stale]);
  });

  it('a reason by chance is not stale where the line ran', () => {
    expect(explainMissed(lines, texts, [why('one', { runs: 'by_chance' })]).stale).toEqual([]);
  });
});
