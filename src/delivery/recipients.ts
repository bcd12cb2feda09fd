/** What Haraka is told of each recipient of a message that was not delivered, for the DSN. */
import type { Decision, UndeliverableCause } from '../policy/requirement';
import type { HostFailure } from './attempt';
import { dsn } from './dsn';
import type { HMailItem, Recipient } from './haraka';

/** Haraka keeps what was last said of a recipient; a bounce must not mix that with what another attempt saw. */
export function forgetAttempts(recipients: readonly Recipient[]): void {
  for (const rcpt of recipients) {
    delete rcpt.reason;
    delete rcpt.dsn_action;
    delete rcpt.dsn_status;
    delete rcpt.dsn_code;
    delete rcpt.dsn_msg;
    delete rcpt.dsn_remote_mta;
    delete rcpt.dsn_smtp_code;
    delete rcpt.dsn_smtp_extc;
    delete rcpt.dsn_smtp_response;
  }
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
  }
}

/** @returns why the message bounces */
export function noteUndeliverable(
  hmail: HMailItem,
  { domain, cause }: Extract<Decision, { kind: 'undeliverable' }>,
): string {
  const [status, text] = undeliverable[cause];
  for (const rcpt of hmail.todo.rcpt_to) hmail.extend_rcpt_with_dsn(rcpt, dsn(status, text(domain)));
  return text(domain);
}

const undeliverable: Readonly<
  Record<UndeliverableCause, readonly [status: string, text: (domain: string) => string]>
> = {
  null_mx: ['5.1.10', (domain) => `Domain ${domain} sends and receives no email (NULL MX)`],
  no_such_domain: ['5.1.2', (domain) => `No Such Domain: ${domain}`],
  no_address: ['5.1.2', (domain) => `Domain ${domain} has neither MX records nor an address`],
};
