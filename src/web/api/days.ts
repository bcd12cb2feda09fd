/** What happened by day: TLS versions of what went, outcomes and reasons. Pure. */
import type { Wanted } from '../../evidence/evidence';
import { dayAfter, type Day } from '../../peers/day';
import type { Cube } from './cube';
import type { Kind } from './kinds';
import { countsIn, type Slice } from './slice';

export interface DaySums {
  /** The first day, where several are put together. */
  readonly day: Day;
  readonly messages: number;
  readonly tls: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
}

/** One for each day, also where nothing happened. */
export function daysOf(cube: Cube, wanted: Wanted): DaySums[] {
  const numbers = isAll(wanted) ? undefined : cube.wantedNumbers(wanted);
  const slices = new Map(cube.slices(wanted.from, wanted.to));
  const found: DaySums[] = [];
  for (let day = wanted.from; day <= wanted.to; day = dayAfter(day)) {
    const slice = slices.get(day);
    const counts = slice === undefined ? new Map<number, number>() : kindCounts(slice, numbers);
    found.push(sumsOf(day, counts, (id) => cube.kinds.kind(id)));
  }
  return found;
}

function isAll({ managed, direction, peer }: Wanted): boolean {
  return managed === undefined && direction === undefined && peer === undefined;
}

function kindCounts(slice: Slice, numbers: readonly number[] | undefined): Map<number, number> {
  const counts = new Map<number, number>();
  const add = (kind: number, count: number) => counts.set(kind, (counts.get(kind) ?? 0) + count);
  if (numbers === undefined)
    for (let at = 0; at < slice.kinds.length; at++) add(slice.kinds[at] ?? 0, slice.counts[at] ?? 0);
  else for (const number of numbers) for (const [kind, count] of countsIn(slice, number)) add(kind, count);
  return counts;
}

function sumsOf(day: Day, counts: ReadonlyMap<number, number>, kindOf: (id: number) => Kind): DaySums {
  const tls = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const reasons = new Map<string, number>();
  let messages = 0;
  for (const [id, count] of counts) {
    const { sighting, went } = kindOf(id);
    add(outcomes, sighting.outcome, count);
    if (sighting.reason !== 'none') add(reasons, sighting.reason, count);
    if (!went) continue;
    messages += count;
    add(tls, sighting.tls, count);
  }
  return {
    day,
    messages,
    tls: Object.fromEntries(tls),
    outcomes: Object.fromEntries(outcomes),
    reasons: Object.fromEntries(reasons),
  };
}

function add(to: Map<string, number>, name: string, count: number): void {
  to.set(name, (to.get(name) ?? 0) + count);
}

export type Period = 'day' | 'week' | 'month';

/** Days put together: weeks begin on Monday (ISO 8601), months are those of the calendar. Their first day names them. */
export function byPeriod(days: readonly DaySums[], period: Period): DaySums[] {
  if (period === 'day') return [...days];
  const groups = new Map<Day, DaySums[]>();
  for (const one of days) {
    const first = firstOf(one.day, period);
    groups.set(first, [...(groups.get(first) ?? []), one]);
  }
  return [...groups].map(([day, of]) => together(day, of));
}

function firstOf(day: Day, period: 'week' | 'month'): Day {
  if (period === 'month') return `${day.slice(0, 8)}01` as Day;
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  return date.toISOString().slice(0, 10) as Day;
}

function together(day: Day, of: readonly DaySums[]): DaySums {
  const total = (counts: (one: DaySums) => Readonly<Record<string, number>>) => {
    const sums = new Map<string, number>();
    for (const one of of) for (const [name, count] of Object.entries(counts(one))) add(sums, name, count);
    return Object.fromEntries(sums);
  };
  return {
    day,
    messages: of.reduce((sum, { messages }) => sum + messages, 0),
    tls: total(({ tls }) => tls),
    outcomes: total(({ outcomes }) => outcomes),
    reasons: total(({ reasons }) => reasons),
  };
}
