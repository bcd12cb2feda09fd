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

/** An entry for both columns and all parts, unless told. */
function because(
  why: string,
  behaviours: Difference['behaviours'],
  stock: Difference['stock'],
  ours: Difference['ours'],
  more: Partial<Pick<Difference, 'column' | 'parts'>> = {},
): Difference {
  return { why, behaviours, stock, ours, column: more.column ?? 'both', parts: more.parts ?? 'all' };
}

const statuses: readonly Difference[] = [
  because(
    'Fault of stock: a deferral is noted with status 5.1.2. RFC 3463 section 2: class 4 where it may succeed later.',
    'any',
    /deferred 5\.1\.2/,
    /deferred 4\./,
    { parts: ['outcome'] },
  ),
  because(
    'Fault of stock: recipients that are split off lose their DSN fields (Address.toJSON).',
    /one accepted, one deferred, one refused|the last of three|the first of three|none accepted|too many recipients|half of them|^RCPT refused and deferred|the second refuses one|^LMTP/,
    /-(?:,|$)/,
    'any',
    { parts: ['outcome', 'bounces'] },
  ),
  because(
    'RFC 3463 section 2: the parts of an enhanced code have up to three digits. Stock reads one.',
    /an enhanced code of (?:two|three) digits/,
    / -$/,
    / [45]\.7\.\d{2,3}$/,
    { parts: ['outcome', 'bounces'] },
  ),
  because(
    'RFC 3463 section 2: stock notes no status where the reply has none of its own; the class of its code is known.',
    'any',
    / -(?:,|$)/,
    / [45]\.\d/,
    { parts: ['outcome', 'bounces'] },
  ),
  because(
    'RFC 3463 section 2: the class of a status is that of the outcome. Stock passes on what the peer said.',
    /an enhanced code of another class/,
    'any',
    'any',
    { parts: ['outcome', 'bounces'] },
  ),
];

const grammar: readonly Difference[] = [
  because(
    'Fault of stock: a line that is no reply bounces the message. It says nothing that is permanent (RFC 5321 section 4.2.1): the next host, then later.',
    /(?:650 x|ugh)(?: at |$)|says (?:ugh|650)|^MAIL answered with (?:250 and|four digits|two digits|a blank before|an empty line|a NUL before|a code of|a continuation line)|then ugh|354 and ugh|^AUTH, ugh|^the reply to RCPT with that to MAIL|ugh at the second/,
    /^bounced 5\.5\.1$/,
    /deferred 4\.|^delivered$|^bounced 5\.7\.1$/,
  ),
  because(
    'Fault of stock: a code without text is taken for no reply. RFC 5321 section 4.2: a client must accept it.',
    /bare|^the name of the host is missing/,
    /^bounced 5\.5\.1$/,
    'any',
  ),
  because(
    'RFC 5321 section 4.2.1: the lines of a reply have the same code. Stock goes by the last one.',
    /^MAIL answered with codes that differ/,
    'any',
    /^deferred 4\.4\.1$/,
  ),
  because(
    'A bound on lines (RFC 5321 section 4.5.3.1.5 knows 512 octets) and replies: what is longer is no mail server. Stock holds megabytes.',
    /of 5 KB|300 lines|150 KB|4 MB of|3\.9 MB|a million|without end/,
    'any',
    'any',
  ),
  because(
    'Fault of stock: what a peer says reaches the log, and DSNs, with its control characters.',
    /ESC and BEL|NUL|no keywords|no base64/,
    'any',
    'any',
    { parts: ['log', 'bounces'] },
  ),
  because(
    'Fault of stock: a recipient answered with 2yz other than 250 is neither accepted nor failed, and is lost. RFC 5321 section 4.3.2: the first digit decides.',
    /RCPT answered with 2/,
    /lost/,
    /^(?:delivered|deferred 4\.7\.4)$/,
  ),
];

const turns: readonly Difference[] = [
  because(
    'Fault of stock: whatever answers DATA lets the message go, as command lines. RFC 5321 section 4.1.1.4: only 354 does.',
    /DATA answered with 2|^354 already at RCPT|^the reply to the final dot with|^the replies of a whole session/,
    'any',
    /^deferred|^bounced 5\.1\.1$/,
  ),
  because(
    'Fault of stock: replies are not matched to commands. One that nobody asked for is no answer to the next command (RFC 5321 section 4.3.1).',
    /^DATA answered with 354 (?:twice|and)|one reply too many|^a refusal of RCPT with the reply to MAIL|^the reply to EHLO twice|^the greeting twice|^the replies to EHLO and STARTTLS/,
    'any',
    'any',
  ),
  because(
    'Fault of stock: a refusal of the message overrules what single recipients were told (RFC 5321 section 3.3).',
    /after one deferred and one refused$/,
    'any',
    /^a: /,
  ),
  because(
    'RFC 5321 section 3.8: 421 ends the session, not the message. There may be another host.',
    /421/,
    /^deferred 4\.3\.2$/,
    /^(?:delivered|deferred 4\.\d\.\d)$/,
    { parts: ['outcome', 'copies', 'message', 'waiting', 'hosts', 'protection'] },
  ),
];

const lmtp: readonly Difference[] = [
  because(
    'Fault of stock: LMTP’s replies (RFC 2033 section 4.2) are given to the wrong recipients, and some get none.',
    /^(?:Dovecot )?LMTP/,
    'any',
    'any',
    { parts: ['outcome', 'waiting', 'bounces'] },
  ),
];

const offers: readonly Difference[] = [
  because(
    'RFC 1870 section 6.1, RFC 6152 section 3: SIZE and BODY are declared where they are offered. Stock declares nothing.',
    'any',
    'any',
    'any',
    { parts: ['mail'] },
  ),
  because(
    'Fault of stock: STARTTLS with anything behind it counts as not offered (RFC 5321 section 4.1.1.1: keywords have parameters).',
    /^STARTTLS with a (?:parameter|blank)/,
    /^delivered$/,
    /^delivered$/,
    { parts: ['protection'] },
  ),
  because(
    'RFC 5321 section 4.1.1.1: the first line of the reply to EHLO is the name of the host. Stock takes it for an offer.',
    /^STARTTLS only as its name/,
    /^delivered$/,
    'any',
  ),
  because(
    'RFC 1870 section 6.1: a message over the limit is not sent.',
    /SIZE with a limit below|size with a limit below|^MAIL refused for the size/i,
    /^delivered$/,
    'any',
  ),
  because(
    'RFC 6531 section 3.5: without SMTPUTF8 such an address is not sent. Stock sends something like it.',
    /^SMTPUTF8 is needed|^Postfix without SMTPUTF8, a message that needs it/,
    /^delivered$/,
    /bounced 5\.6\.7/,
  ),
  because(
    'Fault of stock: LOGIN knows two prompts to the letter. Nothing says how a server words them; the first asks for the name.',
    /^AUTH, LOGIN, prompts/,
    /^deferred -$/,
    /^delivered$/,
  ),
];

const tls: readonly Difference[] = [
  because(
    'The rule: without TLS nothing is sent where cleartext is forbidden.',
    'any',
    'any',
    /^deferred 4\.7\.[45]$/,
    { column: 'mandatory' },
  ),
  because(
    'The rule: where cleartext is forbidden a reply before TLS could be anyone’s (RFC 3207 section 6), and decides nothing but that this host is left.',
    /^(?:451|550|421|354) at (?:the greeting|EHLO)$|^a greeting with ESC and BEL in a 554|^the first of two hosts greets with|^421 while the peer waits for EHLO|^EHLO answered with 502 and a close/,
    /^(?:deferred|bounced)/,
    /^(?:deferred 4\.4\.1|delivered)$/,
    { column: 'mandatory' },
  ),
  because(
    'The rule: a host that cannot be spoken with in TLS is left for the next one.',
    /^the first of two hosts (?:offers no STARTTLS|refuses STARTTLS)$/,
    'any',
    /^delivered$/,
    { column: 'mandatory' },
  ),
  because(
    'Fault of stock: a refused or broken STARTTLS decides over the message. RFC 3207 section 4: the client may go on without TLS.',
    / at STARTTLS$|^STARTTLS answered with|^a handshake that ends|^the first of two hosts (?:refuses STARTTLS|breaks the handshake)/,
    'any',
    /^delivered$/,
    { column: 'opportunistic' },
  ),
  because(
    'A server that refuses a handshake of TLS 1.3 is heard only after the client’s own part (RFC 8446 section 4.4): a close there is broken TLS.',
    /^a (?:close|reset) at EHLO within TLS$/,
    /^deferred 5\.1\.2$/,
    /^delivered$/,
    { column: 'opportunistic' },
  ),
];

const local: readonly Difference[] = [
  because(
    'The rule: a UNIX socket is local, no rule applies, and there is nobody to hide from. Stock asks for TLS.',
    /over a UNIX socket/,
    'any',
    'any',
    { parts: ['protection'] },
  ),
];

const time: readonly Difference[] = [
  because(
    'Fault of stock: connect_timeout limits the whole session. RFC 5321 section 4.5.3.2: minutes, by command.',
    /that stock Haraka does not wait for$/,
    'any',
    'any',
  ),
  because(
    'Fault of stock: any octet begins the time anew, so that a peer can hold a delivery for ever.',
    /dripped for too long|^ten replies to RCPT/,
    /^(?:delivered|hangs)$/,
    'any',
  ),
  because(
    'RFC 5321 section 6.1: while the answer to the final dot may still come, no other host gets the message. Stock makes two copies.',
    /^the first of two hosts is silent after the dot$/,
    /^delivered$/,
    /^deferred/,
  ),
];

export const differences: readonly Difference[] = [
  ...statuses,
  ...grammar,
  ...turns,
  ...lmtp,
  ...offers,
  ...tls,
  ...local,
  ...time,
];
