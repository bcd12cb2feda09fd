/**
 * Sends the reports of days that are over. One process of a host does it; what became of each report is on disk before the next
 * thing is done, and a report that nobody can be sure of is sent once more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../../dns/types';
import type { Log } from '../../log';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import type { GlobalSettings } from '../../settings/schema/types';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import type { DomainSessions } from '../../tlsrpt/session_table';
import type { Mail } from '../queue/submit';
import { reportOf, totalsOf, type Reporter } from '../../tlsrpt/document';
import { parseReportRecords, recordName, type Destination } from '../../tlsrpt/record';
import {
  appendEntries,
  readJournal,
  type DomainJournal,
  type Entry,
  type Journal,
  type JournalPlace,
  type Standing,
} from '../store/journal';
import { SenderLock } from '../store/lock';
import { journalDays, openDays, removeCounts, removeJournals } from '../store/days';
import { takeRequests } from '../store/requests';
import { readSessions } from '../store/session_files';
import { composeMail, packed } from './compose';
import type { FoundKey } from './dkim_key';
import type { Posted } from './post';
import { dueAt, nextTry } from './schedule';

export interface SenderOptions {
  readonly settings: () => GlobalSettings['tlsReports'];
  /** Where sessions and journals are. */
  readonly directory: () => string;
  readonly owner: Owner;
  readonly log: Log;
  readonly now: () => Date;
  /** Tells this host's reports from those of others. */
  readonly host: string;
  readonly txt: (name: string) => Promise<Answer<string>>;
  readonly key: () => FoundKey;
  /** Hands a mail to Haraka. @throws Error where Haraka does not take it */
  readonly submit: (mail: Mail) => Promise<void>;
  readonly post: (url: URL, body: Uint8Array) => Promise<Posted>;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** Milliseconds between two looks at what is due. */
const interval = 10_000;

/** Domains at a time. */
const atOnce = 8;

/** Entries that are written at a time, where nothing was sent. */
const entriesAtOnce = 200;

export class ReportSender {
  readonly #options: SenderOptions;
  readonly #lock: SenderLock;
  readonly #delays = new Map<Day, number>();
  /** When a day is worth looking at again, milliseconds since 1970. */
  readonly #next = new Map<Day, number>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;
  #sent: { day: Day; count: number } | undefined;
  #tidied: Day | undefined;
  readonly #said = new Set<string>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#lock = new SenderLock(options.directory());
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

  #mayStillSend(): boolean {
    const { settings, now } = this.#options;
    const day = utcDay(now());
    if (this.#sent?.day !== day) this.#sent = { day, count: 0 };
    if (this.#sent.count >= settings().maxReports) {
      this.#sayOnce(
        'notice',
        `TLS reports: max_reports (${settings().maxReports}) is reached for ${day}; the others wait`,
      );
      return false;
    }
    this.#sent.count += 1;
    return true;
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

interface PassOf {
  readonly day: Day;
  readonly journal: Journal;
  /** Destinations that had a report come back lately. */
  readonly bounced: ReadonlySet<string>;
  readonly mayStillSend: () => boolean;
}

/** One go through the domains of one day. */
class Pass {
  readonly #options: SenderOptions;
  readonly #day: Day;
  readonly #journal: Journal;
  readonly #bounced: ReadonlySet<string>;
  readonly #mayStillSend: () => boolean;
  #entries: Entry[] = [];
  #wasHeldUp = false;

  constructor(options: SenderOptions, { day, journal, bounced, mayStillSend }: PassOf) {
    this.#options = options;
    this.#day = day;
    this.#journal = journal;
    this.#bounced = bounced;
    this.#mayStillSend = mayStillSend;
  }

  async domain(domain: string, sessions: DomainSessions, atOnce: boolean): Promise<void> {
    const known = this.#journal.domains.get(domain);
    if (!atOnce && !(await this.#isDue(domain, known))) return;
    if (!totalsOf(sessions).isWanted) {
      await this.#note(
        [{ domain, uri: '', state: 'unwanted', at: this.#now(), text: 'nothing failed' }],
        'lazily',
      );
      return;
    }
    const destinations = await this.#destinations(domain);
    for (const destination of destinations) {
      const standing = known?.byUri.get(destination.uri);
      const due = nextTry(standing, this.#now());
      if (atOnce ? standing?.state === 'accepted' || standing?.state === 'queued' : due.kind === 'done')
        continue;
      if (!atOnce && due.kind === 'give_up') {
        await this.#note([
          { domain, uri: destination.uri, state: 'given_up', at: this.#now(), text: textOf(standing) },
        ]);
        this.#options.log.notice(
          `TLS reports: the one to ${printable(destination.uri)} about ${domain} for ${this.#day} is given up: ${textOf(standing)}`,
        );
        continue;
      }
      if (!atOnce && due.kind !== 'due') continue;
      await this.#send(domain, sessions, destination);
    }
  }

  async #isDue(domain: string, known: DomainJournal | undefined): Promise<boolean> {
    const now = this.#now();
    // Where a destination was found, the question for it has been answered.
    if (known !== undefined && known.byUri.size > 0)
      return [...known.byUri.values()].some((one) => ['due', 'give_up'].includes(nextTry(one, now).kind));
    const next = nextTry(known?.whole, now);
    if (next.kind === 'give_up') {
      const text = textOf(known?.whole);
      await this.#note([{ domain, uri: '', state: 'given_up', at: now, text }]);
      this.#options.log.notice(`TLS reports: none could be sent to ${domain} for ${this.#day}: ${text}`);
    }
    return next.kind === 'due';
  }

  async flush(): Promise<void> {
    const entries = this.#entries;
    this.#entries = [];
    const { directory, owner } = this.#options;
    await appendEntries({ directory: directory(), owner }, this.#day, entries);
  }

  /** How many domains something is left to do for, and when the first of them is due. */
  outlook(
    journal: Journal,
    rows: Iterable<readonly [string, DomainSessions]>,
  ): { open: number; next: number } {
    const now = this.#now();
    let [open, next] = [0, Number.POSITIVE_INFINITY];
    for (const [domain] of rows) {
      const known = journal.domains.get(domain);
      const standings = known === undefined ? [] : standingsOf(known);
      const tries = standings.map((one) => nextTry(one, now));
      if (tries.length > 0 && tries.every(({ kind }) => kind === 'done')) continue;
      open += 1;
      for (const one of tries) next = Math.min(next, one.kind === 'later' ? one.at : now + 60_000);
      if (tries.length === 0) next = Math.min(next, now + 60_000);
    }
    // Others of them wait for the next day.
    return { open, next: this.#wasHeldUp ? Math.max(next, now + 600_000) : next };
  }

  /** What the domain publishes now, whatever it did when the sessions were counted. */
  async #destinations(domain: string): Promise<readonly Destination[]> {
    const answer = await this.#options.txt(recordName(domain));
    if (answer.kind === 'failed') {
      await this.#note([{ domain, uri: '', state: 'failed', at: this.#now(), text: answer.detail }]);
      return [];
    }
    const record = parseReportRecords(answer.kind === 'records' ? answer.records : []);
    if (record.kind === 'found') return record.destinations;
    const text = record.kind === 'invalid' ? record.text : 'it asks for no reports';
    await this.#note([{ domain, uri: '', state: 'unwanted', at: this.#now(), text }], 'lazily');
    return [];
  }

  async #send(domain: string, sessions: DomainSessions, destination: Destination): Promise<void> {
    const { settings, now, host } = this.#options;
    const { organization, contact, from, suppress } = settings();
    const { uri } = destination;
    const note = (state: Extract<Entry, { uri: string }>['state'], text: string): Promise<void> =>
      this.#note([{ domain, uri, state, at: this.#now(), text } as Entry]);
    if (destination.kind === 'mail' && suppress.includes(destination.address)) {
      await note('suppressed', 'suppress lists it');
      return;
    }
    if (this.#bounced.has(uri)) {
      await note('suppressed', 'it would not have a report of another day');
      return;
    }
    if (!this.#mayStillSend()) {
      this.#wasHeldUp = true;
      return;
    }
    const reporter: Reporter = { organization, contact, host };
    const report = reportOf(reporter, this.#day, domain, sessions);
    try {
      if (destination.kind === 'https') {
        const posted = await this.#options.post(destination.url, packed(report));
        await note(posted.kind, posted.kind === 'failed' ? posted.text : '');
        return;
      }
      const key = this.#options.key();
      if (key.kind === 'none') throw new Error(key.text);
      const { address: to } = destination;
      const contents = await composeMail({ domain, day: this.#day, report, from, to, date: now() }, key.key);
      await this.#options.submit({
        from,
        to,
        contents,
        note: { day: this.#day, domain, uri, at: this.#now() },
      });
      await note('queued', '');
    } catch (error) {
      await note('failed', messageOf(error));
    }
  }

  /** @param when what nobody sees need not be on disk at once */
  async #note(entries: readonly Entry[], when: 'now' | 'lazily' = 'now'): Promise<void> {
    this.#entries.push(...entries);
    if (when === 'now' || this.#entries.length >= entriesAtOnce) await this.flush();
  }

  #now(): number {
    return this.#options.now().getTime();
  }
}

/** Where destinations were found, the question for them is answered. */
function standingsOf({ whole, byUri }: DomainJournal): Standing[] {
  if (byUri.size > 0) return [...byUri.values()];
  return whole === 'nothing' ? [] : [whole];
}

function textOf(standing: { readonly text: string } | 'nothing' | undefined): string {
  return standing === undefined || standing === 'nothing' ? '' : standing.text;
}
