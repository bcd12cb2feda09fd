/** Sessions counted into files, and read from them again. */
import type { Format } from '../../day_files/day_file';
import { DayWriter, type DayWriterOptions } from '../../day_files/day_writer';
import { readDayFiles, type DayFilesWanted } from '../../day_files/read';
import type { Day } from '../../peers/day';
import { readSessionLine, sessionLines, sessionsHeader } from '../../tlsrpt/lines';
import type { SessionCounter } from '../../tlsrpt/session';
import { SessionTable } from '../../tlsrpt/session_table';

export interface SessionWriter extends SessionCounter {
  /** Resolves when all that was counted is stored, or was tried to be. */
  flush(): Promise<void>;
  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void;
}

export interface SessionWriterOptions extends Omit<DayWriterOptions, 'name'> {
  /** Domains that are counted in a day. */
  readonly maxDomains: number;
}

export function createSessionWriter(options: SessionWriterOptions): SessionWriter {
  const writer = new DayWriter({ ...options, name: 'TLS reports' }, formatOf(options.maxDomains));
  return {
    count: (results) =>
      writer.count(({ fresh }) => {
        for (const one of results) fresh.add(one);
      }),
    flush: () => writer.flush(),
    close: () => writer.close(),
  };
}

function formatOf(maxDomains: number): Format<SessionTable> {
  return {
    header: (day) => sessionsHeader.text(day),
    empty: () => new SessionTable(maxDomains),
    merge: (into, from) => into.merge(from),
    lines: sessionLines,
  };
}

export interface DaySessions {
  readonly table: SessionTable;
  /** What could not be read, one line each. */
  readonly problems: readonly string[];
}

/** All that the processes of this host have stored of `day`. */
export async function readSessions(
  where: Pick<DayFilesWanted, 'directory' | 'owner' | 'today'>,
  day: Day,
  maxDomains: number,
): Promise<DaySessions> {
  const table = new SessionTable(maxDomains);
  const { problems } = await readDayFiles({ ...where, from: day, to: day }, sessionsHeader, (_, line) =>
    readSessionLine(table, line),
  );
  return { table, problems };
}
