import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startMeter } from '../../src/cli/meter';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a task that is done soon says nothing; one that takes long says how far it is', () => {
  const said: string[] = [];
  const meter = startMeter('looking', 3, (line) => said.push(line));
  vi.advanceTimersByTime(2_900);
  meter.advance('a');
  expect(said).toEqual([]);
  vi.advanceTimersByTime(200);
  meter.advance('b');
  expect(said).toEqual(['looking: 1 of 3', 'looking: 2 of 3: b']);
  meter.stop();
  expect(vi.getTimerCount()).toBe(0);
});
