import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline, type Limit } from '../../src/delivery/deadline';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

describe('work with a deadline', () => {
  it('passes on what it comes to, and leaves no timer', async () => {
    await expect(withDeadline(1000, 'it', () => Promise.resolve(7))).resolves.toBe(7);
    await expect(withDeadline(1000, 'it', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects where it cannot even begin, and leaves no timer', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    await expect(withDeadline(1000, 'it', broken)).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up when time is up, listening or not', async () => {
    const outcome = expect(withDeadline(2000, 'it', () => never)).rejects.toThrow('it took more than 2 s');
    vi.advanceTimersByTime(2000);
    await outcome;
  });

  it.each(['before', 'after'] as const)('has an aborted signal then, asked for %s', async (when) => {
    let limit: Limit | undefined;
    const outcome = withDeadline(1000, 'it', (given) => {
      limit = given;
      if (when === 'before') expect(given.signal.aborted).toBe(false);
      return never;
    });
    const gone = expect(outcome).rejects.toThrow();
    vi.advanceTimersByTime(1000);
    await gone;
    expect(limit?.signal.aborted).toBe(true);
  });
});
