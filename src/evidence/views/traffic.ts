/** Messages by peer: TLS versions, how peers were authenticated, what went in cleartext, what failed. Pure. */
import type { Day } from '../../peers/day';
import { keyText, type PeerKey } from '../day_table';
import type { DayCounts } from '../evidence';
import { askedCount, type askedCounts, type Sighting } from '../sighting';
import { countsOver, sumOver } from './sums';

/** Counts by the values of one field; values that were not seen are absent. */
export type By<Field extends keyof Sighting> = Readonly<Partial<Record<Sighting[Field] & string, number>>>;

export interface PeerTraffic {
  readonly managed: string;
  readonly direction: PeerKey['direction'];
  readonly peer: string;
  /** Delivered, or accepted. */
  readonly messages: number;
  readonly tls: By<'tls'>;
  readonly group: By<'group'>;
  readonly verified: By<'verified'>;
  /** Attempts that ended otherwise. */
  readonly deferred: number;
  readonly bounced: number;
  readonly refused: number;
  readonly reasons: By<'reason'>;
  /** Messages whose sender asked for something (RFC 8689). */
  readonly requiretls: Readonly<Partial<Record<(typeof askedCounts)[number], number>>>;
  /** Of the messages, from 0 to 1. */
  readonly cleartext: number;
  readonly lastSeen: Day;
}

interface Sums {
  readonly key: PeerKey;
  messages: number;
  deferred: number;
  bounced: number;
  refused: number;
  readonly tls: Map<string, number>;
  readonly group: Map<string, number>;
  readonly verified: Map<string, number>;
  readonly reasons: Map<string, number>;
  readonly requiretls: Map<string, number>;
  lastSeen: Day;
}

/** One for each (managed domain, direction, peer), the busiest first. */
export function trafficOf(rows: readonly DayCounts[]): PeerTraffic[] {
  const all = new Map<string, Sums>();
  for (const { day, key, sightings } of rows) {
    const text = keyText(key);
    let sums = all.get(text);
    if (sums === undefined) all.set(text, (sums = empty(key, day)));
    if (day > sums.lastSeen) sums.lastSeen = day;
    for (const [sighting, count] of sightings) add(sums, sighting, count);
  }
  return [...all.values()].map(finished).sort(busiestFirst);
}

/** All rows in one, for the line below them. */
export function totalOf(
  rows: readonly PeerTraffic[],
): Omit<PeerTraffic, 'managed' | 'direction' | 'peer' | 'lastSeen'> {
  const messages = sumOver(rows, (row) => row.messages);
  return {
    messages,
    tls: countsOver(rows, (row) => row.tls),
    group: countsOver(rows, (row) => row.group),
    verified: countsOver(rows, (row) => row.verified),
    deferred: sumOver(rows, (row) => row.deferred),
    bounced: sumOver(rows, (row) => row.bounced),
    refused: sumOver(rows, (row) => row.refused),
    reasons: countsOver(rows, (row) => row.reasons),
    requiretls: countsOver(rows, (row) => row.requiretls),
    cleartext: messages === 0 ? 0 : sumOver(rows, (row) => row.tls.none ?? 0) / messages,
  };
}

function empty(key: PeerKey, lastSeen: Day): Sums {
  const none = { messages: 0, deferred: 0, bounced: 0, refused: 0 };
  const maps = { tls: new Map(), group: new Map(), verified: new Map(), reasons: new Map() };
  return { key, lastSeen, ...none, ...maps, requiretls: new Map() };
}

function add(sums: Sums, sighting: Sighting, count: number): void {
  switch (sighting.outcome) {
    case 'delivered':
    case 'accepted':
      sums.messages += count;
      addTo(sums.tls, sighting.tls, count);
      addTo(sums.group, sighting.group, count);
      addTo(sums.verified, sighting.verified, count);
      break;
    case 'deferred':
    case 'bounced':
    case 'refused':
      sums[sighting.outcome] += count;
  }
  const asked = askedCount(sighting);
  if (asked !== undefined) addTo(sums.requiretls, asked, count);
  if (sighting.reason !== 'none') addTo(sums.reasons, sighting.reason, count);
}

function addTo(counts: Map<string, number>, value: string, count: number): void {
  counts.set(value, (counts.get(value) ?? 0) + count);
}

function finished({ key, tls, group, verified, reasons, requiretls, ...sums }: Sums): PeerTraffic {
  return {
    ...key,
    ...sums,
    tls: Object.fromEntries(tls),
    group: Object.fromEntries(group),
    verified: Object.fromEntries(verified),
    reasons: Object.fromEntries(reasons),
    requiretls: Object.fromEntries(requiretls),
    cleartext: sums.messages === 0 ? 0 : (tls.get('none') ?? 0) / sums.messages,
  };
}

function busiestFirst(a: PeerTraffic, b: PeerTraffic): number {
  const attempts = (of: PeerTraffic) => of.messages + of.deferred + of.bounced + of.refused;
  return attempts(b) - attempts(a) || (keyText(a) < keyText(b) ? -1 : 1);
}
