/** TLS reports: those to others, and what others report. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ownerOfState } from '../../cli/install';
import { readDays, type ReportRow, type ReportsPlace } from '../../cli/report_days';
import type { Day } from '../../peers/day';
import { journalDays } from '../../reports/store/days';
import { journalName, readJournal, type DomainJournal } from '../../reports/store/journal';
import {
  receivedView,
  type DomainGate,
  type ReceivedRow,
  type ReceivedView,
} from '../../reports/view/received_view';
import { receivesTlsReports, sendsTlsReports } from '../../settings/schema/tls_reports';
import type { ReportFacts } from '../shared/metrics_facts';
import type { Desk } from './desk';
import type { Query } from './query';
import { csv, document, type Reply } from './reply';

export interface ReportsDocument {
  /** Whether `[tls_reports]` has them sent. */
  readonly sends: boolean;
  /** Of all days that are remembered, by what became of them. */
  readonly states: Readonly<Record<string, number>>;
  readonly reports: readonly ReportRow[];
  readonly problems: readonly string[];
}

export interface ReceivedDocument {
  /** Whether `[tls_reports] receive` has them read. */
  readonly receives: boolean;
  readonly rows: readonly ReceivedRow[];
  readonly gates: readonly DomainGate[];
  readonly reports: number;
  readonly problems: readonly string[];
}

/** Rows where none are asked for; those of the days before are left out. */
const usualRows = 500;
const mostRows = 100_000;

/** As `reports --json`. */
export async function reports(desk: Desk, query: Query): Promise<Reply> {
  const place = placeOf(desk);
  const isCsv = query.text('format') === 'csv';
  const top = query.integer('top', { min: 1, max: mostRows, usual: isCsv ? mostRows : usualRows });
  const sends = sendsTlsReports(place.tlsReports);
  const { rows, problems } = sends ? await readDays(place, desk.today(), top) : { rows: [], problems: [] };
  if (isCsv)
    return csv('tls-reports', [
      ['day', 'domain', 'met', 'failed', 'destination', 'state', 'text'],
      ...rows
        .slice(0, top)
        .map((one) => [
          ...[one.day, one.domain, String(one.successful ?? ''), String(one.failed ?? '')],
          ...[one.destination, one.state, one.text],
        ]),
    ]);
  return document({
    sends,
    states: await states(place),
    reports: rows.slice(0, top),
    problems,
  } satisfies ReportsDocument);
}

/** As `reports --received --json`. */
export async function received(desk: Desk, query: Query): Promise<Reply> {
  const receives = receivesTlsReports(desk.settings().global.tlsReports);
  const view = receives ? await viewOf(desk) : nothing;
  if (query.text('format') === 'csv')
    return csv('tls-reports-received', [
      ['managed', 'reporter', 'standing', 'policy', 'mx', 'result', 'meaning', 'sessions', 'last seen'],
      ...view.rows.map((one) => [
        ...[one.managed, one.reporter, one.standing, one.policy, one.mxHost, one.result, one.meaning],
        ...[String(one.sessions), one.lastSeen],
      ]),
    ]);
  const top = query.integer('top', { min: 0, max: mostRows, usual: 0 });
  return document({
    receives,
    ...view,
    rows: top === 0 ? view.rows : view.rows.slice(0, top),
  } satisfies ReceivedDocument);
}

/** Milliseconds of the days for which failures are told to metrics. */
const recently = 7 * 86_400_000;

/** For metrics. */
export async function reportFacts(desk: Desk): Promise<ReportFacts> {
  const place = placeOf(desk);
  const sends = sendsTlsReports(place.tlsReports);
  const receives = receivesTlsReports(place.tlsReports);
  const view = receives ? await viewOf(desk) : nothing;
  const since = desk.now().getTime() - recently;
  const failures = new Map(view.gates.map(({ domain }) => [domain, 0]));
  for (const { managed, standing, result, sessions, lastSeen } of view.rows)
    if (standing === 'trusted' && result !== 'success' && Date.parse(lastSeen) >= since)
      failures.set(managed, (failures.get(managed) ?? 0) + sessions);
  return {
    sent: sends ? await states(place) : {},
    received: view.reports,
    failures: Object.fromEntries(failures),
    rollouts: Object.fromEntries(view.gates.map(({ domain, kind }) => [domain, kind])),
  };
}

function placeOf(desk: Desk): ReportsPlace {
  const settings = desk.settings();
  const { tlsReports } = settings.global;
  return {
    settings,
    tlsReports,
    directory: path.resolve(desk.configDirectory, '..', tlsReports.directory),
    owner: ownerOfState(desk.configDirectory),
  };
}

const nothing: ReceivedView = { rows: [], gates: [], reports: 0, problems: [] };

/** Milliseconds for which what was received is not read again: it may be many megabytes. */
const keptMs = 60_000;

let last:
  { readonly at: number; readonly settings: object; readonly view: Promise<ReceivedView> } | undefined;

function viewOf(desk: Desk): Promise<ReceivedView> {
  const settings = desk.settings();
  if (last?.settings === settings && performance.now() - last.at < keptMs) return last.view;
  const view = receivedView({ settings, place: placeOf(desk), now: desk.now() });
  last = { at: performance.now(), settings, view };
  return view;
}

interface Counted {
  readonly stamp: string;
  readonly states: ReadonlyMap<string, number>;
}

/** A journal that has not changed is not read again. */
const counted = new Map<Day, Counted>();

async function states(place: ReportsPlace): Promise<Record<string, number>> {
  const days = await journalDays(place.directory);
  for (const day of counted.keys()) if (!days.includes(day)) counted.delete(day);
  const sums = new Map<string, number>();
  for (const day of days)
    for (const [state, count] of (await statesOn(place, day)).states)
      sums.set(state, (sums.get(state) ?? 0) + count);
  return Object.fromEntries(sums);
}

async function statesOn(place: ReportsPlace, day: Day): Promise<Counted> {
  const file = path.join(place.directory, journalName(day));
  const stamp = await stat(file).then(
    ({ size, mtimeMs }) => `${file} ${size} ${mtimeMs}`,
    () => '',
  );
  const known = counted.get(day);
  if (known?.stamp === stamp) return known;
  const found = new Map<string, number>();
  for (const one of (await readJournal(place, day)).domains.values())
    for (const state of statesIn(one)) found.set(state, (found.get(state) ?? 0) + 1);
  const now = { stamp, states: found };
  counted.set(day, now);
  return now;
}

/** One for each destination; one for the domain, where none was found. */
function statesIn({ whole, byUri }: DomainJournal): string[] {
  if (byUri.size > 0) return [...byUri.values()].map(({ state }) => state);
  return whole === 'nothing' ? [] : [whole.state];
}
