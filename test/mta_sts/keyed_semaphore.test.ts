import { describe, expect, it } from 'vitest';
import { KeyedSemaphore } from '../../src/mta_sts/keyed_semaphore';

const { signal } = new AbortController();

/** Which of these have entered by now. */
async function entered(all: Promise<unknown>[]): Promise<boolean[]> {
  const later = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.all(all.map((each) => Promise.race([each.then(() => true), later])));
}

describe('the semaphore', () => {
  it('lets in as many as it may, and the next as one leaves', async () => {
    const semaphore = new KeyedSemaphore({ total: 2, perKey: 9 });
    const all = ['a', 'b', 'c', 'd'].map((address) => semaphore.acquire(address, signal));
    expect(await entered(all)).toEqual([true, true, false, false]);
    (await all[0]!)();
    expect(await entered(all)).toEqual([true, true, true, false]);
  });

  it('lets another address past those that wait for a busy one', async () => {
    const semaphore = new KeyedSemaphore({ total: 3, perKey: 1 });
    const all = ['a', 'a', 'a', 'b'].map((address) => semaphore.acquire(address, signal));
    expect(await entered(all)).toEqual([true, false, false, true]);
    (await all[0]!)();
    expect(await entered(all)).toEqual([true, true, false, true]);
  });

  it('counts one who leaves twice once', async () => {
    const semaphore = new KeyedSemaphore({ total: 1, perKey: 1 });
    const leave = await semaphore.acquire('a', signal);
    leave();
    leave();
    const all = ['a', 'b'].map((address) => semaphore.acquire(address, signal));
    expect(await entered(all)).toEqual([true, false]);
  });

  it('forgets one who gave up waiting', async () => {
    const semaphore = new KeyedSemaphore({ total: 1, perKey: 1 });
    const leave = await semaphore.acquire('a', signal);
    const impatient = new AbortController();
    const second = semaphore.acquire('a', impatient.signal);
    const third = semaphore.acquire('a', signal);
    impatient.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    leave();
    expect(await entered([third])).toEqual([true]);
  });

  it('does not let in one who gave up before', async () => {
    const semaphore = new KeyedSemaphore({ total: 1, perKey: 1 });
    await expect(semaphore.acquire('a', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(await entered([semaphore.acquire('a', signal)])).toEqual([true]);
  });
});
