import { describe, expect, it } from 'vitest';
import { isWritten } from '../../src/delivery/haraka';

describe('a line for Haraka’s log is worth making', () => {
  it.each([
    [6, 'debug', false],
    [7, 'debug', true],
    [7, 'protocol', false],
    [8, 'protocol', true],
    [9, 'protocol', true],
  ] as const)('at level %i, of kind %s: %s', (loglevel, level, expected) => {
    expect(isWritten({ loglevel }, level)).toBe(expected);
  });

  it('where Haraka does not tell its level', () => {
    expect(isWritten({}, 'protocol')).toBe(true);
  });
});
