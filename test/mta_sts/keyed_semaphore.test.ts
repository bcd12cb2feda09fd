import { describe, expect, it } from 'vitest';
import { createGate } from '../../src/mta_sts/keyed_semaphore';

const { signal } = new AbortController();

/** Which of these have entered by now. */
async function entered(all: Promise<unknown>[]): Promise<boolean[]> {
  const later = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.all(all.map((each) => Promise.race([each.then(() => true), later])));
}

describe('the gate', () => {
  it('lets in as many as it may, and the next as one leaves', async () => {
    const gate = createGate({ total: 2, perAddress: 9 });
    const all = ['a', 'b', 'c', 'd'].map((address) => gate.enter(address, signal));
    expect(await entered(all)).toEqual([true, true, false, false]);
    (await all[0]!)();
    expect(await entered(all)).toEqual([true, true, true, false]);
  });

  it('lets another address past those that wait for a busy one', async () => {
    const gate = createGate({ total: 3, perAddress: 1 });
    const all = ['a', 'a', 'a', 'b'].map((address) => gate.enter(address, signal));
    expect(await entered(all)).toEqual([true, false, false, true]);
    (await all[0]!)();
    expect(await entered(all)).toEqual([true, true, false, true]);
  });

  it('counts one who leaves twice once', async () => {
    const gate = createGate({ total: 1, perAddress: 1 });
    const leave = await gate.enter('a', signal);
    leave();
    leave();
    const all = ['a', 'b'].map((address) => gate.enter(address, signal));
    expect(await entered(all)).toEqual([true, false]);
  });

  it('forgets one who gave up waiting', async () => {
    const gate = createGate({ total: 1, perAddress: 1 });
    const leave = await gate.enter('a', signal);
    const impatient = new AbortController();
    const second = gate.enter('a', impatient.signal);
    const third = gate.enter('a', signal);
    impatient.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    leave();
    expect(await entered([third])).toEqual([true]);
  });

  it('does not let in one who gave up before', async () => {
    const gate = createGate({ total: 1, perAddress: 1 });
    await expect(gate.enter('a', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(await entered([gate.enter('a', signal)])).toEqual([true]);
  });
});
