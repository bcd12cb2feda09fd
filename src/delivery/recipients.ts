/** What Haraka is told of each recipient of a message that was not delivered, for the DSN. */
import type { Decision } from '../policy/requirement';
import { undeliverable } from '../policy/undeliverable';
import type { Answer } from '../smtp/reply';
import type { HostFailure } from './attempt';
import { ascii, dsn } from './dsn';
import type { HMailItem, Recipient } from './haraka';

const dsnKeys = [
  'reason',
  'dsn_action',
  'dsn_status',
  'dsn_code',
  'dsn_msg',
  'dsn_remote_mta',
  'dsn_smtp_code',
  'dsn_smtp_extc',
  'dsn_smtp_response',
] as const satisfies readonly (keyof Recipient)[];

/** Haraka keeps what was last said of a recipient; a bounce must not mix that with what another attempt saw. */
export function forgetAttempts(recipients: readonly Recipient[]): void {
  for (const rcpt of recipients) for (const key of dsnKeys) Reflect.deleteProperty(rcpt, key);
}

/** What was said of `from`, for those who stand for the same recipients in another message, in the same order. */
export function copyDsn(from: readonly Recipient[], to: readonly Recipient[]): void {
  from.forEach((recipient, index) => {
    const copy = to[index];
    if (copy === undefined || copy === recipient) return;
    for (const key of dsnKeys)
      if (recipient[key] !== undefined) Object.assign(copy, { [key]: recipient[key] });
  });
}

/** @param status RFC 3463, such as `4.7.5`. @param failure the one that counts, `undefined` where there is none */
export function noteFailure(
  hmail: HMailItem,
  status: string,
  failure: HostFailure | undefined,
  text: string,
): void {
  forgetAttempts(hmail.todo.rcpt_to);
  const host = failure?.host.split(' ')[0] ?? '';
  for (const rcpt of hmail.todo.rcpt_to) {
    hmail.extend_rcpt_with_dsn(rcpt, dsn(status, text));
    rcpt.reason = text;
    if (host !== '') rcpt.dsn_remote_mta = host;
    if (failure?.kind === 'network' && failure.answer !== undefined) noteAnswer(rcpt, failure.answer);
  }
}

/** What a host said of a recipient, for the diagnostic code of the DSN (RFC 3464 section 2.3.6). */
export function noteAnswer(recipient: Recipient, { code, status, text }: Answer): void {
  recipient.dsn_smtp_code = code;
  if (status !== '') recipient.dsn_smtp_extc = status;
  recipient.dsn_smtp_response = ascii(text);
}

/** @returns why the message bounces */
export function noteUndeliverable(
  hmail: HMailItem,
  { domain, cause }: Extract<Decision, { kind: 'undeliverable' }>,
): string {
  const { status, bounce } = undeliverable[cause];
  const text = bounce(domain);
  for (const rcpt of hmail.todo.rcpt_to) hmail.extend_rcpt_with_dsn(rcpt, dsn(status, text));
  return text;
}
