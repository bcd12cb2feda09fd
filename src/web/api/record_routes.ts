/** What the record tells: traffic, days, the overview, and what a changed rule would have done. */
import { askedFor, seenByAll } from '../../cli/impact_window';
import { changesBetween, wishedValues, withWish } from '../../cli/rule_changes';
import { UsageError } from '../../cli/command';
import { impactOf, totalImpact } from '../../evidence/views/impact';
import { totalOf, trafficOf } from '../../evidence/views/traffic';
import { parsePeer } from '../../peers/index';
import { dayBefore } from '../../peers/day';
import { byPeriod, daysOf, type DaySums } from './days';
import { monthDays, type Desk } from './desk';
import type { PeerTable } from './peers';
import type { Query } from './query';
import { AskedWrongly, csv, document, type Reply } from './reply';
import { failedOutcomes, versions } from './kinds';

/** The same shape as `traffic --json`. */
export async function traffic(desk: Desk, query: Query): Promise<Reply> {
  const wanted = query.wanted(desk.today(), 7);
  const { cube, problems } = await desk.record(query.recordUse(), wanted.from);
  const search = (query.text('search') ?? '').toLowerCase();
  const found = trafficOf([...cube.merged(wanted)]).filter(({ peer }) => peer.includes(search));
  const top = query.integer('top', { min: 0, max: 1_000_000, usual: 0 });
  const peers = top === 0 ? found : found.slice(0, top);
  return document({ ...wanted, problems, total: totalOf(found), peers });
}

export async function days(desk: Desk, query: Query): Promise<Reply> {
  const wanted = query.wanted(desk.today(), monthDays);
  const { cube, problems } = await desk.record(query.recordUse(), wanted.from);
  const found = byPeriod(daysOf(cube, wanted), query.choice('by', ['day', 'week', 'month'], 'day'));
  if (query.text('format') === 'csv') return csv('days', [daysHeader(found), ...found.map(dayRecord(found))]);
  return document({ ...wanted, problems, days: found });
}

function daysHeader(found: readonly DaySums[]): string[] {
  return ['day', 'messages', ...versions, ...failedOutcomes, ...reasonsIn(found)];
}

function dayRecord(found: readonly DaySums[]): (day: DaySums) => string[] {
  const reasons = reasonsIn(found);
  return (one) => [
    one.day,
    ...[
      one.messages,
      ...versions.map((version) => one.tls[version] ?? 0),
      ...failedOutcomes.map((outcome) => one.outcomes[outcome] ?? 0),
      ...reasons.map((reason) => one.reasons[reason] ?? 0),
    ].map(String),
  ];
}

function reasonsIn(found: readonly DaySums[]): string[] {
  return [...new Set(found.flatMap(({ reasons }) => Object.keys(reasons)))].sort();
}

/** Peers that are named. */
const topFailing = 20;

/** Days as far back as is asked for; the peers that fail most are those of 30 days. */
export async function overview(desk: Desk, table: PeerTable, query: Query): Promise<Reply> {
  const today = desk.today();
  const period = query.choice('by', ['day', 'week', 'month'], 'day');
  const length = query.integer('days', { min: 1, max: 3650, usual: monthDays });
  const from = dayBefore(today, length - 1);
  const { cube, problems } = await desk.record('looked_at', from);
  const window = { from, to: today };
  const directions = (['out', 'in'] as const).map(
    (direction) => [direction, byPeriod(daysOf(cube, { ...window, direction }), period)] as const,
  );
  const month = { from: dayBefore(today, monthDays - 1), to: today };
  const worst = await table.failing(topFailing);
  const failing = worst
    .flatMap((key) => trafficOf([...cube.merged({ ...month, ...key })]))
    .map((row) => ({ ...row, failures: row.deferred + row.bounced + row.refused }));
  if (query.text('format') === 'csv')
    return csv('failing', [
      ['managed', 'direction', 'peer', 'failures', 'messages', 'last seen', 'reasons'],
      ...failing.map(({ managed, direction, peer, failures, messages, lastSeen, reasons }) => [
        ...[managed, direction, peer, String(failures), String(messages), lastSeen],
        Object.entries(reasons)
          .map(([reason, count]) => `${reason} ${count}`)
          .join(', '),
      ]),
    ]);
  return document({
    ...window,
    by: period,
    ...Object.fromEntries(directions),
    failing,
    problems,
  });
}

/** The same shape as `impact --json`. */
export async function impact(desk: Desk, query: Query): Promise<Reply> {
  const wanted = query.wanted(desk.today(), monthDays);
  const direction = wanted.direction ?? 'out';
  const settings = desk.settings();
  const sets = query.texts('set');
  if (sets.length === 0) throw new AskedWrongly('set is needed, as KEY=VALUE');
  const { peer: name } = wanted;
  const peer = name === undefined ? undefined : parsePeer(name);
  if (name !== undefined && (peer === undefined || (peer.kind === 'network' && direction === 'out')))
    throw new AskedWrongly('peer: none that a section could name');
  const after = usable(() =>
    withWish(settings, { direction, managed: wanted.managed, peer, values: wishedValues(sets, direction) }),
  );
  const { cube, problems } = await desk.record('decided_on', wanted.from);
  const all = [...cube.merged(seenByAll(wanted))];
  const peers = impactOf(askedFor(all, wanted), changesBetween(settings, after, desk.today()), all);
  const total = totalImpact(peers);
  const top = query.integer('top', { min: 0, max: 1_000_000, usual: 0 });
  const shown = top === 0 ? peers : peers.slice(0, top);
  if (query.text('format') === 'csv')
    return csv('impact', [
      ['managed', 'direction', 'peer', 'messages', 'refused', 'weakened', 'released', 'not known'],
      ...peers.map((one) => [
        ...[one.managed, one.direction, one.peer],
        ...[one.messages, one.refused, one.weakened, one.released, one.notKnown].map(String),
      ]),
    ]);
  return document({ from: wanted.from, to: wanted.to, problems, total, peers: shown });
}

function usable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UsageError) throw new AskedWrongly(asParameters(error.message));
    throw error;
  }
}

/** What the command calls options are parameters here. A name such as `xn--…` stays. */
function asParameters(text: string): string {
  return text.replace(/(?<!\S)--(?=[a-z])/g, '');
}
