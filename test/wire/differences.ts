/**
 * Every way in which the suite differs from stock Haraka, with the reason. What the suite does instead is in each
 * behaviour's own expectation; an entry here only excuses parts of the comparison where it says what stock did.
 */
import type { Ours, Part } from './behaviour';

export interface Difference {
  /** A fault of stock Haraka, or what asks for what the suite does. */
  readonly why: string;
  /** Names of behaviours. */
  readonly behaviours: RegExp | 'any';
  readonly column: Ours | 'both';
  readonly parts: readonly Part[] | 'all';
  /** What the outcome of stock looks like. */
  readonly stock: RegExp | 'any';
  readonly ours: RegExp | 'any';
}

export const differences: readonly Difference[] = [
  // --- statuses ---
  {
    why: 'Fault of stock: a deferral is noted with status 5.1.2. RFC 3463 section 2: class 4 where it may succeed later.',
    behaviours: 'any',
    column: 'both',
    parts: ['outcome'],
    stock: /^deferred 5\.1\.2$/,
    ours: /^deferred 4\./,
  },

  // --- what is no reply ---
  {
    why: 'Fault of stock: a line that is no reply bounces the message. It says nothing that is permanent (RFC 5321 section 4.2.1): the next host, then later.',
    behaviours: /^(?:650 x|ugh) at /,
    column: 'both',
    parts: 'all',
    stock: /^bounced 5\.5\.1$/,
    ours: /^deferred 4\./,
  },

  // --- before TLS ---
  {
    why: 'The rule: where cleartext is forbidden a reply before TLS could be anyone’s (RFC 3207 section 6), and decides nothing but that this host is left.',
    behaviours: /^(?:451|550|421|354) at (?:the greeting|EHLO)$/,
    column: 'mandatory',
    parts: 'all',
    stock: /^(?:deferred|bounced)/,
    ours: /^deferred 4\.4\.1$/,
  },
  {
    why: 'The rule: without STARTTLS nothing is sent where cleartext is forbidden.',
    behaviours: /^550 at EHLO$| at HELO$/,
    column: 'mandatory',
    parts: 'all',
    stock: 'any',
    ours: /^deferred 4\.7\.4$/,
  },
  {
    why: 'Fault of stock: a refused or broken STARTTLS decides over the message. RFC 3207 section 4: the client may go on without TLS, or not.',
    behaviours: / at STARTTLS$/,
    column: 'both',
    parts: 'all',
    stock: 'any',
    ours: /^(?:delivered|deferred 4\.7\.5)$/,
  },
  {
    why: 'A server that refuses a handshake of TLS 1.3 is heard only after the client’s own part (RFC 8446 section 4.4): a close there is broken TLS.',
    behaviours: /^a (?:close|reset) at EHLO within TLS$/,
    column: 'both',
    parts: 'all',
    stock: /^deferred 5\.1\.2$/,
    ours: /^(?:delivered|deferred 4\.7\.5)$/,
  },
];
