/**
 * Tells Haraka what became of each recipient: `delivered` for those who have the message, a message of their own for those
 * who wait and those who are refused, or `temp_fail` or `bounce` for all of them. Whoever has the message is never put back
 * into the queue with the others, and never told anything else.
 */
import { isIP } from 'node:net';
import { messageOf, printable } from '../text';
import { answerText, type Answer } from '../smtp/reply';
import type { RecipientOutcome } from '../smtp/recipient';
import { outcomeOf } from '../smtp/steps';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { ascii, dsn } from './dsn';
import type { HarakaMx, HMailItem, Recipient } from './haraka';
import type { HostSession } from './host_session';
import { whereOf, type HostTry } from './host_try';
import { copyDsn, noteAnswer } from './recipients';
import { replyTo, summarize } from './summary';

/** Rejects only before anything was told. @param outcomes by index in `rcpt_to` */
export async function tellHaraka(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  session: Omit<HostSession, 'outcome'>,
  outcomes: readonly RecipientOutcome[],
): Promise<void> {
  const { hmail } = delivery;
  const { mx, plan } = tried;
  const fates = sorted(hmail.todo.rcpt_to, outcomes);
  noteOwn(attempt, tried, outcomes);
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
  const kept: Kept = { recipients: [], fault: '' };
  const part = async (recipients: Recipient[], response: string, take: (part: HMailItem) => void) => {
    if (recipients.length === 0) return;
    try {
      await split(delivery, attempt, recipients, response, take);
    } catch (error) {
      kept.recipients.push(...recipients);
      kept.fault = printable(messageOf(error));
    }
  };
  // Before `delivered`, and one by one: only then is it known who is left.
  await part(deferred, 'Some recipients temporarily failed', (one) =>
    one.temp_fail(`Some recipients temp failed: ${listed(deferred)}`, { fail_recips: deferred, mx }),
  );
  await part(refused, 'Some recipients rejected', (one) =>
    one.bounce(`Some recipients failed: ${listed(refused)}`, { bounce_recips: refused, mx }),
  );
  if (delivered.length === 0) {
    if (kept.recipients.length > 0) keep(hmail, kept, mx);
    else hmail.discard();
    return;
  }
  if (kept.recipients.length > 0) keepAtEnd(hmail, kept, mx);
  try {
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
  } catch (error) {
    hmail.logerror(`tls-peers: what was delivered could not be told: ${printable(messageOf(error))}`);
    hmail.discard();
  }
}

/** Recipients for whom no message of their own could be written. */
interface Kept {
  readonly recipients: Recipient[];
  /** Why, for people. */
  fault: string;
}

/** The others are settled: the message waits for those who are kept alone. The queue file still names everybody. */
function keep(hmail: HMailItem, { recipients, fault }: Kept, mx: HarakaMx): void {
  hmail.logerror(
    `tls-peers: no message of their own could be written for ${listed(recipients)}, who wait: ${fault}; ` +
      'if Haraka ends before they have it, the others get it once more',
  );
  hmail.todo.rcpt_to.splice(0, Infinity, ...(recipients as typeof hmail.todo.rcpt_to));
  const text = `Some recipients wait, for want of a message of their own: ${listed(recipients)}`;
  hmail.temp_fail(text, { fail_recips: recipients, mx });
}

/** Haraka discards the message when every plugin has been told that it was delivered; this once it is kept. */
function keepAtEnd(hmail: HMailItem, kept: Kept, mx: HarakaMx): void {
  const discard = hmail.discard.bind(hmail);
  hmail.discard = () => {
    hmail.discard = discard;
    keep(hmail, kept, mx);
  };
}

/** What no host said: the summary has to, or nobody would know why the message waits or bounces. */
function noteOwn(attempt: Attempt, tried: HostTry, outcomes: readonly RecipientOutcome[]): void {
  const own = outcomes.find(({ answer }) => answer.own === true);
  if (own === undefined) return;
  const { answer } = own;
  if (own.kind === 'refused') attempt.found = answerText(answer, longestReason);
  else attempt.failures.push({ kind: 'network', host: whereOf(tried), text: answer.text, answer });
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
  hmail.lognotice(
    `recipient ${nameOf(recipient)} ${kind === 'refused' ? 'rejected' : 'deferred'}: ${reason}`,
  );
  if (answer.own === true) {
    hmail.extend_rcpt_with_dsn(recipient, dsn(status, answer.text));
    return;
  }
  recipient.dsn_action = kind === 'refused' ? 'failed' : 'delayed';
  recipient.dsn_status = status;
  noteAnswer(recipient, answer);
  if (mx.exchange !== undefined) recipient.dsn_remote_mta = mx.exchange;
}

/** Characters. */
const longestReason = 1024;

/**
 * Haraka forgets what was said of a recipient when it writes a message of its own for it.
 *
 * Where that cannot be written, Haraka would bounce the whole message, whoever has it already, and more than once; while
 * plugins are being told of the delivery that ends the process. So it is asked on behalf of a stand-in, whose `bounce` is
 * where such faults come out.
 */
function split(
  delivery: Delivery,
  attempt: Attempt,
  recipients: readonly Recipient[],
  response: string,
  take: (part: HMailItem) => void,
): Promise<void> {
  const { hmail } = delivery;
  // What other hosts did is told of the message that it was split from.
  const summary = {
    ...summarize(attempt, hmail.todo),
    reply: replyTo(recipients),
    reasons: [],
    recorded: [],
  };
  return new Promise((resolve, reject) => {
    let state: 'awaited' | 'failed' = 'awaited';
    const fail = (text: string): void => {
      state = 'failed';
      clearTimeout(timer);
      reject(new Error(text));
    };
    // Haraka does not say so where it cannot read back what it has written.
    const timer = setTimeout(() => fail('it was not written in time'), patience);
    const standIn = Object.create(hmail) as HMailItem;
    standIn.bounce = fail;
    standIn.extend_rcpt_with_dsn = () => undefined;
    try {
      hmail.split_to_new_recipients.call(standIn, recipients, response, (part) => {
        // Its recipients have been kept meanwhile.
        if (state === 'failed') {
          part.discard();
          return;
        }
        clearTimeout(timer);
        try {
          copyDsn(recipients, part.todo.rcpt_to);
          delivery.onSplit(part, summary);
        } catch (error) {
          // What the part is told must not keep it from going its way.
          hmail.logerror(`tls-peers: a part could not be told what happened: ${printable(messageOf(error))}`);
        }
        resolve();
        take(part);
      });
    } catch (error) {
      fail(messageOf(error));
    }
  });
}

/** Milliseconds for a message of their own to be written. */
const patience = 60_000;

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
