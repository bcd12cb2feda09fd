/** What a client asks for of a message that it hands in: REQUIRETLS at MAIL, or "TLS-Required: No" (RFC 8689). Pure. */
import { printable } from '../text';
import type { SmtpReply } from './decide';

export interface MailAsked {
  /** The value of the parameter; `undefined` where the parameter is not there, `null` where it has no value. */
  readonly parameter: unknown;
  readonly offer: 'switched_on' | 'switched_off';
  readonly channel: 'tls' | 'cleartext';
}

export type MailVerdict =
  | { readonly kind: 'untagged' | 'tagged' }
  /** The message is tagged all the same: somebody may take the refusal back. */
  | { readonly kind: 'refused'; readonly reply: SmtpReply };

export function judgeMail({ parameter, offer, channel }: MailAsked): MailVerdict {
  if (parameter === undefined) return { kind: 'untagged' };
  if (offer === 'switched_off') {
    return refusal(555, '5.5.4', 'REQUIRETLS is not offered here');
  }
  // Section 2: the parameter has no value.
  if (parameter !== null) return refusal(501, '5.5.4', 'REQUIRETLS takes no value');
  if (channel === 'cleartext') {
    return refusal(530, '5.7.10', 'REQUIRETLS is for sessions with TLS: issue a STARTTLS command first');
  }
  return { kind: 'tagged' };
}

function refusal(code: number, status: string, text: string): MailVerdict {
  return { kind: 'refused', reply: { code, status, text } };
}

export type HeaderVerdict =
  | { readonly kind: 'absent' }
  | { readonly kind: 'no' }
  /** `why` is for the log. */
  | { readonly kind: 'ignored'; readonly why: string };

/** Section 3: one field, and `No` is the one value there is. @param fields what stands behind the colon of each */
export function readTlsRequired(fields: readonly unknown[]): HeaderVerdict {
  if (fields.length === 0) return { kind: 'absent' };
  const values = new Set(fields.map((field) => String(field).trim().toLowerCase()));
  if (values.size > 1) return { kind: 'ignored', why: 'it is repeated with different values' };
  const [value = ''] = values;
  return value === 'no'
    ? { kind: 'no' }
    : { kind: 'ignored', why: `nobody knows the value ${JSON.stringify(printable(value, 40))}` };
}

/** `Received`, with a comment that says so (RFC 5321 section 4.4 has room for one behind the id). */
export function receivedLine(line: string): string {
  return line.replace(/(\swith E?SMTPS?A? id \S+)/, '$1 (requiretls)');
}

/** Plugins that hand mail on in connections of their own drop the tag. */
export function pastTheQueueText(plugin: string): string {
  return `5.7.30 REQUIRETLS is asked for, and ${plugin} would send the message on without it`;
}
