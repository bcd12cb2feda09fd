import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DayTable, type PeerKey } from '../../src/evidence/day_table';
import type { EvidenceWriter } from '../../src/evidence/evidence';
import { createFileReader } from '../../src/evidence/store/file_reader';
import { createFileWriter, type FileWriterOptions } from '../../src/evidence/store/file_writer';
import { countsLine, evidenceHeader } from '../../src/evidence/lines';
import { sightingText, unseen, type Sighting } from '../../src/evidence/sighting';
import { silent } from '../../src/log';
import { parseDay, type Day } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';

const dayOf = (text: string) => parseDay(text) as Day;
const today = dayOf('2026-11-29');
const key: PeerKey = { managed: 'ours.example', direction: 'out', peer: 'peer.example' };
const sent: Sighting = { ...unseen, outcome: 'delivered', level: 'auto', tls: 'TLSv1.3' };

let directory = '';
let now = new Date('2026-11-29T12:00:00Z');
const said: string[] = [];
const log = { ...silent, warn: (line: string) => said.push(line), notice: (line: string) => said.push(line) };

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-evidence-'));
  now = new Date('2026-11-29T12:00:00Z');
  said.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function writer(options: Partial<FileWriterOptions> = {}): EvidenceWriter {
  return createFileWriter({
    directory,
    owner: presentOwner(),
    log,
    days: 30,
    maxPeers: 1000,
    isNamed: () => false,
    now: () => now,
    ...options,
  });
}

async function read(from = today, to = today) {
  const reader = createFileReader({ directory, owner: presentOwner(), today });
  const { rows, problems } = await reader.read({ from, to });
  const counts = rows.map(({ day, key: { peer }, sightings, strange }) => [
    day,
    peer,
    sightings.reduce((sum, [, count]) => sum + count, strange),
  ]);
  return { counts, problems };
}

describe('what is counted', () => {
  it('is read back, from several processes and flushes', async () => {
    const [one, two] = [writer(), writer()];
    one.add(key, sent);
    await one.flush();
    one.add(key, sent);
    two.add(key, { ...sent, tls: 'TLSv1.2' });
    await Promise.all([one.flush(), two.flush()]);
    one.add(key, sent);
    one.close();
    two.close();
    expect(await read()).toEqual({ counts: [[today, 'peer.example', 4]], problems: [] });
    const [name = ''] = readdirSync(directory);
    expect(statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
  });

  it('belongs to the day on which it happened, when the clock goes on or back', async () => {
    const one = writer();
    one.add(key, sent);
    now = new Date('2026-11-30T00:00:01Z');
    one.add(key, sent);
    one.add(key, sent);
    now = new Date('2026-11-29T23:59:59Z');
    one.add(key, sent);
    await one.flush();
    const next = dayOf('2026-11-30');
    const { counts, problems } = await read(today, next);
    expect(counts).toEqual([
      [today, 'peer.example', 2],
      [next, 'peer.example', 2],
    ]);
    expect(problems).toEqual([expect.stringContaining('is dated in the future')]);
  });

  it('is not lost while the disk refuses it, nor counted twice afterwards', async () => {
    const blocked = path.join(directory, 'blocked');
    writeFileSync(blocked, 'a file where the directory should be');
    const one = writer({ directory: path.join(blocked, 'evidence') });
    one.add(key, sent);
    await one.flush();
    one.add(key, sent);
    await one.flush();
    expect(said).toEqual([expect.stringContaining('cannot be written')]);
    rmSync(blocked);
    one.add(key, sent);
    await one.flush();
    directory = path.join(blocked, 'evidence');
    expect((await read()).counts).toEqual([[today, 'peer.example', 3]]);
    expect(said).toHaveLength(2);
    rmSync(directory, { recursive: true });
  });

  it('is written also where it came in during a writing, and nothing came after', async () => {
    const one = writer({ interval: 0 });
    one.add(key, sent);
    for (let at = 0; at < 900; at++) one.add({ ...key, peer: `p${at}.other` }, sent);
    const writing = one.flush();
    while (readdirSync(directory).length === 0) await new Promise(setImmediate);
    one.add(key, sent);
    await writing;
    await expect
      .poll(async () => (await read()).counts.find(([, peer]) => peer === key.peer))
      .toEqual([today, 'peer.example', 2]);
  });

  it('is given up, and said, of the oldest day where none can be written for several', () => {
    const blocked = path.join(directory, 'blocked');
    writeFileSync(blocked, 'a file where the directory should be');
    const one = writer({ directory: path.join(blocked, 'evidence') });
    for (const day of [26, 27, 28, 29]) {
      now = new Date(`2026-11-${day}T12:00:00Z`);
      one.add(key, sent);
    }
    expect(said).toEqual([expect.stringContaining('what was counted on 2026-11-26 is given up')]);
  });

  it('is written whole again where somebody changed the file or took it away', async () => {
    const one = writer();
    one.add(key, sent);
    await one.flush();
    const [name = ''] = readdirSync(directory);
    appendFileSync(path.join(directory, name), 'half a li');
    one.add(key, sent);
    await one.flush();
    one.add(key, sent);
    await one.flush();
    expect(await read()).toEqual({ counts: [[today, 'peer.example', 3]], problems: [] });
    rmSync(path.join(directory, name));
    for (let at = 0; at < 2; at++) {
      one.add(key, sent);
      await one.flush();
    }
    expect((await read()).counts).toEqual([[today, 'peer.example', 5]]);
  });

  it('counts refused senders with the others, unless mail of theirs was accepted or a rule names them', async () => {
    const one = writer({ isNamed: ({ peer }) => peer === 'named.example' });
    const from = (peer: string, outcome: Sighting['outcome']) =>
      one.add({ ...key, direction: 'in', peer }, { ...sent, outcome });
    from('known.example', 'accepted');
    from('known.example', 'refused');
    from('forged.example', 'refused');
    from('named.example', 'refused');
    await one.flush();
    expect((await read()).counts).toEqual([
      [today, 'known.example', 2],
      [today, '(other)', 1],
      [today, 'named.example', 1],
    ]);
  });

  it('costs no sorting of all peers for each message where rules name more than the limit', () => {
    let asked = 0;
    const isNamed = ({ peer }: PeerKey) => {
      asked += 1;
      return peer.endsWith('.named');
    };
    const table = new DayTable(today, { maxPeers: 10, isNamed });
    for (let at = 0; at < 5000; at++) table.add({ ...key, peer: `p${at % 1000}.named` }, 'a', 1);
    expect(asked).toBeLessThan(20_000);
    for (let at = 0; at < 1000; at++) table.add({ ...key, peer: `p${at}.other` }, 'a', 1);
    expect(table.size).toBeLessThanOrEqual(1000 + 64 + 1);
  });

  it('stays bounded on disk over many flushes', async () => {
    const one = writer({ maxPeers: 50 });
    for (let at = 0; at < 3000; at++) {
      one.add({ ...key, peer: `p${at}.example` }, sent);
      if (at % 100 === 99) await one.flush();
    }
    const { counts } = await read();
    expect(counts.length).toBeLessThanOrEqual(50 + 65);
    expect(counts.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(3000);
  });

  it('is removed when its days are over', async () => {
    now = new Date('2026-10-01T00:00:00Z');
    const old = writer();
    old.add(key, sent);
    await old.flush();
    now = new Date('2026-11-29T12:00:00Z');
    const one = writer();
    one.add(key, sent);
    await one.flush();
    expect(readdirSync(directory).map((name) => name.slice(0, 10))).toEqual(['2026-11-29']);
  });
});

describe('what cannot be read', () => {
  it('costs its own line or file, and is said', async () => {
    const one = writer();
    one.add(key, sent);
    one.add({ ...key, peer: 'second.example' }, sent);
    await one.flush();
    const [name = ''] = readdirSync(directory);
    const text = readFileSync(path.join(directory, name), 'utf8');
    writeFileSync(path.join(directory, name), text.replace('second', 'secomd'));
    const put = (id: string, content: string) =>
      writeFileSync(path.join(directory, `2026-11-29.${id.repeat(16)}.counts`), content);
    put('1', 'tls-peers evidence 9\t2026-11-29\nwhat a later release means\n');
    put('2', 'foreign\n');
    put('3', '');
    put('4', text.slice(0, text.length - 20));
    writeFileSync(path.join(directory, 'notes.txt'), 'of somebody');
    const { counts, problems } = await read();
    expect(counts).toEqual([[today, 'peer.example', 2]]);
    expect(problems.map((problem) => problem.slice(problem.indexOf(':') + 2)).sort()).toEqual([
      '1 damaged line is left out',
      '1 damaged line is left out',
      'empty',
      'no file of this record',
      'written by a later release (format 9), left alone',
    ]);
    const reader = createFileReader({ directory, owner: presentOwner(), today });
    // A line that is damaged costs that line, a file that is left alone may hold anything.
    expect((await reader.read({ from: today, to: today })).unread).toBe(2);
  });

  it('is said of kinds that a later release has, and the rest is there', async () => {
    const newer =
      countsLine(key, new Map([[`${sightingText(sent)}bz`, 4]])) +
      countsLine(key, new Map([[sightingText(sent), 1]]));
    writeFileSync(
      path.join(directory, `2026-11-29.${'5'.repeat(16)}.counts`),
      evidenceHeader.text(today) + newer,
    );
    expect(await read()).toEqual({
      counts: [[today, 'peer.example', 5]],
      problems: ['4 messages of kinds that this release does not know are left out'],
    });
  });

  it('is no error where nothing was counted yet', async () => {
    rmSync(directory, { recursive: true });
    expect(await read()).toEqual({ counts: [], problems: [] });
  });

  it.skipIf(process.getuid?.() === 0)('is said of a directory that may not be entered', async () => {
    chmodSync(directory, 0o000);
    expect((await read()).problems).toEqual([expect.stringContaining('cannot be read')]);
    chmodSync(directory, 0o700);
  });
});
