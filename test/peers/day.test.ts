import { expect, it } from 'vitest';
import { dayAfter, parseDay, utcDay } from '../../src/peers/day';

it.each([
  ['2026-06-15T00:00:00.000Z', '2026-06-15'],
  ['2026-06-15T23:59:59.999Z', '2026-06-15'],
  ['2026-06-16T00:00:00.000Z', '2026-06-16'],
  ['2026-06-15T12:00:00.000Z', '2026-06-15'],
  ['1969-12-31T23:59:59.999Z', '1969-12-31'],
])('the day of %s is %s, whatever was asked before', (moment, day) => {
  expect(utcDay(new Date(moment))).toBe(day);
});

it('is read only where it is one, and written in its one way', () => {
  for (const text of ['2026-02-28', '2024-02-29', '1999-12-31']) expect(parseDay(text)).toBe(text);
  for (const text of ['2026-02-29', '2026-13-01', '2026-6-1', ' 2026-06-01', '2026-06-01T00:00Z', '']) {
    expect(parseDay(text), text).toBeUndefined();
  }
});

it('is followed by the next day of the calendar', () => {
  expect(dayAfter(utcDay(new Date('2024-02-28')))).toBe('2024-02-29');
  expect(dayAfter(utcDay(new Date('2026-12-31')))).toBe('2027-01-01');
});
