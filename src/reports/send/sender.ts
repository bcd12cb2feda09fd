/**
 * Sends the reports of days that are over. One process of a host does it; what became of each report is on disk before the next
 * thing is done, and a report that nobody can be sure of is sent once more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import { messageOf, printable } from '../../text';
import type { DomainSessions } from '../../tlsrpt/session_table';
import { journalDays, openDays, removeCounts, removeJournals } from '../store/days';
import { appendEntries, readJournal, type JournalPlace } from '../store/journal';
import { SenderLock } from '../store/lock';
import { takeRequests } from '../store/requests';
import { SentCount } from '../store/sent_count';
import { readSessions } from '../store/session_files';
import type { SenderOptions } from './options';
import { Pass, standingsOf } from './pass';
import { dueAt } from './schedule';

/** Milliseconds between two looks at what is due. */
const interval = 10_000;

/** Domains at a time. */
const atOnce = 8;

export class ReportSender {
  readonly #options: SenderOptions;
  readonly #lock: SenderLock;
  readonly #delays = new Map<Day, number>();
  /** When a day is worth looking at again, milliseconds since 1970. */
  readonly #next = new Map<Day, number>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;
  readonly #sent: SentCount;
  #tidied: Day | undefined;
  readonly #said = new Set<string>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#lock = new SenderLock(options.directory());
    this.#sent = new SentCount(() => ({ directory: options.directory(), owner: options.owner }));
  }

  start(): void {
    const key = this.#options.key();
    if (key.kind === 'none')
      this.#sayOnce('warn', `TLS reports: none is sent by mail: ${printable(key.text, 300)}`);
    this.#timer ??= setInterval(() => void this.tick(), interval).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#working;
    await this.#lock.release().catch(() => undefined);
  }

  /** Does what is due. Never rejects. */
  tick(): Promise<void> {
    this.#working ??= this.#work()
      .catch((error: unknown) => this.#sayOnce('warn', `TLS reports: ${printable(messageOf(error), 300)}`))
      .finally(() => {
        this.#working = undefined;
      });
    return this.#working;
  }

  async #work(): Promise<void> {
    const { directory, owner, now } = this.#options;
    const today = utcDay(now());
    const days = (await openDays(directory())).filter((day) => day < today);
    const requests = await takeRequests({ directory: directory(), owner }, 'look');
    if (days.length === 0 && requests.length === 0) return;
    if ((await this.#lock.take()) === 'others') return;
    try {
      await this.#sendOf(days, today);
    } finally {
      await this.#sent.settle();
    }
  }

  async #sendOf(days: readonly Day[], today: Day): Promise<void> {
    const { directory, owner, now } = this.#options;
    const wanted = new Set(
      (await takeRequests({ directory: directory(), owner }, 'take')).map(({ domain }) => domain),
    );
    await this.#tidy(today);
    for (const day of days) {
      if (this.#isClosed) return;
      if (wanted.size > 0) await this.#pass(day, wanted);
      if (now().getTime() >= this.#dueAt(day)) await this.#pass(day, 'all');
    }
  }

  /** Once a day. */
  async #tidy(today: Day): Promise<void> {
    if (this.#tidied === today) return;
    this.#tidied = today;
    await removeJournals(this.#options.directory(), dayBefore(today, this.#options.settings().days));
  }

  #dueAt(day: Day): number {
    const { settings, random } = this.#options;
    let delay = this.#delays.get(day);
    if (delay === undefined) {
      delay = (random ?? Math.random)() * settings().maxDelay * 1000;
      this.#delays.set(day, delay);
    }
    return Math.max(dueAt(day, delay), this.#next.get(day) ?? 0);
  }

  /** @param which domains for which somebody asks now, whatever was tried before; or all, each in its time */
  async #pass(day: Day, which: ReadonlySet<string> | 'all'): Promise<void> {
    const { directory, owner, now, settings, log } = this.#options;
    const place = { directory: directory(), owner };
    const journal = await readJournal(place, day);
    if (journal.isSettled && which === 'all') {
      await removeCounts(place.directory, day);
      this.#next.delete(day);
      return;
    }
    const { table, problems } = await readSessions(
      { ...place, today: utcDay(now()) },
      day,
      settings().maxDomains * 16,
    );
    for (const problem of problems) this.#sayOnce('warn', `TLS reports: ${problem}`);
    const bounced = await this.#bounced(place, day);
    const pass = new Pass(this.#options, { day, journal, bounced, mayStillSend: () => this.#mayStillSend() });
    const rows = which === 'all' ? table.rows() : chosen(table.rows(), which);
    await this.#inTurn(rows, (domain, sessions) => pass.domain(domain, sessions, which !== 'all'));
    await pass.flush();
    if (which !== 'all' || this.#isClosed) return;
    const after = await readJournal(place, day);
    const { open, next } = pass.outlook(after, table.rows());
    if (open > 0) {
      this.#next.set(day, next);
      return;
    }
    const failed = [...after.domains.values()].some((one) =>
      standingsOf(one).some(({ state }) => state === 'given_up' || state === 'refused'),
    );
    // What nobody took is kept for its time, so that it can be looked at, and sent by hand.
    if (failed) this.#next.set(day, Number.POSITIVE_INFINITY);
    else {
      await appendEntries(place, day, [
        { domain: '', uri: '', state: 'settled', at: now().getTime(), text: '' },
      ]);
      await removeCounts(place.directory, day);
      log.info(`TLS reports: those of ${day} are done with`);
    }
  }

  /** Destinations that would not have a report of another day that is still remembered. */
  async #bounced(place: JournalPlace, day: Day): Promise<ReadonlySet<string>> {
    const bounced = new Set<string>();
    for (const other of await journalDays(place.directory)) {
      if (other === day) continue;
      for (const { byUri } of (await readJournal(place, other)).domains.values())
        for (const [uri, { state }] of byUri) if (state === 'refused') bounced.add(uri);
    }
    return bounced;
  }

  /** A few at a time; others have their turn in between. */
  async #inTurn(
    rows: Iterable<readonly [string, DomainSessions]>,
    work: (domain: string, sessions: DomainSessions) => Promise<void>,
  ): Promise<void> {
    const waiting = rows[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (let step = waiting.next(), done = 0; step.done !== true; step = waiting.next(), done++) {
        if (this.#isClosed) return;
        await work(...step.value);
        if (done % 50 === 49) await sleep(1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  async #mayStillSend(): Promise<boolean> {
    const { maxReports } = this.#options.settings();
    // Another process may have taken over while this one stood still.
    if (this.#isClosed || !(await this.#lock.isHeld())) return false;
    const day = utcDay(this.#options.now());
    if (await this.#sent.take(day, maxReports)) return true;
    this.#sayOnce(
      'notice',
      `TLS reports: max_reports (${maxReports}) is reached for ${day}; the others wait`,
    );
    return false;
  }

  #sayOnce(level: 'warn' | 'notice', line: string): void {
    if (this.#said.has(line) || this.#said.size > 1000) return;
    this.#said.add(line);
    this.#options.log[level](line);
  }
}

function* chosen(
  rows: Iterable<readonly [string, DomainSessions]>,
  which: ReadonlySet<string>,
): Generator<readonly [string, DomainSessions]> {
  for (const row of rows) if (which.has(row[0])) yield row;
}
