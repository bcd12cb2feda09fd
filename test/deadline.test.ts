import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeadlinePassed, unlessAborted, withDeadline, within, type Limit } from '../src/deadline';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

describe('work with a deadline', () => {
  it('passes on what it comes to, and leaves no timer', async () => {
    await expect(within(1000, 'it', () => Promise.resolve(7))).resolves.toBe(7);
    await expect(within(1000, 'it', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects where it cannot even begin, and leaves no timer', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    await expect(within(1000, 'it', broken)).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up when time is up, listening or not', async () => {
    const outcome = expect(within(2000, 'it', () => never)).rejects.toThrow('it took more than 2 s');
    vi.advanceTimersByTime(2000);
    await outcome;
  });

  it('may answer with what it has shortly before', async () => {
    const heeding = (limit: Limit): Promise<string> => unlessAborted(never, limit.signal, () => 'half of it');
    const outcome = within(2000, 'it', heeding);
    vi.advanceTimersByTime(1900);
    await expect(outcome).resolves.toBe('half of it');
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['before', 'after'] as const)('has an aborted signal then, asked for %s', async (when) => {
    let limit: Limit | undefined;
    const outcome = within(1000, 'it', (given) => {
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

describe('a signal with a deadline', () => {
  const heeding = (signal: AbortSignal): Promise<unknown> =>
    unlessAborted(never, signal, () => signal.reason as unknown);

  it('aborts when time is up, and leaves no timer', async () => {
    const outcome = withDeadline(1000, undefined, heeding);
    vi.advanceTimersByTime(1000);
    expect(await outcome).toBeInstanceOf(DeadlinePassed);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['before', 'meanwhile'] as const)('aborts with its parent, which was aborted %s', async (when) => {
    const parent = new AbortController();
    if (when === 'before') parent.abort('enough');
    const outcome = withDeadline(1000, parent.signal, heeding);
    if (when === 'meanwhile') parent.abort('enough');
    expect(await outcome).toBe('enough');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer where the task fails', async () => {
    const failing = withDeadline(1000, undefined, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a signal that many listen to', () => {
  it.each([
    [
      'withDeadline',
      (task: (signal: AbortSignal) => Promise<unknown>) => withDeadline(1000, undefined, task),
    ],
    [
      'within',
      (task: (signal: AbortSignal) => Promise<unknown>) => within(1000, 'it', (limit) => task(limit.signal)),
    ],
  ])('of %s is nothing that Node warns of', async (_, run) => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    try {
      await run((signal) => {
        for (let i = 0; i < 30; i++) signal.addEventListener('abort', () => undefined, { once: true });
        return Promise.resolve();
      });
      // It is told in a later turn.
      await new Promise((resolve) => process.nextTick(resolve));
      vi.useRealTimers();
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', note);
    }
  });
});
