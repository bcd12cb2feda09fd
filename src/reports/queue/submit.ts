/** Hands a report to Haraka's own queue. */
import { hookAnswer } from '../../delivery/haraka';
import { reportNote, type ReportNote } from '../../delivery/report_mail';
import { messageOf, printable } from '../../text';

export interface Mail {
  readonly from: string;
  readonly to: string;
  /** ASCII, CRLF at line ends. */
  readonly contents: string;
  readonly note: ReportNote;
}

/** What is used of Haraka's `outbound`. */
export interface Outbound {
  send_email(
    from: string,
    to: string,
    contents: string,
    next: (answer: number, text: unknown) => void,
    options: { readonly notes: object },
  ): void;
}

/** What is used of Haraka's `transaction`. */
export interface Transactions {
  createTransaction(uuid: null, settings: object): { readonly notes: Record<string, unknown> };
}

/** Milliseconds in which Haraka writes a message into its queue. */
const limitMs = 60_000;

/** Resolves when Haraka has the message on disk. @throws Error where it does not take it */
export function submitReport(
  { outbound, transactions }: { readonly outbound: Outbound; readonly transactions: Transactions },
  { from, to, contents, note }: Mail,
): Promise<void> {
  // Of the kind that Haraka's own transactions have: it looks for `skip_plugins` in them without asking whether it is there.
  const { notes } = transactions.createTransaction(null, {});
  notes['skip_plugins'] = [];
  // It is signed already, as reports have to be.
  notes['dkim_signed'] = true;
  notes[reportNote] = note;
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('Haraka did not take it in time')), limitMs);
    const settle = (answer: number, text: unknown): void => {
      clearTimeout(limit);
      if (answer === hookAnswer.ok) resolve();
      else reject(new Error(`Haraka did not take it: ${printable(messageOf(text))}`));
    };
    outbound.send_email(from, to, contents, settle, { notes });
  });
}
