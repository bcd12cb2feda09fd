import { describe, expect, it } from 'vitest';
import { explainMissed } from './missed';

/** What comes of a source: `!` begins a line that ran, `?` one that did not, and a blank one that does not count. */
function explain(source: string) {
  const marked = source.replace(/^\n|\n$/g, '').split('\n');
  const states = marked.flatMap((line, index) => {
    const state = { '!': 'ran', '?': 'missed' }[line[0] ?? ''];
    return state === undefined ? [] : [[index + 1, state as 'ran' | 'missed'] as const];
  });
  return explainMissed(
    new Map([['a.ts', new Map(states)]]),
    new Map([['a.ts', marked.map((line) => line.slice(1))]]),
  );
}

const missed = (line: number, text: string, reason: string) => ({ file: 'a.ts', line, text, reason });

describe('lines that did not run', () => {
  it('have the reason of the place that they are in', () => {
    const source = `
! if (broken) { // not covered: as the test says
?   one();
?   two();
  }
? three();
`;
    const why = 'as the test says';
    expect(explain(source)).toEqual({
      missed: [missed(2, 'one();', why), missed(3, 'two();', why), missed(5, 'three();', '')],
      stale: [],
    });
  });

  it('have the reason that stands above them', () => {
    const source = `
? if (broken) {
    // not covered: as the test says
?   one();
?   two();
  }
? three();
  // not covered: as the test says
? four();

? five();
`;
    const why = 'as the test says';
    expect(explain(source)).toEqual({
      missed: [
        missed(1, 'if (broken) {', ''),
        missed(3, 'one();', why),
        missed(4, 'two();', why),
        missed(6, 'three();', ''),
        missed(8, 'four();', why),
        missed(10, 'five();', ''),
      ],
      stale: [],
    });
  });

  it.each([
    ['ran', '! one(); // not covered: why'],
    ['ran, below it', '  // not covered: why\n! one();'],
    ['ran with its block', '! if (a) { // not covered: why\n!   one();\n  }'],
  ])('a reason is stale where its line %s', (_how, source) => {
    expect(explain(source).stale).toEqual([`a.ts:${source.startsWith(' ') ? 2 : 1} ran: why`]);
  });

  it('a reason by chance is not stale where the line ran', () => {
    expect(explain('! one(); // not always covered: why').stale).toEqual([]);
  });
});
