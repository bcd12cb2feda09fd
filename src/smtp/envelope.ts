/** The envelope of one message, and the commands that carry it (RFC 5321 section 3.3). Pure. */
import type { Capabilities } from './capabilities';
import type { Answer } from './reply';

/** A reverse-path or a forward-path, with its angle brackets. */
export interface Path {
  /** As it was written, in UTF-8. */
  readonly text: string;
  /** With the domain as A-labels. It holds other characters than ASCII where the local part does. */
  readonly ascii: string;
}

export interface Envelope {
  readonly from: Path;
  /** Never empty. */
  readonly recipients: readonly Path[];
  /** Octets of the message as it is sent, dots doubled; `unknown` declares none. */
  readonly octets: number | 'unknown';
  /** Whether REQUIRETLS is said (RFC 8689): absent where it is not asked for. */
  readonly requireTls?: 'where_offered' | 'required';
}

/** `\r` and `\n` would end the command, and what follows would be another one. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const unsafe = /[\x00-\x1f\x7f]/;
const foreign = /[\u0080-\u{10ffff}]/u;

/** RFC 6531 section 3.2: only a local part needs SMTPUTF8; a domain has another form. */
function needsSmtpUtf8({ ascii }: Path): boolean {
  return foreign.test(ascii);
}

/** What keeps a path from being sent at all; the answers are ours, not the peer's. */
function faultOf(path: Path, { smtpUtf8 }: Capabilities, badSyntax: string): Answer | 'none' {
  if (unsafe.test(path.text) || unsafe.test(path.ascii) || !/^<.*>$/.test(path.ascii)) {
    return { code: '553', status: badSyntax, text: 'The address cannot be sent in a command', own: true };
  }
  if (needsSmtpUtf8(path) && !smtpUtf8) {
    // RFC 6531 section 3.5.
    return {
      code: '553',
      status: '5.6.7',
      text: 'The address needs SMTPUTF8, which the peer does not offer',
      own: true,
    };
  }
  return 'none';
}

/** Why a message cannot be given to a peer with these capabilities. */
export interface Misfits {
  /** All recipients share it. */
  readonly sender: Answer | 'none';
  /** By index; `none` for those who can be named. */
  readonly recipients: readonly (Answer | 'none')[];
}

export function misfitsOf({ from, recipients }: Envelope, capabilities: Capabilities): Misfits {
  return {
    sender: faultOf(from, capabilities, '5.1.7'),
    recipients: recipients.map((path) => faultOf(path, capabilities, '5.1.3')),
  };
}

/** RFC 1870 section 6.1: over the peer's limit. */
export function tooLarge(octets: number, limit: number): Answer {
  const text = `The message has ${octets} octets, the peer takes no more than ${limit}`;
  return { code: '552', status: '5.3.4', text, own: true };
}

/** @param recipients those that will be named */
export function mailCommand(
  { from, octets, requireTls }: Envelope,
  recipients: readonly Path[],
  { smtpUtf8, size, eightBitMime, requireTls: isOffered }: Capabilities,
): string {
  const international = smtpUtf8 && [from, ...recipients].some(needsSmtpUtf8);
  return [
    `MAIL FROM:${from.ascii}`,
    ...(size.kind !== 'not_offered' && octets !== 'unknown' ? [`SIZE=${octets}`] : []),
    // A message is passed on as it came, whatever it holds (RFC 6152 section 3).
    ...(eightBitMime ? ['BODY=8BITMIME'] : []),
    ...(international ? ['SMTPUTF8'] : []),
    ...(requireTls !== undefined && isOffered ? ['REQUIRETLS'] : []),
  ].join(' ');
}

export function rcptCommand({ ascii }: Path): string {
  return `RCPT TO:${ascii}`;
}
