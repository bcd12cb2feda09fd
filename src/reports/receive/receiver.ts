/** Takes reports of others: verified, read, kept, and what is new in them said. */
import { withDeadline } from '../../deadline';
import type { Log } from '../../log';
import { dayBefore, utcDay, type Day } from '../../peers/day';
import type { Settings } from '../../settings/schema/types';
import type { Owner } from '../../state/owner';
import { messageOf, printable } from '../../text';
import { attribute, isTrusted } from '../../tlsrpt/attribution';
import { newsIn } from '../../tlsrpt/news';
import { readReceived, removeReceived, storeReport, type StoredReport } from '../store/received_files';
import { readMessage, type ReadMessage, type TxtLookup } from './message';

export interface ReceiverOptions {
  readonly settings: () => Settings;
  readonly directory: () => string;
  readonly owner: Owner;
  readonly log: Log;
  readonly now: () => Date;
  readonly txt: TxtLookup;
}

export type Taken =
  | { readonly kind: 'taken'; readonly managed: string; readonly signer: string }
  /** It is no report that counts, or none at all: whoever else takes mail has it. */
  | { readonly kind: 'refused'; readonly problem: string };

/** Milliseconds for one message. */
const limitMs = 30_000;

/** Messages that are read at a time. */
const mostAtOnce = 4;

/** How far back a failure is known for the same. */
const newsDays = 14;

export class ReportReceiver {
  readonly #options: ReceiverOptions;
  #reading = 0;
  #tidied: Day | undefined;
  #saidFull = '';

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** @param raw the whole message. Never rejects. */
  async take(raw: Uint8Array): Promise<Taken> {
    if (this.#reading >= mostAtOnce) return refused('too many reports are being read');
    this.#reading += 1;
    try {
      const read = await withDeadline(limitMs, undefined, (signal) =>
        Promise.race([readMessage(raw, this.#options.txt), outOfTime(signal)]),
      );
      return read.kind === 'report' ? await this.#keep(read) : refused(read.problem);
    } catch (error) {
      return refused(printable(messageOf(error)));
    } finally {
      this.#reading -= 1;
    }
  }

  async #keep({ report, about, signer }: Extract<ReadMessage, { kind: 'report' }>): Promise<Taken> {
    const { settings, directory, owner, now, log } = this.#options;
    const { domains, global } = settings();
    const found = attribute(report, about, (domain) => domains.has(domain));
    if (found.kind === 'foreign') return refused(found.problem);
    const place = { directory: directory(), owner };
    const stored: StoredReport = {
      at: now().getTime(),
      managed: found.managed,
      signer,
      report: found.report,
    };
    const standing = isTrusted(signer, global.tlsReports.trustedReporters) ? 'trusted' : 'others';
    const before = standing === 'trusted' ? await this.#before(stored) : 'known';
    if ((await storeReport(place, stored, standing)) === 'full') {
      const today = utcDay(now());
      if (this.#saidFull !== today)
        log.warn(`TLS reports: there is no room for more of today's reports of ${standing}`);
      this.#saidFull = today;
      return refused('there is no room for more reports today');
    }
    if (before !== 'known') this.#tell(stored, before);
    await this.#tidy();
    return { kind: 'taken', managed: found.managed, signer };
  }

  /** The last one of the same reporter; `known` where this very one came before. */
  async #before({ managed, signer, report }: StoredReport): Promise<StoredReport | undefined | 'known'> {
    const { directory, owner, now } = this.#options;
    const from = dayBefore(utcDay(now()), newsDays);
    const { reports } = await readReceived({ directory: directory(), owner }, from, signer);
    const others = reports.filter((one) => one.managed === managed && one.signer === signer);
    const isKnown = others.some(
      (one) =>
        one.report.id === report.id && one.report.begin === report.begin && one.report.end === report.end,
    );
    if (isKnown) return 'known';
    return others
      .filter((one) => one.report.begin < report.begin)
      .sort((a, b) => b.report.begin - a.report.begin)[0];
  }

  #tell({ managed, signer, report }: StoredReport, before: StoredReport | undefined): void {
    for (const { kind, mxHost, type, count } of newsIn(report, before?.report)) {
      const at = mxHost === '' ? '' : ` at ${mxHost}`;
      const what =
        kind === 'began_to_fail'
          ? `${signer} reports failures of mail to ${managed}${at}: ${type}, ${count} times`
          : `${signer} reports no more failures of mail to ${managed}${at} (${type})`;
      this.#options.log.notice(printable(`TLS reports: ${what}`, 300));
    }
  }

  /** Once a day. */
  async #tidy(): Promise<void> {
    const { now, settings, directory } = this.#options;
    const today = utcDay(now());
    if (this.#tidied === today) return;
    this.#tidied = today;
    await removeReceived(directory(), today, settings().global.tlsReports.receivedDays);
  }
}

function outOfTime(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it took too long to read')), { once: true });
  });
}

function refused(problem: string): Taken {
  return { kind: 'refused', problem };
}
