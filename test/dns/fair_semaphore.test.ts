import { expect, test } from 'vitest';
import { FairSemaphore } from '../../src/dns/fair_semaphore';

const never = new AbortController().signal;

test('no more get in than there are places, and the others follow in line', async () => {
  const semaphore = new FairSemaphore(2);
  const entered: number[] = [];
  const all = [0, 1, 2, 3].map(async (i) => {
    await semaphore.acquire('a', never);
    entered.push(i);
  });
  await Promise.all(all.slice(0, 2));
  expect(entered).toEqual([0, 1]);
  semaphore.release();
  await all[2];
  expect(entered).toEqual([0, 1, 2]);
  semaphore.release();
  await all[3];
  expect(entered).toEqual([0, 1, 2, 3]);
});

test('who gives up while waiting takes no place', async () => {
  const semaphore = new FairSemaphore(1);
  await semaphore.acquire('a', never);
  const controller = new AbortController();
  const waiting = semaphore.acquire('a', controller.signal);
  controller.abort();
  expect(await waiting).toBe('aborted');
  const next = semaphore.acquire('a', never);
  semaphore.release();
  expect(await next).toBe('acquired');
});

test('who gave up before is not let in', async () => {
  const semaphore = new FairSemaphore(1);
  expect(await semaphore.acquire('a', AbortSignal.abort())).toBe('aborted');
  expect(await semaphore.acquire('a', never)).toBe('acquired');
});

test('each has its turn, however many of another wait before him', async () => {
  const semaphore = new FairSemaphore(1);
  await semaphore.acquire('a', never);
  const entered: string[] = [];
  for (const whose of ['a', 'a', 'a', 'b', 'b', 'c']) {
    void semaphore.acquire(whose, never).then(() => entered.push(whose));
  }
  for (let left = 6; left > 0; left--) {
    semaphore.release();
    await Promise.resolve();
  }
  expect(entered).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
});

test('all places are free again when nobody is left', async () => {
  const semaphore = new FairSemaphore(2);
  const all = ['a', 'a', 'b', 'a'].map((whose) =>
    semaphore.acquire(whose, never).then(() => semaphore.release()),
  );
  await Promise.all(all);
  await semaphore.acquire('a', never);
  const second = semaphore.acquire('b', never);
  expect(await Promise.race([second, new Promise((resolve) => setImmediate(resolve, 'waits'))])).toBe(
    'acquired',
  );
});
