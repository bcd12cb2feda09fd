import { expect, test } from 'vitest';
import { Told } from '../../plugins/news';

test('what several processes find out is news once, and again when one of them finds it out again', () => {
  const told = new Told();
  const news = (...from: readonly number[]) => from.map((one) => told.isNews('a rule was changed', one));
  expect(news(0, 1, 2)).toEqual([true, false, false]);
  expect(news(2)).toEqual([true]);
  expect(news(1, 0)).toEqual([false, false]);
  expect(news(0, 2, 1)).toEqual([true, false, false]);
  expect(told.isNews('another was changed', 2)).toBe(true);
});
