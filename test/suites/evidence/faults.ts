/** A disk that is full or not there, and a process that is killed while it writes. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import { createFileReader } from '../../../src/evidence/store/file_reader';
import { dayBefore, utcDay } from '../../../src/peers/day';
import { presentOwner } from '../../../src/state/owner';

const times = 50;

export async function killWriters(print: (line: string) => void): Promise<boolean> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-kill-'));
  try {
    let [stored, begun] = [0, 0];
    for (let time = 0; time < times; time++) {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', path.join(import.meta.dirname, 'kill_child.ts'), directory],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let told = '';
      const first = once(child.stdout, 'data');
      child.stdout.on('data', (piece: Buffer) => (told += piece.toString()));
      await first;
      await waitFor(Math.random() * 60);
      child.kill('SIGKILL');
      await once(child, 'close');
      stored += lastOf(told, 'stored');
      begun += lastOf(told, 'begun');
    }
    const today = utcDay(new Date());
    const reader = createFileReader({ directory, owner: presentOwner(), today });
    const { rows, problems } = await reader.read({ from: dayBefore(today, 1), to: today });
    let found = 0;
    for (const { sightings } of rows) for (const [, count] of sightings) found += count;
    const other = problems.filter((problem) => !problem.endsWith('damaged line is left out'));
    print(
      `killed ${times} times: ${stored} were stored for certain, ${begun} at most, ${found} read back; ${problems.length} half lines`,
    );
    for (const problem of other) print(problem);
    return other.length === 0 && found >= stored && found <= begun && stored > 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function lastOf(told: string, word: string): number {
  return Number([...told.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
}

/** Mail flows whatever becomes of the disk, and what was counted is there once it is back. */
export async function breakDisk(print: (line: string) => void): Promise<boolean> {
  const place = mkdtempSync(path.join(tmpdir(), 'tls-peers-disk-'));
  const directory = path.join(place, 'evidence');
  const lab = await startLab(
    { domains: { 'peer.example': {} } },
    { workers: 2, config: { 'tls-peers.ini': `[evidence]\ndirectory = ${directory}\n` } },
  );
  let mounted = false;
  try {
    writeFileSync(directory, 'a file in its place');
    await send(lab, 20);
    await lab.haraka.waitForLog(/evidence: .*cannot be written/);
    rmSync(directory);
    await send(lab, 5);
    await waitUntilCounted(lab, 25);
    print('a file in place of the directory: 25 messages delivered, 25 counted afterwards');
    let expected = 25;
    if (process.getuid?.() === 0) {
      const from = lab.haraka.logLines.length;
      chownSync(directory, 12_345, 12_345);
      await send(lab, 10);
      await lab.haraka.waitForLog(/evidence: .*belongs to another user/, { from });
      chownSync(directory, 0, 0);
      await send(lab, 5);
      await waitUntilCounted(lab, (expected += 15));
      print('a directory of another user: 15 more delivered, all 40 counted afterwards');
    } else print('SKIPPED: a directory of another user (only root can give one away)');
    rmSync(directory, { recursive: true });
    mkdirSync(directory, { mode: 0o700 });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=700', 'tmpfs', directory], {
        stdio: 'pipe',
      });
      mounted = true;
    } catch {
      print('SKIPPED: a full disk (no right to mount one)');
    }
    if (mounted) {
      const fillers = fill(directory);
      const from = lab.haraka.logLines.length;
      await send(lab, 20);
      await lab.haraka.waitForLog(/evidence: .*(?:ENOSPC|no space)/, { from });
      for (const filler of fillers) rmSync(filler, { force: true });
      await send(lab, 5);
      await waitUntilCounted(lab, (expected += 25));
      print(`a full disk: 25 more delivered, all ${expected} counted afterwards`);
      const readOnlyFrom = lab.haraka.logLines.length;
      execFileSync('mount', ['-o', 'remount,ro', directory]);
      await send(lab, 10);
      await lab.haraka.waitForLog(/evidence: .*(?:EROFS|read-only)/, { from: readOnlyFrom });
      execFileSync('mount', ['-o', 'remount,rw', directory]);
      await send(lab, 5);
      await waitUntilCounted(lab, (expected += 15));
      print(`a disk that is read-only: 15 more delivered, all ${expected} counted afterwards`);
    }
    return lab.peer('mx.peer.example').messages.length === expected;
  } finally {
    await lab.stop();
    if (mounted) execFileSync('umount', ['-l', directory]);
    rmSync(place, { recursive: true, force: true });
  }
}

/** Until nothing more fits. @returns what was put there */
function fill(directory: string): string[] {
  const fillers: string[] = [];
  try {
    for (;;) {
      const filler = path.join(directory, `filler${fillers.length}`);
      fillers.push(filler);
      writeFileSync(filler, Buffer.alloc(4096));
    }
  } catch {
    return fillers;
  }
}

async function send(lab: Lab, messages: number): Promise<void> {
  const outcomes = await Promise.all(
    Array.from({ length: messages }, () => lab.deliver({ from: 'me@ours.example', to: 'you@peer.example' })),
  );
  const lost = outcomes.find(({ status }) => status !== 'delivered');
  if (lost !== undefined) throw new Error(`a message was ${lost.status}: ${lost.error}`);
}

async function waitUntilCounted(lab: Lab, messages: number): Promise<void> {
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  let found = 0;
  for (let tries = 0; tries < 80; tries++) {
    const text = execFileSync(process.execPath, [cli, 'traffic', '-c', lab.haraka.directory, '--json'], {
      encoding: 'utf8',
    });
    found = (JSON.parse(text) as { total: { messages: number } }).total.messages;
    if (found === messages) return;
    await waitFor(250);
  }
  throw new Error(`${found} messages are counted instead of ${messages}`);
}

function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
