import { expect, test } from 'vitest';
import { Gate } from '../../src/dns/fair_semaphore';

const never = new AbortController().signal;

test('no more get in than there are places, and the others follow in line', async () => {
  const gate = new Gate(2);
  const entered: number[] = [];
  const all = [0, 1, 2, 3].map(async (i) => {
    await gate.enter('a', never);
    entered.push(i);
  });
  await Promise.all(all.slice(0, 2));
  expect(entered).toEqual([0, 1]);
  gate.leave();
  await all[2];
  expect(entered).toEqual([0, 1, 2]);
  gate.leave();
  await all[3];
  expect(entered).toEqual([0, 1, 2, 3]);
});

test('who gives up while waiting takes no place', async () => {
  const gate = new Gate(1);
  await gate.enter('a', never);
  const controller = new AbortController();
  const waiting = gate.enter('a', controller.signal);
  controller.abort();
  expect(await waiting).toBe('aborted');
  const next = gate.enter('a', never);
  gate.leave();
  expect(await next).toBe('entered');
});

test('who gave up before is not let in', async () => {
  const gate = new Gate(1);
  expect(await gate.enter('a', AbortSignal.abort())).toBe('aborted');
  expect(await gate.enter('a', never)).toBe('entered');
});

test('each has its turn, however many of another wait before him', async () => {
  const gate = new Gate(1);
  await gate.enter('a', never);
  const entered: string[] = [];
  for (const whose of ['a', 'a', 'a', 'b', 'b', 'c']) {
    void gate.enter(whose, never).then(() => entered.push(whose));
  }
  for (let left = 6; left > 0; left--) {
    gate.leave();
    await Promise.resolve();
  }
  expect(entered).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
});

test('all places are free again when nobody is left', async () => {
  const gate = new Gate(2);
  const all = ['a', 'a', 'b', 'a'].map((whose) => gate.enter(whose, never).then(() => gate.leave()));
  await Promise.all(all);
  await gate.enter('a', never);
  const second = gate.enter('b', never);
  expect(await Promise.race([second, new Promise((resolve) => setImmediate(resolve, 'waits'))])).toBe(
    'entered',
  );
});
