/** The record of two windows, added up by peer, in columns. Pure. */
import { dayBefore, type Day } from '../../peers/day';
import type { Cube } from './cube';
import { askedCounts } from '../../evidence/sighting';
import { column, failedOutcomes, verifications, versions, width } from './kinds';

export interface Columns {
  readonly week: Float64Array;
  readonly month: Float64Array;
  /** By peer, the last day on which it was seen; empty for never. */
  readonly lastSeen: readonly Day[];
}

export function columnsOf(
  cube: Cube,
  today: Day,
  { weekDays, monthDays }: { readonly weekDays: number; readonly monthDays: number },
): Columns {
  const peers = cube.keys.length;
  const week = new Float64Array(peers * width);
  const month = new Float64Array(peers * width);
  const lastSeen = new Array<Day>(peers).fill('' as Day);
  const weekBegins = dayBefore(today, weekDays - 1);
  const columns = Array.from({ length: cube.kinds.size }, (_, id) => cube.kinds.kind(id).columns);
  for (const [day, slice] of cube.slices(dayBefore(today, monthDays - 1), today)) {
    const isRecent = day >= weekBegins;
    for (let row = 0; row < slice.peers.length; row++) {
      const peer = slice.peers[row] ?? 0;
      lastSeen[peer] = day;
      const [from = 0, to = 0] = [slice.starts[row], slice.starts[row + 1]];
      for (let at = from; at < to; at++) {
        const count = slice.counts[at] ?? 0;
        for (const one of columns[slice.kinds[at] ?? 0] ?? []) {
          const cell = peer * width + one;
          month[cell] = (month[cell] ?? 0) + count;
          if (isRecent) week[cell] = (week[cell] ?? 0) + count;
        }
      }
    }
  }
  return { week, month, lastSeen };
}

export interface PeerSums {
  readonly messages: number;
  readonly tls: Readonly<Record<string, number>>;
  readonly verified: Readonly<Record<string, number>>;
  readonly deferred: number;
  readonly bounced: number;
  readonly refused: number;
  readonly requiretls: Readonly<Record<string, number>>;
}

/** As `trafficOf` has it: values that were not seen are absent. */
export function sumsAt(of: Float64Array, peer: number): PeerSums {
  const cell = (at: number) => of[peer * width + at] ?? 0;
  const named = (names: readonly string[], from: number) =>
    Object.fromEntries(
      names.map((name, at) => [name, cell(from + at)] as const).filter(([, count]) => count > 0),
    );
  const tls = named(versions, column.tls);
  const [deferred = 0, bounced = 0, refused = 0] = failedOutcomes.map((_, at) => cell(column.failed + at));
  return {
    messages: messagesAt(of, peer),
    tls,
    verified: named(verifications, column.verified),
    deferred,
    bounced,
    refused,
    requiretls: named(askedCounts, column.asked),
  };
}

export function messagesAt(of: Float64Array, peer: number): number {
  let sum = 0;
  for (let at = 0; at < versions.length; at++) sum += of[peer * width + column.tls + at] ?? 0;
  return sum;
}

export function failuresAt(of: Float64Array, peer: number): number {
  let sum = 0;
  for (let at = 0; at < failedOutcomes.length; at++) sum += of[peer * width + column.failed + at] ?? 0;
  return sum;
}

export function versionAt(of: Float64Array, peer: number, version: (typeof versions)[number]): number {
  return of[peer * width + column.tls + versions.indexOf(version)] ?? 0;
}
