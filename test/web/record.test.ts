import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFileReader } from '../../src/evidence/store/file_reader';
import { trafficOf } from '../../src/evidence/views/traffic';
import { dayBefore, utcDay } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';
import { columnsOf, sumsAt } from '../../src/web/api/columns';
import { Cube } from '../../src/web/api/cube';
import { fileStamps } from '../../src/web/api/records';
import { byPeriod, daysOf, type DaySums } from '../../src/web/api/days';
import { writeRecord } from '../suites/web/record';

const now = new Date('2026-11-29T12:00:00Z');
const today = utcDay(now);
let directory: string;
let cube: Cube;
const reader = () => createFileReader({ directory, owner: presentOwner(), today });
const window = { from: dayBefore(today, 29), to: today };

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-cube-'));
  writeRecord({ directory, managed: 'ours.example', peers: 200, days: 10, now });
  writeRecord({ directory, managed: '', peers: 50, days: 3, now });
  cube = new Cube({ stamps: (from, to) => fileStamps(directory, from, to), reader });
  await cube.refresh(window.from, today);
  expect(cube.problems).toEqual([]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('the columns hold what the record holds', async () => {
  const traffic = trafficOf((await reader().read(window)).rows);
  const { month, week, lastSeen } = columnsOf(cube, today, { weekDays: 7, monthDays: 30 });
  const weekly = new Map(
    trafficOf((await reader().read({ ...window, from: dayBefore(today, 6) })).rows).map((row) => [
      `${row.managed} ${row.peer}`,
      row.messages,
    ]),
  );
  expect(traffic.length).toBeGreaterThan(200);
  for (const row of traffic) {
    const number = cube.numberOf(row) ?? -1;
    const { messages, tls, verified, deferred, bounced, refused, requiretls } = row;
    expect(sumsAt(month, number)).toEqual({
      messages,
      tls,
      verified,
      deferred,
      bounced,
      refused,
      requiretls,
    });
    expect(sumsAt(week, number).messages).toBe(weekly.get(`${row.managed} ${row.peer}`) ?? 0);
    expect(lastSeen[number]).toBe(row.lastSeen);
  }
});

test('what is put together for a view gives the same as the record itself', async () => {
  for (const part of [
    {},
    { managed: 'ours.example' },
    { managed: '', direction: 'out' as const },
    { peer: 'peer-000007.example' },
  ]) {
    const wanted = { ...window, ...part };
    const whole = trafficOf((await reader().read(wanted)).rows);
    expect(trafficOf([...cube.merged(wanted)])).toEqual(whole);
    expect(trafficOf([...cube.rows(wanted)])).toEqual(whole);
    const days = daysOf(cube, wanted);
    expect(days).toHaveLength(30);
    expect(days.reduce((sum, { messages }) => sum + messages, 0)).toBe(
      whole.reduce((sum, { messages }) => sum + messages, 0),
    );
  }
});

test('what comes to the record is taken in, and only the days that have changed are read', async () => {
  const before = cube.version;
  await cube.refresh(window.from, today);
  expect(cube.version).toBe(before);
  writeRecord({ directory, managed: 'new.example', peers: 3, days: 1, now });
  await cube.refresh(window.from, today);
  expect(cube.version).toBe(before + 1);
  expect([...cube.merged({ ...window, managed: 'new.example' })].length).toBeGreaterThan(0);
});

test('weeks begin on Monday, months on their first, and nothing is lost between them', () => {
  const day = (name: string, messages: number) =>
    ({
      day: name,
      messages,
      tls: { none: messages },
      outcomes: { delivered: messages },
      reasons: {},
    }) as unknown as DaySums;
  const days = [day('2026-11-29', 1), day('2026-11-30', 2), day('2026-12-01', 4)];
  expect(byPeriod(days, 'week').map(({ day: name, messages }) => [name, messages])).toEqual([
    ['2026-11-23', 1],
    ['2026-11-30', 6],
  ]);
  expect(byPeriod(days, 'month').map(({ day: name, tls }) => [name, tls])).toEqual([
    ['2026-11-01', { none: 3 }],
    ['2026-12-01', { none: 4 }],
  ]);
});
