import { describe, expect, test } from 'vitest';
import { Health } from '../../src/dns/health';

type Event = 'timeout' | 'broken' | 'well' | number;

/** What `first` went through, a number being ms that passed; then the order of both and whether `first` is unhealthy. */
function after(...events: Event[]): { order: string; unhealthy: boolean } {
  let now = 1_000_000;
  const health = new Health(['first', 'second'], () => now);
  for (const event of events) {
    if (typeof event === 'number') now += event;
    else if (event === 'well') health.answered('first');
    else health.failed('first', event);
  }
  return { order: health.order().join(' '), unhealthy: health.isUnhealthy('first') };
}

describe('a resolver is', () => {
  test.each<[string, Event[], boolean]>([
    ['well at first', [], false],
    ['well after one timeout', ['timeout'], false],
    ['well after two', ['timeout', 'timeout'], false],
    ['unhealthy after three in a row', ['timeout', 'timeout', 'timeout'], true],
    ['well where an answer came between', ['timeout', 'timeout', 'well', 'timeout'], false],
    ['unhealthy at once where it is broken', ['broken'], true],
    ['well again after two seconds', ['broken', 2_001], false],
    ['unhealthy for longer the second time', ['broken', 2_001, 'broken', 2_001], true],
    ['unhealthy for a minute at most', [...Array<Event>(20).fill('broken'), 59_999], true],
    ['and no longer', [...Array<Event>(20).fill('broken'), 60_001], false],
    ['well as soon as it answers', ['broken', 'broken', 'well'], false],
  ])('%s', (_name, events, unhealthy) => {
    expect(after(...events)).toEqual({ unhealthy, order: unhealthy ? 'second first' : 'first second' });
  });
});

test('the unhealthy ones are asked last, the one that recovers first before the others', () => {
  const health = new Health(['a', 'b', 'c'], () => 1_000_000);
  health.failed('a', 'broken');
  health.failed('a', 'broken');
  health.failed('b', 'broken');
  expect(health.order()).toEqual(['c', 'b', 'a']);
});

test('a resolver is gone from when it is unhealthy until it answers, and each change is told once', () => {
  let now = 0;
  const told: string[] = [];
  const health: Health<string> = new Health(
    ['first', 'second'],
    () => now,
    () => told.push(health.isGone('first') ? 'gone' : 'back'),
  );
  for (let i = 0; i < 2; i++) health.failed('first', 'timeout');
  expect(told).toEqual([]);
  for (let i = 0; i < 5; i++) health.failed('first', 'timeout');
  now += 120_000;
  expect([health.isUnhealthy('first'), health.isGone('first'), health.isGone('second')]).toEqual([
    false,
    true,
    false,
  ]);
  health.failed('first', 'broken');
  health.answered('first');
  health.answered('first');
  expect(told).toEqual(['gone', 'back']);
});
