/** What holds of every store of the record, in files or shared by several hosts: one list, run against each of them. */
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeerKey } from '../../src/evidence/day_table';
import type { EvidenceReader, EvidenceWriter, Wanted } from '../../src/evidence/evidence';
import { countsLine, evidenceHeader } from '../../src/evidence/lines';
import { sightingText, unseen, type Sighting } from '../../src/evidence/sighting';
import { createFileWriter, type FileWriterOptions } from '../../src/evidence/store/file_writer';
import { silent } from '../../src/log';
import { dayAfter, dayBefore, parseDay, utcDay, type Day } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';
import { times } from '../support/times';

export interface TestStore {
  /** Where the processes of one host count. */
  readonly directory: string;
  /** Resolves when what was flushed can be read. */
  settle(now: Date): Promise<void>;
  /** Of whoever asks. */
  reader(today: Day): EvidenceReader;
  /** Something that befalls it, after which `settle` must bring everything back; by number. */
  mishap(which: number): Promise<void>;
  end(): Promise<void>;
}

const dayOf = (text: string) => parseDay(text) as Day;
export const today = dayOf('2026-11-29');
export const noon = new Date('2026-11-29T12:00:00Z');
export const key: PeerKey = { managed: 'ours.example', direction: 'out', peer: 'peer.example' };
export const sent: Sighting = { ...unseen, outcome: 'delivered', level: 'auto', tls: 'TLSv1.3' };

export function storeFacts(name: string, open: () => Promise<TestStore>): void {
  describe(`a record in ${name}`, () => {
    let store: TestStore;
    let now = noon;
    const writers: EvidenceWriter[] = [];

    beforeEach(async () => {
      now = noon;
      store = await open();
    });
    afterEach(async () => {
      for (const one of writers.splice(0)) one.close();
      await store.end();
    });

    function writer(options: Partial<FileWriterOptions> = {}): EvidenceWriter {
      const one = createFileWriter({
        directory: store.directory,
        owner: presentOwner(),
        log: silent,
        days: 30,
        maxPeers: 1000,
        isNamed: () => false,
        now: () => now,
        ...options,
      });
      writers.push(one);
      return one;
    }

    async function read(over: Partial<Wanted> = {}) {
      await store.settle(now);
      const { rows, problems } = await store.reader(utcDay(now)).read({ from: today, to: today, ...over });
      const counts = rows.map(({ day, key: { peer }, sightings, strange }) => [
        day,
        peer,
        sightings.reduce((sum, [, count]) => sum + count, strange),
      ]);
      return { counts, problems };
    }

    it('has what several processes counted, over several flushes', async () => {
      const [one, two] = [writer(), writer()];
      one.add(key, sent);
      await one.flush();
      expect((await read()).counts).toEqual([[today, 'peer.example', 1]]);
      one.add(key, sent);
      two.add(key, { ...sent, tls: 'TLSv1.2' });
      await Promise.all([one.flush(), two.flush()]);
      one.add(key, sent);
      one.close();
      two.close();
      expect(await read()).toEqual({ counts: [[today, 'peer.example', 4]], problems: [] });
    });

    it('has nothing, and no problem, where nothing was counted', async () => {
      expect(await read()).toEqual({ counts: [], problems: [] });
    });

    it('tells kinds, peers, directions and managed domains apart, and gives what is wanted of them', async () => {
      const one = writer();
      one.add(key, sent);
      one.add(key, { ...sent, tls: 'TLSv1.2' });
      one.add({ ...key, peer: 'sub.peer.example' }, sent);
      one.add({ ...key, direction: 'in', peer: '192.0.2.0/24' }, { ...sent, outcome: 'accepted' });
      one.add({ ...key, managed: '', direction: 'in', peer: '<>' }, { ...sent, outcome: 'accepted' });
      one.add({ ...key, managed: '', peer: '[2001:db8::1]' }, sent);
      await one.flush();
      await store.settle(now);
      const all = await store.reader(today).read({ from: today, to: today });
      expect(all.problems).toEqual([]);
      expect(all.rows.find(({ key: { peer } }) => peer === key.peer)?.sightings).toEqual([
        [sent, 1],
        [{ ...sent, tls: 'TLSv1.2' }, 1],
      ]);
      const peers = async (over: Partial<Wanted>) => (await read(over)).counts.map(([, peer]) => peer).sort();
      expect(await peers({})).toHaveLength(5);
      expect(await peers({ managed: '' })).toEqual(['<>', '[2001:db8::1]']);
      expect(await peers({ direction: 'in' })).toEqual(['192.0.2.0/24', '<>']);
      expect(await peers({ peer: '*.peer.example' })).toEqual(['sub.peer.example']);
      expect(await peers({ from: dayBefore(today, 9), to: dayBefore(today, 1) })).toEqual([]);
    });

    it('counts on the day on which it happens, when the clock goes on or back', async () => {
      const one = writer();
      one.add(key, sent);
      now = new Date('2026-11-30T00:00:01Z');
      one.add(key, sent);
      one.add(key, sent);
      await one.flush();
      await store.settle(now);
      now = new Date('2026-11-29T23:59:59Z');
      one.add(key, sent);
      await one.flush();
      await store.settle(now);
      now = new Date('2026-11-30T00:00:02Z');
      const next = dayAfter(today);
      expect(await read({ to: next })).toEqual({
        counts: [
          [today, 'peer.example', 2],
          [next, 'peer.example', 2],
        ],
        problems: [],
      });
    });

    it('keeps what a process counted that was killed', async () => {
      const one = writer();
      one.add(key, sent);
      await one.flush();
      writers.pop();
      const two = writer();
      two.add(key, sent);
      await two.flush();
      expect((await read()).counts).toEqual([[today, 'peer.example', 2]]);
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

    it('stays bounded over many flushes, and loses no message by that', async () => {
      const one = writer({ maxPeers: 50 });
      for (let at = 0; at < 3000; at++) {
        one.add({ ...key, peer: `p${at}.example` }, sent);
        if (at % 100 !== 99) continue;
        await one.flush();
        if (at % 500 === 499) await store.settle(now);
      }
      const { counts, problems } = await read();
      expect(problems).toEqual([]);
      expect(counts.length).toBeLessThanOrEqual(50 + 65);
      expect(counts.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(3000);
    });

    it('takes up what was changed or taken away by somebody, as the process writes it again', async () => {
      const one = writer();
      one.add(key, sent);
      await one.flush();
      await store.settle(now);
      const file = path.join(store.directory, readdirSync(store.directory)[0] ?? '');
      appendFileSync(file, 'half a li');
      one.add(key, sent);
      await one.flush();
      await store.settle(now);
      one.add(key, sent);
      await one.flush();
      expect(await read()).toEqual({ counts: [[today, 'peer.example', 3]], problems: [] });
      rmSync(file);
      await store.settle(now);
      for (let at = 0; at < 2; at++) {
        one.add(key, sent);
        await one.flush();
      }
      expect((await read()).counts).toEqual([[today, 'peer.example', 5]]);
    });

    it('loses a damaged line and no other, and says so', async () => {
      const one = writer();
      one.add(key, sent);
      one.add({ ...key, peer: 'second.example' }, sent);
      await one.flush();
      const file = path.join(store.directory, readdirSync(store.directory)[0] ?? '');
      writeFileSync(file, readFileSync(file, 'utf8').replace('second', 'secomd'));
      const { counts, problems } = await read();
      expect(counts).toEqual([[today, 'peer.example', 1]]);
      expect(problems).toEqual([expect.stringContaining('1 damaged line is left out')]);
    });

    it('says of which kinds it does not know, and has the rest', async () => {
      const newer =
        countsLine(key, new Map([[`${sightingText(sent)}bz`, 4]])) +
        countsLine(key, new Map([[sightingText(sent), 1]]));
      writeFileSync(
        path.join(store.directory, `2026-11-29.${'5'.repeat(16)}.counts`),
        evidenceHeader.text(today) + newer,
      );
      expect(await read()).toEqual({
        counts: [[today, 'peer.example', 5]],
        problems: ['4 messages of kinds that this release does not know are left out'],
      });
    });

    it('leaves alone what a later release has written, and says that it cannot be read', async () => {
      writeFileSync(
        path.join(store.directory, `2026-11-29.${'6'.repeat(16)}.counts`),
        'tls-peers evidence 9\t2026-11-29\nwhat a later release means\n',
      );
      await store.settle(now);
      const { rows, problems, unread } = await store.reader(today).read({ from: today, to: today });
      expect([rows, unread]).toEqual([[], 1]);
      expect(problems).toEqual([
        expect.stringContaining('written by a later release (format 9), left alone'),
      ]);
    });

    it('sums up to what was counted, whatever comes between', async () => {
      const steps = fc.array(
        fc.oneof(
          {
            weight: 6,
            arbitrary: fc.record({ do: fc.constant('add' as const), by: fc.nat(2), peer: fc.nat(4) }),
          },
          { weight: 3, arbitrary: fc.record({ do: fc.constant('flush' as const), by: fc.nat(2) }) },
          { weight: 2, arbitrary: fc.constant({ do: 'settle' as const }) },
          { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), by: fc.nat(2) }) },
          { weight: 1, arbitrary: fc.record({ do: fc.constant('mishap' as const), which: fc.nat(20) }) },
          {
            weight: 1,
            arbitrary: fc.record({ do: fc.constant('day' as const), by: fc.constantFrom(-1, 1) }),
          },
        ),
        { maxLength: 40 },
      );
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          const [first, last] = [dayBefore(today, 10), dayAfter(today)];
          const before = await sumsOf(store, last, first);
          const expected = new Map(before);
          const running = [writer(), writer(), writer()];
          now = noon;
          for (const step of all) {
            if (step.do === 'add') {
              const peer = `p${step.peer}.example`;
              running[step.by]?.add({ ...key, peer }, sent);
              const row = `${utcDay(now)} ${peer}`;
              expected.set(row, (expected.get(row) ?? 0) + 1);
            } else if (step.do === 'flush') await running[step.by]?.flush();
            else if (step.do === 'settle') await store.settle(now);
            else if (step.do === 'mishap') await store.mishap(step.which);
            else if (step.do === 'day') {
              const moved = new Date(now.getTime() + step.by * 86_400_000);
              if (utcDay(moved) >= first && utcDay(moved) <= last) now = moved;
            } else {
              running[step.by]?.close();
              running[step.by] = writer();
            }
          }
          for (const one of running) one.close();
          writers.length = 0;
          now = new Date('2026-11-30T23:00:00Z');
          await store.settle(now);
          expect(await sumsOf(store, last, first)).toEqual(expected);
        }),
        { numRuns: 12 * times },
      );
    });
  });
}

async function sumsOf(store: TestStore, last: Day, first: Day): Promise<Map<string, number>> {
  const { rows, problems } = await store.reader(last).read({ from: first, to: last });
  expect(problems).toEqual([]);
  return new Map(
    rows.map(({ day, key: { peer }, sightings }) => [
      `${day} ${peer}`,
      sightings.reduce((sum, [, count]) => sum + count, 0),
    ]),
  );
}
