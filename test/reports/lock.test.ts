import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SenderLock } from '../../src/reports/store/lock';

let directory: string;
const locks: SenderLock[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-lock-'));
});
afterEach(async () => {
  for (const lock of locks.splice(0)) await lock.release();
  rmSync(directory, { recursive: true, force: true });
});

function lock(): SenderLock {
  const made = new SenderLock(directory);
  locks.push(made);
  return made;
}

/** As a process leaves it behind that was killed. */
function heldBy(pid: number | undefined, host = hostname(), number = 1): void {
  writeFileSync(
    path.join(directory, `sender.${number}.json`),
    JSON.stringify({ host, pid, token: '0'.repeat(16) }),
  );
}

const gone = (): number => spawnSync('true').pid;

test('one has it, until it is given back', async () => {
  const [a, b] = [lock(), lock()];
  expect([await a.take(), await b.take(), await a.take()]).toEqual(['held', 'others', 'held']);
  await a.release();
  expect([await b.take(), await a.isHeld()]).toEqual(['held', false]);
});

test.each([
  ['nobody had it', () => undefined],
  ['a process that is gone had it', () => heldBy(gone())],
  ['a process of our own number had it', () => heldBy(process.pid)],
])('where %s, one of many gets it', async (_, before) => {
  for (let round = 0; round < 20; round++) {
    rmSync(directory, { recursive: true });
    directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-lock-'));
    before();
    const all = Array.from({ length: 16 }, lock);
    await Promise.all(all.map((one) => one.take()));
    // Whoever was in between may try again.
    await Promise.all(all.map((one) => one.take()));
    const held = await Promise.all(all.map((one) => one.isHeld()));
    expect(held.filter(Boolean)).toHaveLength(1);
    expect(readdirSync(directory)).toHaveLength(1);
  }
});

test('a process of another host is waited for as long as it shows life', async () => {
  heldBy(gone(), 'elsewhere.example');
  expect(await lock().take()).toBe('others');
  const long = new Date(Date.now() - 200_000);
  utimesSync(path.join(directory, 'sender.1.json'), long, long);
  expect(await lock().take()).toBe('held');
});

test('who stood still for too long does not have it any more, and knows', async () => {
  const [a, b] = [lock(), lock()];
  await a.take();
  const long = new Date(Date.now() - 200_000);
  utimesSync(path.join(directory, 'sender.1.json'), long, long);
  expect(await b.take()).toBe('held');
  expect([await a.isHeld(), await a.take(), await b.isHeld()]).toEqual([false, 'others', true]);
});

test('a file that was begun and not finished is waited for, too', async () => {
  writeFileSync(path.join(directory, 'sender.7.json'), '');
  expect(await lock().take()).toBe('others');
});
