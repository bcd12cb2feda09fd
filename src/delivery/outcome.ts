/**
 * Tells Haraka what became of each recipient, as its own client does: `delivered` for those who have the message, a message
 * of their own for those who wait and those who are refused, or `temp_fail` or `bounce` for all of them.
 */
import { isIP } from 'node:net';
import { messageOf, printable } from '../text';
import { answerText, type Answer } from '../smtp/reply';
import type { RecipientOutcome } from '../smtp/session';
import { outcomeOf } from '../smtp/steps';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { ascii, dsn } from './dsn';
import type { HarakaMx, HMailItem, Recipient } from './haraka';
import type { HostSession } from './host_session';
import type { HostTry } from './host_try';
import { copyDsn, noteAnswer } from './recipients';
import { replyTo, summarize } from './summary';

/** @param outcomes by index in `rcpt_to` */
export function tellHaraka(
  delivery: Delivery,
  attempt: Attempt,
  { mx, plan }: HostTry,
  session: Omit<HostSession, 'outcome'>,
  outcomes: readonly RecipientOutcome[],
): void {
  const { hmail } = delivery;
  const fates = sorted(hmail.todo.rcpt_to, outcomes);
  for (const { recipient, outcome } of fates.deferred) annotate(hmail, recipient, outcome, mx);
  for (const { recipient, outcome } of fates.refused) annotate(hmail, recipient, outcome, mx);
  const [delivered, deferred, refused] = [fates.delivered, fates.deferred, fates.refused].map((part) =>
    part.map(({ recipient }) => recipient),
  ) as [Recipient[], Recipient[], Recipient[]];
  const recipients = hmail.todo.rcpt_to.length;
  if (deferred.length === recipients) {
    hmail.temp_fail(`Upstream error: ${reasonOf(fates.deferred)}`, { fail_recips: deferred, mx });
    return;
  }
  if (refused.length === recipients) {
    hmail.bounce(reasonOf(fates.refused), { bounce_recips: refused, mx });
    return;
  }
  if (deferred.length > 0) {
    split(delivery, attempt, deferred, 'Some recipients temporarily failed', (part) =>
      part.temp_fail(`Some recipients temp failed: ${listed(deferred)}`, { fail_recips: deferred, mx }),
    );
  }
  if (refused.length > 0) {
    split(delivery, attempt, refused, 'Some recipients rejected', (part) =>
      part.bounce(`Some recipients failed: ${listed(refused)}`, { bounce_recips: refused, mx }),
    );
  }
  if (delivered.length === 0) {
    hmail.discard();
    return;
  }
  hmail.delivered(
    mx.path || (mx.exchange ?? ''),
    plan.port,
    mx.using_lmtp ? 'LMTP' : 'SMTP',
    hostName(mx),
    fates.delivered.at(-1)?.outcome.answer.text ?? '',
    delivered,
    deferred,
    refused,
    session.secured,
    session.authenticated,
  );
}

interface Fate {
  readonly recipient: Recipient;
  readonly outcome: RecipientOutcome;
}

/** In the order of the envelope. A recipient of whom nothing is said, as if it had come later, is deferred. */
function sorted(
  recipients: readonly Recipient[],
  outcomes: readonly RecipientOutcome[],
): Record<RecipientOutcome['kind'], Fate[]> {
  const fates: Record<RecipientOutcome['kind'], Fate[]> = { delivered: [], deferred: [], refused: [] };
  recipients.forEach((recipient, index) => {
    const outcome = outcomes[index] ?? outcomeOf({ kind: 'unanswered' });
    fates[outcome.kind].push({ recipient, outcome });
  });
  return fates;
}

/** For the DSN (RFC 3464). What the peer said goes into the diagnostic code, what we found into the status's own text. */
function annotate(
  hmail: HMailItem,
  recipient: Recipient,
  { kind, answer }: RecipientOutcome,
  mx: HarakaMx,
): void {
  const status = answer.status === '' ? `${kind === 'refused' ? 5 : 4}.0.0` : answer.status;
  const reason = ascii(answerText(answer, longestReason));
  recipient.reason = reason;
  if (answer.own === true) {
    hmail.extend_rcpt_with_dsn(recipient, dsn(status, answer.text));
    return;
  }
  hmail.lognotice(
    `recipient ${nameOf(recipient)} ${kind === 'refused' ? 'rejected' : 'deferred'}: ${reason}`,
  );
  recipient.dsn_action = kind === 'refused' ? 'failed' : 'delayed';
  recipient.dsn_status = status;
  noteAnswer(recipient, answer);
  if (mx.exchange !== undefined) recipient.dsn_remote_mta = mx.exchange;
}

/** Characters. */
const longestReason = 1024;

/** Haraka forgets what was said of a recipient when it writes a message of its own for it. */
function split(
  delivery: Delivery,
  attempt: Attempt,
  recipients: readonly Recipient[],
  response: string,
  take: (part: HMailItem) => void,
): void {
  const { hmail } = delivery;
  // What other hosts did is told of the message that it was split from.
  const summary = {
    ...summarize(attempt, hmail.todo),
    reply: replyTo(recipients),
    reasons: [],
    recorded: [],
  };
  hmail.refcount++;
  hmail.split_to_new_recipients(recipients, response, (part) => {
    try {
      copyDsn(recipients, part.todo.rcpt_to);
      delivery.onSplit(part, summary);
    } catch (error) {
      // What the part is told must not keep it, and the message that it came from, from going their ways.
      hmail.logerror(`tls-peers: a part could not be told what happened: ${printable(messageOf(error))}`);
    }
    hmail.discard();
    take(part);
  });
}

/** As Haraka writes it into its log. */
function nameOf(recipient: Recipient): string {
  return printable((recipient as { toString(): string }).toString());
}

/** One text for all: what was said of the first, which mostly was said of everybody. */
function reasonOf(fates: readonly Fate[]): string {
  const answer: Answer | undefined = fates[0]?.outcome.answer;
  return answer === undefined ? '' : ascii(answerText(answer, longestReason));
}

function listed(recipients: readonly Recipient[]): string {
  return recipients.map(nameOf).join(', ');
}

/** The host's name where Haraka knows one (as of 3.3; before that it was the address). */
function hostName({ exchange, from_dns }: HarakaMx): string {
  if (exchange === undefined) return '';
  return isIP(exchange) !== 0 && from_dns !== undefined && isIP(from_dns) === 0 ? from_dns : exchange;
}
