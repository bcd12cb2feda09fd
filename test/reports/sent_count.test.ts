import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Day } from '../../src/peers/day';
import { SentCount } from '../../src/reports/store/sent_count';
import { presentOwner } from '../../src/state/owner';

const day = '2026-11-02' as Day;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-sent-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const counter = () => new SentCount(() => ({ directory, owner: presentOwner() }));

async function taken(by: SentCount, most: number, times: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => by.take(day, most)));
  return all.filter(Boolean).length;
}

const noted = () => JSON.parse(readFileSync(path.join(directory, 'sent.json'), 'utf8')) as unknown;

test('no more than there may be, several at a time', async () => {
  expect(await taken(counter(), 12, 40)).toBe(12);
});

test('what is not used is given back', async () => {
  const one = counter();
  expect(await taken(one, 1000, 7)).toBe(7);
  expect(noted()).toEqual({ day, count: 10 });
  await one.settle();
  expect(noted()).toEqual({ day, count: 7 });
  expect(await taken(counter(), 10, 9)).toBe(3);
});

test('a crash makes it fewer, never more', async () => {
  let sum = 0;
  for (let crash = 0; crash < 9; crash++) sum += await taken(counter(), 60, 10);
  expect(sum).toBeLessThanOrEqual(60);
  expect(sum).toBeGreaterThan(40);
});

test('the next day has an allowance of its own, and 0 is none', async () => {
  const one = counter();
  expect(await taken(one, 2, 5)).toBe(2);
  expect(await one.take('2026-11-03' as Day, 2)).toBe(true);
  expect(await one.take('2026-11-04' as Day, 0)).toBe(false);
});

test.each(['', 'x', '[]', 'null', '{"day":"2026-11-02","count":-1}', '{"day":"never","count":9}'])(
  'a file that says %j says nothing',
  async (text) => {
    writeFileSync(path.join(directory, 'sent.json'), text);
    expect(await taken(counter(), 3, 9)).toBe(3);
  },
);
