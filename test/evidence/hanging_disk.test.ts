/** A disk that does not answer: a process that waited for it would stand still, mail and all. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createFileWriter } from '../../src/evidence/store/file_writer';
import { createHeldWriter } from '../../src/evidence/store/held_writer';
import { createTrackWriter } from '../../src/evidence/store/track_writer';
import { unseen } from '../../src/evidence/sighting';
import type { TrackRow } from '../../src/evidence/track';
import { silent } from '../../src/log';
import { presentOwner } from '../../src/state/owner';
import { closeLater, patience, type Storing } from '../../src/state/patience';

let directory = '';
let said: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-hanging-'));
  said = [];
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function about() {
  const log = {
    ...silent,
    warn: (line: string) => said.push(line),
    notice: (line: string) => said.push(line),
  };
  return { directory, owner: presentOwner(), log, now: () => new Date('2026-11-29T12:00:00Z'), days: 30 };
}

const key = { managed: '', direction: 'out', peer: 'peer.example' } as const;
const row = { at: 1, direction: 'out', id: '', from: '', to: '', rule: '', host: '', text: '' } as TrackRow;
const told = { rule: 'r', level: 'mandatory', reply: '', reasons: [] };

const writers: readonly (readonly [name: string, open: () => Storing & { add(): void }])[] = [
  [
    'counts',
    () => {
      const one = createFileWriter({ ...about(), maxPeers: 10, isNamed: () => false });
      const add = () => one.add(key, { ...unseen, outcome: 'delivered', level: 'auto' });
      return { add, flush: () => one.flush(), close: () => one.close() };
    },
  ],
  [
    'reasons why messages wait',
    () => {
      const one = createHeldWriter({ ...about(), queue: directory });
      const add = () => one.deferred('1_2_1_7_abcdef_1_host', 1, { managed: '', peer: 'p.example' }, told);
      return { add, flush: () => one.flush(), close: () => one.close() };
    },
  ],
  [
    'lines for recipients',
    () => {
      const one = createTrackWriter({ ...about(), mostOctets: 1e9 });
      const add = () => one.add(row);
      return { add, flush: () => one.flush(), close: () => one.close() };
    },
  ],
];

/** Octets in files that are no temporary ones. */
function stored(): number {
  const names = readdirSync(directory).filter((name) => !name.startsWith('.'));
  return names.reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

/** @returns what resolves once something waits for the disk */
async function hang(): Promise<{ readonly begun: Promise<void> }> {
  const handle = await fs.open(directory);
  const prototype = Object.getPrototypeOf(handle) as fs.FileHandle;
  await handle.close();
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const never = () => {
    begin();
    return new Promise<never>(() => undefined);
  };
  vi.spyOn(prototype, 'write').mockImplementation(never);
  vi.spyOn(prototype, 'writeFile').mockImplementation(never);
  return { begun };
}

it.each(writers)('what is written to it last is given up: %s', async (_name, open) => {
  const { begun } = await hang();
  const writer = open();
  writer.add();
  void writer.flush();
  await begun;
  const later = performance.now() + patience + 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => later);
  writer.close();
  expect(said).toEqual([expect.stringContaining('the disk does not answer')]);
  expect(stored()).toBe(0);
});

it.each(writers)(
  'a writer that is not used any more stores what it has, and is closed: %s',
  async (_name, open) => {
    const writer = open();
    writer.add();
    let octetsWhenClosed = -1;
    closeLater({
      flush: () => writer.flush(),
      close: () => {
        octetsWhenClosed = stored();
        writer.close();
      },
    });
    expect(stored()).toBe(0);
    await expect.poll(() => octetsWhenClosed).toBeGreaterThan(0);
    expect(said).toEqual([]);
  },
);
