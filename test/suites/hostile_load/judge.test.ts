import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../haraka-test-harness/reports';
import { attacks } from './attacks';
import { fateOf } from './fate';
import { misses, percentilesOf, type Measured } from './judge';

const mib = 1024 * 1024;
const at = (p99: number) => ({ p50: 1, p99, max: p99 });
const window = (session: number, way = session) => ({
  due: 100,
  missing: 0,
  processor: 1,
  session: at(session),
  way: at(way),
});

const sound: Measured = {
  attack: 'any',
  what: '',
  idle: window(10),
  attacked: window(20),
  idlePeak: 100 * mib,
  attackedPeak: 149 * mib,
  process: 'alive',
  fate: { messages: 1, delivered: 0, deferred: 140, bounced: 0, underWay: 0, lost: 0 },
  refused: 0,
  deeds: { begun: 1, completed: 0, octets: 1 },
};

describe('what is measured', () => {
  test('misses nothing where all is within its limits', () => {
    expect(misses(sound)).toEqual([]);
  });

  test.each<[string, Partial<Measured>, RegExp]>([
    ['sessions take more than twice as long', { attacked: window(20.1, 20) }, /^sessions: p99 20\.1 ms/],
    ['no session begins while Haraka stands still', { attacked: window(20, 21) }, /^messages/],
    ['messages never arrive', { attacked: window(20, Infinity) }, /p99 never/],
    ['memory grows by 50 MiB', { attackedPeak: 150 * mib }, /^RSS grew by 50 MiB/],
    ['the process ends', { process: 'SIGABRT' }, /^Haraka ended: SIGABRT/],
    ['a recipient is lost', { fate: { ...sound.fate, lost: 1 } }, /^1 recipients .* lost/],
    ['nobody attacked', { deeds: { begun: 0, completed: 0, octets: 0 } }, /^no attack/],
    ['there was no idle run to compare with', { idle: { ...window(10), due: 0 } }, /^the idle run/],
  ])('misses where %s', (_what, change, line) => {
    expect(misses({ ...sound, ...change })).toEqual([expect.stringMatching(line)]);
  });

  test('counts what did not arrive as infinitely late', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentilesOf(hundred, 0)).toEqual({ p50: 50, p99: 99, max: 100 });
    expect(percentilesOf(hundred, 1)).toEqual({ p50: 51, p99: 100, max: Infinity });
    expect(percentilesOf(hundred, 2).p99).toBe(Infinity);
    expect(percentilesOf([], 0).p99).toBe(Infinity);
  });
});

describe('the fate of recipients', () => {
  const to = new Map([['m', ['a@x', 'b@x', 'c@x', 'd@x']]]);
  const told = (status: Outcome['status'], ...addresses: string[]): Outcome =>
    ({ id: 'm', status, recipients: addresses.map((address) => ({ address })) }) as unknown as Outcome;

  test('is the last that was told of them; who was not told of and is in no queue is lost', () => {
    const outcomes = [
      told('deferred', 'a@x', '<b@x>', 'c@x'),
      told('delivered', 'a@x'),
      told('bounced', '<b@x>'),
    ];
    expect(fateOf(to, outcomes, new Set(['m']))).toEqual({
      messages: 1,
      delivered: 1,
      deferred: 1,
      bounced: 1,
      underWay: 1,
      lost: 0,
    });
    expect(fateOf(to, outcomes, new Set())).toMatchObject({ deferred: 0, underWay: 0, lost: 2 });
  });
});

test.each([
  ['rcpt-550-lines', 4 * mib],
  ['rcpt-550-line', 4 * mib],
  ['crumbs', 20_000],
  ['crumbs-after-4mb', 3.9 * mib],
  ['continuations', 1_000_000 * '250-x\r\n'.length],
])('%s sends what it says', (name, octets) => {
  let sent = 0;
  for (const piece of attacks.find((one) => one.name === name)?.octets() ?? []) sent += piece.length;
  expect(sent).toBeGreaterThanOrEqual(octets);
  expect(sent).toBeLessThan(octets * 1.02 + 100);
});
