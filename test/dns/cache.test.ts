import { describe, expect, test } from 'vitest';
import { AnswerCache, defaultCacheOptions, type CacheOptions } from '../../src/dns/cache';
import type { Answer } from '../../src/dns/types';

const question = { name: 'a.example', type: 'A' } as const;
const cancelled = (): Answer<string> => ({ kind: 'failed', cause: 'cancelled', detail: '' });
const records = (ttl: number): Answer<string> => ({
  kind: 'records',
  secure: true,
  records: ['192.0.2.1'],
  canonicalName: 'a.example',
  ttl,
});
const failed: Answer<string> = { kind: 'failed', cause: 'timeout', detail: '' };

/** A cache with a clock that the test turns. */
function setUp(options: Partial<CacheOptions> = {}) {
  const clock = { ms: 1 };
  const cache = new AnswerCache<Answer<string>>(
    { ...defaultCacheOptions, ...options },
    () => 100,
    () => clock.ms,
  );
  const get = (answer: Answer<string>, name = 'a.example') =>
    cache.get({ ...question, name }, undefined, () => Promise.resolve(answer), cancelled);
  return { clock, cache, get };
}

describe('how long an answer is kept', () => {
  test.each([
    ['records for their TTL', records(100), 99.9, 'kept'],
    ['records for no longer', records(100), 100.1, 'gone'],
    ['a failure for seconds', failed, 4.9, 'kept'],
    ['a failure for no longer', failed, 5.1, 'gone'],
    ['what was cancelled not at all', cancelled(), 0, 'gone'],
    [
      'without a resolver not at all',
      { kind: 'failed', cause: 'no_resolver', detail: '' } as const,
      0,
      'gone',
    ],
  ])('%s', async (_name, answer, seconds, expected) => {
    const { clock, cache, get } = setUp();
    await get(answer);
    clock.ms += seconds * 1000;
    await get(answer);
    expect(cache.misses === 1 ? 'kept' : 'gone').toBe(expected);
  });

  test('a kept answer is the same object each time', async () => {
    const { clock, get } = setUp();
    const first = await get(records(100));
    clock.ms += 40_000;
    expect(await get(records(100))).toBe(first);
  });

  test.each([
    [0, 5],
    [60, 60],
    [9_999_999, 86_400],
  ])('records with a TTL of %i s for %i s', (ttl, kept) => {
    expect(setUp().cache.recordsTtl(ttl)).toBe(kept);
  });

  test.each([
    [undefined, 5],
    [0, 5],
    [60, 60],
    [86_400, 3_600],
  ])('a denial with a TTL of %s for %i s', (ttl, kept) => {
    expect(setUp().cache.denialTtl(ttl)).toBe(kept);
  });
});

describe('how much is kept', () => {
  test('no more entries than allowed', async () => {
    const { cache, get } = setUp({ maxEntries: 10 });
    for (let i = 0; i < 100; i++) await get(records(100), `${i}.example`);
    expect(cache.entries).toBe(10);
  });

  test('no more octets than allowed', async () => {
    const { cache, get } = setUp({ maxSize: 2_000 });
    for (let i = 0; i < 100; i++) await get(records(100), `${i}.example`);
    expect(cache.entries).toBeLessThan(10);
    expect(cache.entries).toBeGreaterThan(5);
  });
});

test('a cache of no entries keeps nothing', async () => {
  const { cache, get } = setUp({ maxEntries: 0 });
  await get(records(100));
  await get(records(100));
  expect([cache.entries, cache.misses]).toEqual([0, 2]);
});

describe('a question that was given up', () => {
  test('is asked anew by whoever comes next', async () => {
    const { cache, get } = setUp();
    const controller = new AbortController();
    let aborted = false;
    const never = (signal: AbortSignal) =>
      new Promise<Answer<string>>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve(failed);
        });
      });
    const first = cache.get(question, controller.signal, never, cancelled);
    controller.abort();
    expect(await get(records(100))).toMatchObject({ kind: 'records' });
    expect(await first).toEqual(cancelled());
    expect(aborted).toBe(true);
    expect(await get(failed)).toMatchObject({ kind: 'records' });
  });
});
