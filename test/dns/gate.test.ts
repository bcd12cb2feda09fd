import { expect, test } from 'vitest';
import { Gate } from '../../src/dns/gate';

const never = new AbortController().signal;

test('no more get in than there are places, and the others follow in line', async () => {
  const gate = new Gate(2);
  const entered: number[] = [];
  const all = [0, 1, 2, 3].map(async (i) => {
    await gate.enter(never);
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
  await gate.enter(never);
  const controller = new AbortController();
  const waiting = gate.enter(controller.signal);
  controller.abort();
  expect(await waiting).toBe('aborted');
  const next = gate.enter(never);
  gate.leave();
  expect(await next).toBe('entered');
});

test('who gave up before is not let in', async () => {
  const gate = new Gate(1);
  expect(await gate.enter(AbortSignal.abort())).toBe('aborted');
  expect(await gate.enter(never)).toBe('entered');
});
