import { expect, it } from 'vitest';
import { utcDay } from '../../src/peers/day';

it.each([
  ['2026-06-15T00:00:00.000Z', '2026-06-15'],
  ['2026-06-15T23:59:59.999Z', '2026-06-15'],
  ['2026-06-16T00:00:00.000Z', '2026-06-16'],
  ['2026-06-15T12:00:00.000Z', '2026-06-15'],
  ['1969-12-31T23:59:59.999Z', '1969-12-31'],
])('the day of %s is %s, whatever was asked before', (moment, day) => {
  expect(utcDay(new Date(moment))).toBe(day);
});
