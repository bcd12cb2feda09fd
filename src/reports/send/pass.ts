/** One go through the domains of one day: what is due of each is done, and noted. */
import type { Day } from '../../peers/day';
import { messageOf, printable } from '../../text';
import { reportOf, totalsOf, type Reporter } from '../../tlsrpt/document';
import { parseReportRecords, recordName, type Destination } from '../../tlsrpt/record';
import type { DomainSessions } from '../../tlsrpt/session_table';
import { appendEntries, type DomainJournal, type Entry, type Journal, type Standing } from '../store/journal';
import { composeMail, packed } from './compose';
import type { SenderOptions } from './options';
import { nextTry } from './schedule';

/** Entries that are written at a time, where nothing was sent. */
const entriesAtOnce = 200;

export interface PassOf {
  readonly day: Day;
  readonly journal: Journal;
  /** Destinations that had a report come back lately. */
  readonly bounced: ReadonlySet<string>;
  readonly mayStillSend: () => Promise<boolean>;
}

/** One go through the domains of one day. */
export class Pass {
  readonly #options: SenderOptions;
  readonly #day: Day;
  readonly #journal: Journal;
  readonly #bounced: ReadonlySet<string>;
  readonly #mayStillSend: () => Promise<boolean>;
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
    if (!(await this.#mayStillSend())) {
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
export function standingsOf({ whole, byUri }: DomainJournal): Standing[] {
  if (byUri.size > 0) return [...byUri.values()];
  return whole === 'nothing' ? [] : [whole];
}

function textOf(standing: { readonly text: string } | 'nothing' | undefined): string {
  return standing === undefined || standing === 'nothing' ? '' : standing.text;
}
