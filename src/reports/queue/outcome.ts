/** What became of a report in Haraka's queue. */
import type { HMailItem } from '../../delivery/haraka';
import type { ReportNote } from '../../delivery/report_mail';
import { messageOf, printable } from '../../text';
import { appendEntries, type EntryState, type JournalPlace } from '../store/journal';

export interface OutcomeOptions {
  readonly place: JournalPlace;
  readonly now: Date;
}

/** So long Haraka may try: a report is of no use later (RFC 8460 section 5.5). Milliseconds. */
const givenUpAfter = 24 * 3_600_000;

/**
 * Notes it.
 *
 * @param error what Haraka says of a deferral or a bounce
 * @returns `take_out` where the message is to leave the queue without further ado: nobody waits for the bounce of a report
 */
export function noteOutcome(
  hmail: HMailItem,
  note: ReportNote,
  { event, error }: { readonly event: 'delivered' | 'deferred' | 'bounced'; readonly error?: unknown },
  { place, now }: OutcomeOptions,
): 'take_out' | 'go_on' {
  const text = error === undefined ? '' : printable(messageOf(error), 300);
  const state = stateOf(hmail, note, event, now);
  if (state !== 'unchanged') {
    const { day, domain, uri } = note;
    const about = `the TLS report to ${printable(uri)} about ${printable(domain)}`;
    if (state !== 'accepted') hmail.lognotice(`tls-peers: ${about} is ${state.replace('_', ' ')}: ${text}`);
    appendEntries(place, day, [{ domain, uri, state, at: now.getTime(), text }]).catch((fault: unknown) =>
      hmail.logerror(`tls-peers: what became of ${about} could not be noted: ${printable(messageOf(fault))}`),
    );
  }
  return state === 'refused' || state === 'given_up' ? 'take_out' : 'go_on';
}

function stateOf(
  hmail: HMailItem,
  note: ReportNote,
  event: 'delivered' | 'deferred' | 'bounced',
  now: Date,
): EntryState | 'unchanged' {
  switch (event) {
    case 'delivered':
      return 'accepted';
    case 'bounced':
      return 'refused';
    case 'deferred':
      if (now.getTime() - note.at >= givenUpAfter) return 'given_up';
      return isHeldByRule(hmail) ? 'held' : 'unchanged';
  }
}

/** A rule of the operator's: what the recipient publishes does not hold a report up. */
function isHeldByRule({ notes }: HMailItem): boolean {
  const summary = notes['tls_peers'] as { reasons?: readonly { reason: string }[] } | undefined;
  return summary?.reasons?.some(({ reason }) => reason !== 'connection-failed') === true;
}
