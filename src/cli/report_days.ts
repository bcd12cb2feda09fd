/** Reports to others as commands show them: what was counted, and what became of it. */
import path from 'node:path';
import type { Day } from '../peers/day';
import type { SessionTable } from '../tlsrpt/session_table';
import { totalsOf } from '../tlsrpt/document';
import { readJournal, type JournalPlace } from '../reports/store/journal';
import { journalDays, openDays } from '../reports/store/days';
import { readSessions } from '../reports/store/session_files';
import { directorySource } from '../settings/load/source';
import type { GlobalSettings, Settings } from '../settings/schema/types';
import type { Context } from './command';
import { ownerOfState } from './install';
import { validSettings } from './valid_settings';

export interface ReportsPlace extends JournalPlace {
  readonly settings: Settings;
  readonly tlsReports: GlobalSettings['tlsReports'];
}

/** Where this install keeps what it knows of reports. */
export function reportsPlace({ directory }: Pick<Context, 'directory'>): ReportsPlace {
  const settings = validSettings(directorySource(directory));
  const { tlsReports } = settings.global;
  return {
    settings,
    tlsReports,
    directory: path.resolve(directory, '..', tlsReports.directory),
    owner: ownerOfState(directory),
  };
}

/** One destination of one domain's report, or the domain where none is known yet. */
export interface ReportRow {
  readonly day: Day;
  readonly domain: string;
  /** `undefined` where the sessions are reported, and forgotten. */
  readonly successful: number | undefined;
  readonly failed: number | undefined;
  /** Empty where it was not looked up yet, or there is none. */
  readonly destination: string;
  readonly state: string;
  readonly text: string;
}

export interface DayReading {
  readonly rows: readonly ReportRow[];
  readonly problems: readonly string[];
}

/** @param atMost rows after which earlier days are left out */
export async function readDays(
  place: ReportsPlace,
  today: Day,
  atMost = Number.POSITIVE_INFINITY,
): Promise<DayReading> {
  const days = new Set([...(await openDays(place.directory)), ...(await journalDays(place.directory))]);
  const rows: ReportRow[] = [];
  const problems: string[] = [];
  for (const day of [...days].sort().reverse()) {
    if (rows.length >= atMost) break;
    const { table, problems: found } = await sessionsOf(place, day, today);
    problems.push(...found);
    const { domains } = await readJournal(place, day);
    for (const domain of new Set([...domainsIn(table), ...domains.keys()])) {
      const sessions = table.get(domain);
      const totals = sessions === undefined ? undefined : totalsOf(sessions);
      const of = { day, domain, successful: totals?.successful, failed: totals?.failed };
      const known = domains.get(domain);
      const whole = known?.whole ?? 'nothing';
      const byUri = [...(known?.byUri ?? [])];
      for (const [destination, { state, text }] of byUri) rows.push({ ...of, destination, state, text });
      if (byUri.length > 0) continue;
      const { state, text } = whole === 'nothing' ? pending(day, today) : whole;
      rows.push({ ...of, destination: '', state, text });
    }
  }
  return { rows, problems };
}

export function sessionsOf(place: ReportsPlace, day: Day, today: Day) {
  return readSessions({ ...place, today }, day, place.tlsReports.maxDomains * 16);
}

function* domainsIn(table: SessionTable): Generator<string> {
  for (const [domain] of table.rows()) yield domain;
}

function pending(day: Day, today: Day): { readonly state: string; readonly text: string } {
  return day < today
    ? { state: 'pending', text: 'is sent when its time has come' }
    : { state: 'counting', text: 'the day is not over' };
}
