/** A disk that is full, and a directory that Haraka may not use: no message may notice. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { World } from '../../../haraka-test-harness/world';
import { heldIn, trackIn, until } from './calls';

const world: World = {
  domains: { 'good.example': {}, 'clear.example': { mx: [{ behaviour: 'no-starttls' }] } },
};

const rules = { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' };

const settings = (directory: string): string => `[evidence]\ntrack = true\ndirectory = ${directory}\n`;

export async function breakDisk(print: (line: string) => void): Promise<void> {
  const place = mkdtempSync(path.join(tmpdir(), 'tls-peers-held-disk-'));
  const directory = path.join(place, 'evidence');
  mkdirSync(directory, { mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    print('SKIPPED: no right to mount a small disk');
    rmSync(place, { recursive: true, force: true });
    return;
  }
  const filler = path.join(directory, 'filler');
  const lab = await startLab(world, {
    workers: 2,
    config: { 'tls-peers.ini': settings(directory), ...rules },
  });
  try {
    fill(filler);
    await send(lab, 30);
    await lab.haraka.waitForLog(/track: .*(?:ENOSPC|no space)/i, { timeoutMs: 30_000 });
    await lab.haraka.waitForLog(/held: .*(?:ENOSPC|no space)/i, { timeoutMs: 30_000 });
    rmSync(filler);
    await send(lab, 5);
    await told(lab, 35);
    print('a full disk: 70 messages fared as ever, and all of them are told once it is back');
  } finally {
    await lab.stop();
    execFileSync('umount', ['-l', directory]);
    rmSync(place, { recursive: true, force: true });
  }
}

export async function foreignDirectory(print: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0) {
    print('SKIPPED: it takes root to give a directory to somebody else');
    return;
  }
  const place = mkdtempSync(path.join(tmpdir(), 'tls-peers-held-dir-'));
  chmodSync(place, 0o755);
  const directory = path.join(place, 'evidence');
  mkdirSync(directory, { mode: 0o700 });
  // Of a user who is neither root nor Haraka's.
  chownSync(directory, 12_345, 12_345);
  const lab = await startLab(world, {
    workers: 2,
    user: 'nobody',
    config: { 'tls-peers.ini': settings(directory), ...rules },
  });
  try {
    await send(lab, 10);
    await lab.haraka.waitForLog(/track: .*belongs to another user/, { timeoutMs: 30_000 });
    const { otherwise, messages } = heldIn(lab);
    if (otherwise.notKnown !== 10 || messages.length > 0)
      throw new Error(`told is ${JSON.stringify(otherwise)}`);
    print(
      'a directory of somebody else: 20 messages fared as ever, and why 10 of them wait is told to be unknown',
    );
    const ids = [process.getuid(), Number(execFileSync('id', ['-u', 'nobody']))];
    chownSync(directory, ids[1] ?? 0, 0);
    await send(lab, 5);
    await told(lab, 15);
    print('given back: all is told');
  } finally {
    await lab.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

function fill(file: string): void {
  try {
    for (let pages = 16; pages > 0; pages--) writeFileSync(file, Buffer.alloc(4096), { flag: 'a' });
  } catch {
    // It is full.
  }
}

/** So many that go, and so many that a rule holds back. */
async function send(lab: Lab, times: number): Promise<void> {
  const to = (domain: string) =>
    Array.from({ length: times }, () => lab.deliver({ from: 'me@ours.example', to: `you@${domain}` }));
  const [went, held] = await Promise.all([Promise.all(to('good.example')), Promise.all(to('clear.example'))]);
  const lost =
    went.find(({ status }) => status !== 'delivered') ?? held.find(({ status }) => status !== 'deferred');
  if (lost !== undefined) throw new Error(`a message was ${lost.status}: ${lost.error}`);
}

async function told(lab: Lab, times: number): Promise<void> {
  let last = '';
  await until(
    () => {
      const { messages } = heldIn(lab);
      const { rows, problems } = trackIn(lab);
      const went = rows.filter(({ outcome }) => outcome === 'delivered').length;
      last = `${messages.length} held, ${rows.length} rows, ${went} delivered; ${problems.join('; ')}`;
      return messages.length === times && rows.length === 2 * times && went === times ? true : undefined;
    },
    () => `told at last is ${last}, should be ${times} of each`,
  );
}
