import { expect, test } from 'vitest';
import { withDeadline } from '../../src/deadline';
import { heldNow, nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

test('a timer that is left behind is noticed', async () => {
  let finish: () => void = () => undefined;
  const done = withDeadline(60_000, undefined, () => new Promise<void>((resolve) => (finish = resolve)));
  expect(heldNow('Timeout')).toBe(1);
  await expect(nothingLeft()).rejects.toThrow('left open: Timeout');
  finish();
  await done;
  await nothingLeft();
});
