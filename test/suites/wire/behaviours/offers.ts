/** What EHLO offers, rightly and oddly spelt, and what the message needs of it. */
import {
  behaviour,
  bounced,
  deferred,
  delivered,
  each,
  inCleartext,
  noStartTls,
  withBody,
  type Behaviour,
  type Expected,
} from '../behaviour';
import { close, raw, say, upgrade, type Script } from '../script';

/** EHLO outside TLS is answered with these lines; STARTTLS is there only where they name it. */
const outside = (...lines: readonly string[]): Script => ({ outside: { ehlo: keywords(...lines) } });
const inside = (...offers: readonly string[]): Script => ({ inside: { ehlo: keywords('mx', ...offers) } });
const keywords = (...lines: readonly string[]) =>
  raw(lines.map((line, at) => `250${at === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join(''));

/** How STARTTLS may be offered (RFC 5321 section 4.1.1.1: keywords in any case, parameters after a blank). */
const offered: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['starttls in lower case', 'mx', 'starttls'],
  ['StartTLS in mixed case', 'mx', 'StartTLS'],
  ['STARTTLS with a parameter', 'mx', 'STARTTLS REQUIRED'],
  ['STARTTLS with a blank behind it', 'mx', 'STARTTLS '],
  ['STARTTLS twice', 'mx', 'STARTTLS', 'SIZE', 'STARTTLS'],
  [
    'STARTTLS among much else',
    'mx',
    ...Array.from({ length: 90 }, (_, at) => `X-THING-${at} a b c`),
    'STARTTLS',
  ],
  [
    'STARTTLS behind lines that are no keywords',
    'mx',
    '',
    '=?',
    '8BITMIME=yes',
    '\xff\xfe',
    'x\0y',
    '  ',
    'STARTTLS',
  ],
  ['STARTTLS and no other keyword', 'mx', 'STARTTLS'],
  ['STARTTLS behind a greeting of many words', 'mx at your service, with a smile', 'STARTTLS'],
  ['STARTTLS behind a greeting without text', '', 'STARTTLS'],
];

/** What only looks like an offer. */
const notOffered: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['XSTARTTLS', 'mx', 'XSTARTTLS'],
  ['X STARTTLS', 'mx', 'X STARTTLS'],
  ['STARTTLSX', 'mx', 'STARTTLSX'],
  ['STARTTLS=', 'mx', 'STARTTLS='],
  ['STARTTLS only as its name', 'STARTTLS', 'SIZE'],
  ['START TLS', 'mx', 'START TLS'],
];

/** Within TLS, with a message of ordinary size. */
const sizes: readonly (readonly [name: string, offer: string, expected: Expected])[] = [
  ['SIZE without a limit', 'SIZE', { ...delivered, mail: /\bSIZE\b/ }],
  ['SIZE 0', 'SIZE 0', { ...delivered, mail: /\bSIZE\b/ }],
  ['SIZE with a limit above the message', 'SIZE 100000', { ...delivered, mail: /\bSIZE\b/ }],
  ['SIZE with a limit below the message', 'SIZE 100', bounced('5.3.4')],
  ['size with a limit below the message, in lower case', 'size 100', bounced('5.3.4')],
  ['SIZE that is no number', 'SIZE plenty', delivered],
  ['SIZE below zero', 'SIZE -1', delivered],
  ['SIZE beyond all numbers', `SIZE ${'9'.repeat(40)}`, delivered],
  ['SIZE=100', 'SIZE=100', delivered],
];

const eightBit = withBody('\xc3\xa4\xc3\xb6\xc3\xbc \xff\xfe\r\n');

const addressedUtf8 = { recipients: ['\u00fcser'] } as const;

export const offerBehaviours: readonly Behaviour[] = [
  ...offered.map(([name, ...lines]) => behaviour(`${name} is offered`, outside(...lines), delivered)),
  ...notOffered.map(([name, ...lines]) =>
    behaviour(`${name} is offered, which is no STARTTLS`, outside(...lines), inCleartext, {
      mandatory: noStartTls,
    }),
  ),
  ...sizes.map(([name, offer, expected]) => behaviour(`${name} is offered`, inside(offer), expected)),
  behaviour(
    'SIZE with a limit below the message, without TLS',
    { ...outside('mx', 'SIZE 100'), tls: 'withheld' },
    bounced('5.3.4'),
    { mandatory: noStartTls },
  ),
  behaviour(
    'SIZE with a limit below the message, only before TLS',
    outside('mx', 'SIZE 100', 'STARTTLS'),
    delivered,
  ),
  behaviour('SIZE with a limit below the message at the first of two hosts', [inside('SIZE 100'), {}], {
    outcome: 'safe',
  }),
  behaviour(
    'MAIL refused for the size declared',
    {
      ...inside('SIZE 100000'),
      mail: ({ line }) => (/SIZE=/.test(line) ? say('552 5.3.4 too big') : 'ordinary'),
    },
    bounced('5.3.4'),
  ),

  behaviour(
    '8BITMIME is offered, and needed',
    {},
    { ...delivered, mail: /\bBODY=8BITMIME\b/ },
    { message: eightBit },
  ),
  behaviour(
    '8BITMIME is needed, and not offered',
    inside('SIZE'),
    { ...delivered, mail: /^(?!.*8BITMIME)/ },
    { message: eightBit },
  ),
  behaviour(
    '8bitmime is offered in lower case, and needed',
    inside('8bitmime'),
    { ...delivered, mail: /\bBODY=8BITMIME\b/ },
    { message: eightBit },
  ),
  behaviour('8BITMIME is offered only before TLS', inside('SIZE'), { ...delivered, mail: /^(?!.*8BITMIME)/ }),

  behaviour(
    'SMTPUTF8 is offered, and needed',
    inside('8BITMIME', 'SMTPUTF8'),
    { ...delivered, mail: /\bSMTPUTF8\b/ },
    addressedUtf8,
  ),
  behaviour('SMTPUTF8 is offered, and not needed', inside('8BITMIME', 'SMTPUTF8'), {
    ...delivered,
    mail: /^(?!.*SMTPUTF8)/,
  }),
  behaviour(
    'smtputf8 is offered in lower case, and needed',
    inside('8bitmime', 'smtputf8'),
    { ...delivered, mail: /\bSMTPUTF8\b/ },
    addressedUtf8,
  ),
  behaviour(
    'SMTPUTF8 is offered with a parameter, and needed',
    inside('8BITMIME', 'SMTPUTF8 yes'),
    { ...delivered, mail: /\bSMTPUTF8\b/ },
    addressedUtf8,
  ),
  behaviour('SMTPUTF8 is needed, and not offered', {}, bounced('5.6.7'), addressedUtf8),
  behaviour(
    'SMTPUTF8 is needed, and offered only before TLS',
    outside('mx', 'SMTPUTF8', 'STARTTLS'),
    bounced('5.6.7'),
    addressedUtf8,
  ),
  behaviour(
    'SMTPUTF8 is needed for the sender, and offered',
    inside('8BITMIME', 'SMTPUTF8'),
    { ...delivered, mail: /\bSMTPUTF8\b/ },
    { sender: 's\u00e9nder' },
  ),
  behaviour('SMTPUTF8 is needed for the sender, and not offered', {}, bounced('5.6.7'), {
    sender: 's\u00e9nder',
  }),
  behaviour(
    'SMTPUTF8 is needed for one of two recipients, and not offered',
    {},
    each({ a: 'safe', '\u00fcser': 'bounced 5.6.7' }),
    { recipients: ['a', '\u00fcser'] },
  ),

  behaviour(
    'everything is offered',
    inside(
      'PIPELINING',
      'SIZE 1000000',
      'ETRN',
      'AUTH PLAIN LOGIN',
      'AUTH=PLAIN LOGIN',
      'ENHANCEDSTATUSCODES',
      '8BITMIME',
      'DSN',
      'SMTPUTF8',
      'CHUNKING',
      'BINARYMIME',
      'REQUIRETLS',
      'LIMITS RCPTMAX=10',
      'VRFY',
      'HELP',
    ),
    delivered,
  ),
  behaviour('nothing is offered within TLS', inside(), delivered),
  behaviour('STARTTLS is offered within TLS as well', inside('STARTTLS'), delivered),
  behaviour('the name of the host is missing within TLS', { inside: { ehlo: raw('250\r\n') } }, delivered),

  ...(['500', '501', '502', '504', '554'] as const).map((code) =>
    behaviour(
      `EHLO answered with ${code}, HELO with 250`,
      { ehlo: say(`${code} 5.5.1 what?`) },
      inCleartext,
      {
        mandatory: noStartTls,
      },
    ),
  ),
  behaviour(
    'EHLO answered with 502, and HELO offers STARTTLS',
    { ehlo: say('502 5.5.1 what?'), helo: say('250-mx', '250-STARTTLS', '250 STARTTLS') },
    inCleartext,
    { mandatory: noStartTls },
  ),
  behaviour(
    'EHLO answered with 502 and a close',
    { ehlo: [...say('502 5.5.1 what?'), ...close] },
    deferred(),
    {
      mandatory: deferred(),
    },
  ),
  behaviour(
    'STARTTLS answered with 250',
    { starttls: [...say('250 2.0.0 fine'), { do: 'upgrade', handshake: 'complete' }] },
    { ...inCleartext, hosts: 'mx1*2' },
    {
      mandatory: deferred('4.7.5'),
    },
  ),
  behaviour(
    'STARTTLS answered with 220 in three lines',
    { starttls: [...say('220-go', '220-on', '220 now'), { do: 'upgrade', handshake: 'complete' }] },
    delivered,
  ),
  behaviour(
    'STARTTLS answered with 220 and more',
    { starttls: [...say('220 go', '250 injected'), { do: 'upgrade', handshake: 'complete' }] },
    { ...inCleartext, hosts: 'mx1*2' },
    {
      mandatory: deferred('4.7.5'),
    },
  ),
  ...(['close', 'reset', 'garbage', 'then_close'] as const).map((handshake) =>
    behaviour(
      `a handshake that ends in ${handshake.replace('_', ' ')}`,
      { starttls: upgrade(handshake) },
      { ...inCleartext, hosts: 'mx1*2' },
      { mandatory: deferred('4.7.5') },
    ),
  ),
];
