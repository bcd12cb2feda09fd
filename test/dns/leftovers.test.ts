import { expect, test } from 'vitest';
import { Deadline } from '../../src/dns/deadline';
import { heldNow, nothingLeft } from './leftovers';

test('a timer that is left behind is noticed', async () => {
  const deadline = new Deadline(60_000, new AbortController().signal);
  expect(heldNow('Timeout')).toBe(1);
  await expect(nothingLeft()).rejects.toThrow('left open: Timeout');
  deadline.clear();
  await nothingLeft();
});
