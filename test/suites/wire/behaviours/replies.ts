/** What a reply may look like (RFC 5321 section 4.2), and what it may not. */
import {
  behaviour,
  bounced,
  deferred,
  delivered,
  each,
  inCleartext,
  lostConnection,
  noStartTls,
  type Behaviour,
  type Expected,
} from '../behaviour';
import { close, filler, perRecipient, raw, say, type Answer, type Script } from '../script';

/** Texts that answer MAIL, and what comes of them. */
const atMail: readonly (readonly [name: string, text: string, expected: Expected])[] = [
  ['250 with a blank and nothing else', '250 \r\n', delivered],
  ['three lines', '250-one\r\n250-two\r\n250 three\r\n', delivered],
  ['lines without text', '250-\r\n250-\r\n250 \r\n', delivered],
  ['a last line that is bare', '250-one\r\n250\r\n', delivered],
  ['299, of which the first digit counts', '299 well\r\n', delivered],
  ['a line that ends in a bare LF', '250 ok\n', delivered],
  ['lines that end in bare LFs', '250-ok\n250 ok\n', delivered],
  ['a bare CR in the text', '250 o\rk\r\n', delivered],
  ['a line that ends in CR CR LF', '250 ok\r\r\n', delivered],
  ['a NUL in the text', '250 o\0k\r\n', delivered],
  ['ESC and BEL in the text', '250 \x1b[2J\x07ok\r\n', delivered],
  ['UTF-8 in the text', '250 \xc3\xa4\xe2\x82\xac\r\n', delivered],
  ['octets that are no UTF-8', '250 \xff\xfe\x80\r\n', delivered],
  ['a line of 2 KB', `250 ${filler(2000)}\r\n`, delivered],
  ['a line of 5 KB', `250 ${filler(5000)}\r\n`, lostConnection],
  ['a line of 5 KB that is not the last', `250-${filler(5000)}\r\n250 ok\r\n`, lostConnection],
  ['100 lines', `${'250-and\r\n'.repeat(99)}250 ok\r\n`, delivered],
  ['300 lines', `${'250-and\r\n'.repeat(299)}250 ok\r\n`, lostConnection],
  ['50 KB in 100 lines', `${`250-${filler(500)}\r\n`.repeat(99)}250 ok\r\n`, delivered],
  ['150 KB in 150 lines', `${`250-${filler(1000)}\r\n`.repeat(149)}250 ok\r\n`, lostConnection],
  ['250 and a tab', '250\tok\r\n', lostConnection],
  ['250 and text at once', '250ok\r\n', lostConnection],
  ['four digits', '2500 ok\r\n', lostConnection],
  ['two digits', '25 ok\r\n', lostConnection],
  ['a blank before the code', ' 250 ok\r\n', lostConnection],
  ['an empty line', '\r\n', lostConnection],
  ['an empty line before the reply', '\r\n250 ok\r\n', lostConnection],
  ['a NUL before the code', '\x00250 ok\r\n', lostConnection],
  ['a code of 1yz', '150 wait\r\n', lostConnection],
  ['a code of 0yz', '050 what\r\n', lostConnection],
  ['a line that only a bare CR ends', '250 ok\r', lostConnection],
  ['codes that differ within a reply, 250 and 550', '250-one\r\n550 5.7.1 two\r\n', lostConnection],
  ['codes that differ within a reply, 550 and 250', '550-5.7.1 one\r\n250 two\r\n', lostConnection],
  ['codes that differ within a reply, 451 and 550', '451-4.3.0 one\r\n550 5.7.1 two\r\n', lostConnection],
  ['a continuation line without a code', '250-one\r\ntwo\r\n250 three\r\n', lostConnection],
];

/** Refusals of RCPT, whose status the DSN has to name. */
const refusals: readonly (readonly [name: string, text: string, expected: Expected])[] = [
  ['550 without an enhanced code', '550 no such user\r\n', bounced()],
  ['bare 550', '550\r\n', bounced()],
  ['450 without an enhanced code', '450 later\r\n', deferred()],
  ['an enhanced code of two digits', '550 5.7.26 not so\r\n', bounced('5.7.26')],
  ['an enhanced code of three digits', '450 4.7.100 not so\r\n', deferred('4.7.100')],
  ['an enhanced code and nothing else', '550 5.1.1\r\n', bounced()],
  ['an enhanced code with a mark before it', '550 #5.1.1 no\r\n', bounced()],
  ['an enhanced code on each line', '550-5.1.1 no\r\n550 5.1.1 nobody\r\n', bounced('5.1.1')],
  ['an enhanced code of another class, 450', '450 5.1.1 later\r\n', deferred()],
  ['an enhanced code of another class, 550', '550 4.2.1 no\r\n', bounced()],
  ['ESC and BEL in a 550', '550 5.1.1 \x1b[31mno\x07\x9b\r\n', bounced('5.1.1')],
  ['ESC and BEL in a 450', '450 4.2.1 \x1b]0;owned\x07later\r\n', deferred('4.2.1')],
  ['a header line in the text', '550 5.1.1 no\rBcc: victim@wire.example\r\n', bounced('5.1.1')],
  ['3 KB of text in a 550', `550 5.1.1 ${filler(3000)}\r\n`, bounced('5.1.1')],
];

/** Codes that RFC 5321 knows not, or knows as others; the first digit decides (section 4.3.2). */
const acceptances = ['200', '220', '240', '251', '252'] as const;

const bare: readonly (readonly [name: string, script: Script, expected: Expected, mandatory?: Expected])[] = [
  ['the greeting', { connect: say('220') }, delivered],
  ['EHLO', { outside: { ehlo: say('250') } }, inCleartext, noStartTls],
  ['STARTTLS', { starttls: [...say('220'), { do: 'upgrade', handshake: 'complete' }] }, delivered],
  ['EHLO within TLS', { inside: { ehlo: say('250') } }, delivered],
  ['MAIL', { mail: say('250') }, delivered],
  ['RCPT', { rcpt: say('250') }, delivered],
  ['DATA', { data: say('354') }, delivered],
  ['the final dot', { body: say('250') }, delivered],
  ['QUIT', { quit: [...say('221'), ...close] }, delivered],
  ['MAIL, without TLS', { tls: 'withheld', mail: say('250') }, inCleartext, noStartTls],
  ['the final dot, without TLS', { tls: 'withheld', body: say('250') }, inCleartext, noStartTls],
];

const greetings: readonly (readonly [
  name: string,
  answer: Answer,
  expected: Expected,
  mandatory?: Expected,
])[] = [
  ['50 lines', raw(`${'220-welcome\r\n'.repeat(49)}220 ready\r\n`), delivered],
  ['300 lines', raw(`${'220-welcome\r\n'.repeat(299)}220 ready\r\n`), lostConnection],
  ['a line of 5 KB', raw(`220 ${filler(5000)}\r\n`), lostConnection],
  ['a bare LF', raw('220 ready\n'), delivered],
  ['250 in place of 220', raw('250 ready\r\n'), delivered],
  ['ESC and BEL', raw('220 \x1b[2J\x07ready\r\n'), delivered],
  ['ESC and BEL in a 554', raw('554 5.3.2 \x1b[2J\x07no\r\n'), bounced('5.3.2'), lostConnection],
];

export const replyBehaviours: readonly Behaviour[] = [
  ...atMail.map(([name, text, expected]) =>
    behaviour(`MAIL answered with ${name}`, { mail: raw(text) }, expected),
  ),
  ...refusals.map(([name, text, expected]) =>
    behaviour(`RCPT answered with ${name}`, { rcpt: raw(text) }, expected),
  ),
  ...acceptances.map((code) =>
    behaviour(`RCPT answered with ${code}`, { rcpt: say(`${code} 2.1.5 well`) }, delivered),
  ),
  ...acceptances.map((code) =>
    behaviour(
      `RCPT answered with ${code} and with 250`,
      { rcpt: perRecipient({ a: say(`${code} 2.1.5 well`) }) },
      delivered,
      { recipients: ['a', 'b'] },
    ),
  ),
  ...bare.map(([name, script, expected, mandatory]) =>
    behaviour(`a bare code at ${name}`, script, expected, mandatory === undefined ? {} : { mandatory }),
  ),
  ...greetings.map(([name, connect, expected, mandatory]) =>
    behaviour(`a greeting with ${name}`, { connect }, expected, mandatory === undefined ? {} : { mandatory }),
  ),
  behaviour(
    'RCPT of one of two answered with 354',
    { rcpt: perRecipient({ a: say('354 what?') }) },
    each({ a: 'deferred ?', b: 'safe' }),
    { recipients: ['a', 'b'] },
  ),
];
