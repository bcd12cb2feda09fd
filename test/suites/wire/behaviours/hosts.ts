/** Two MX hosts, the first of which misbehaves: which of them is the message's last word. */
import {
  behaviour,
  bounced,
  bySecondHost,
  deferred,
  delivered,
  type Behaviour,
  type Expected,
} from '../behaviour';
import { close, filler, raw, reset, say, silence, upgrade, type Answer, type Script } from '../script';

const fine: Script = {};
const farewell: Answer = [...say('421 4.3.2 closing'), ...close];

/** `opportunistic`, and `mandatory` where it differs. */
const rows: readonly (readonly [name: string, first: Script, expected: Expected, mandatory?: Expected])[] = [
  ['refuses the connection', { reach: 'refused' }, { outcome: 'delivered', hosts: 'mx2' }],
  ['closes at the greeting', { connect: close }, bySecondHost],
  ['resets at the greeting', { connect: reset }, bySecondHost],
  ['is silent at the greeting', { connect: silence }, bySecondHost],
  ['says ugh at the greeting', { connect: say('ugh') }, bySecondHost],
  ['greets with 451', { connect: say('451 4.3.0 later') }, deferred('4.3.0'), bySecondHost],
  ['greets with 554', { connect: say('554 5.3.2 no') }, bounced('5.3.2'), bySecondHost],
  ['greets with 421', { connect: farewell }, bySecondHost],
  ['closes at EHLO', { outside: { ehlo: close } }, bySecondHost],
  ['says 421 at EHLO', { outside: { ehlo: farewell } }, bySecondHost],
  ['says 650 at EHLO', { outside: { ehlo: say('650 x') } }, bySecondHost],
  [
    'has a line of 5 KB at EHLO',
    { outside: { ehlo: raw(`250-${filler(5000)}\r\n250 STARTTLS\r\n`) } },
    bySecondHost,
  ],
  [
    'offers no STARTTLS',
    { tls: 'withheld' },
    { outcome: 'delivered', protection: 'cleartext' },
    bySecondHost,
  ],
  [
    'refuses STARTTLS',
    { starttls: say('454 4.7.0 no') },
    { outcome: 'delivered', protection: 'cleartext', hosts: 'mx1*2' },
    bySecondHost,
  ],
  [
    'breaks the handshake',
    { starttls: upgrade('reset') },
    { outcome: 'delivered', protection: 'cleartext', hosts: 'mx1*2' },
    bySecondHost,
  ],
  ['says 421 at EHLO within TLS', { inside: { ehlo: farewell } }, bySecondHost],
  ['says ugh at EHLO within TLS', { inside: { ehlo: say('ugh') } }, bySecondHost],
  ['is silent at EHLO within TLS', { inside: { ehlo: silence } }, bySecondHost],
  ['says 451 at EHLO within TLS', { inside: { ehlo: say('451 4.3.0 later') } }, deferred('4.3.0')],
  ['says 421 at MAIL', { mail: farewell }, bySecondHost],
  ['says 421 at RCPT', { rcpt: farewell }, bySecondHost],
  ['says 421 at DATA', { data: farewell }, bySecondHost],
  ['says ugh at MAIL', { mail: say('ugh') }, bySecondHost],
  ['says 650 at RCPT', { rcpt: say('650 x') }, bySecondHost],
  ['says ugh at DATA', { data: say('ugh') }, bySecondHost],
  ['closes at MAIL', { mail: close }, bySecondHost],
  ['closes at RCPT', { rcpt: close }, bySecondHost],
  ['closes at DATA', { data: close }, bySecondHost],
  ['resets at DATA', { data: reset }, bySecondHost],
  ['is silent at MAIL', { mail: silence }, bySecondHost],
  ['is silent at RCPT', { rcpt: silence }, bySecondHost],
  ['is silent at DATA', { data: silence }, bySecondHost],
  ['has a line of 5 KB at MAIL', { mail: raw(`250 ${filler(5000)}\r\n`) }, bySecondHost],
  ['has 300 lines at RCPT', { rcpt: raw(`${'250-and\r\n'.repeat(299)}250 ok\r\n`) }, bySecondHost],
  ['says 451 at MAIL', { mail: say('451 4.3.0 later') }, deferred('4.3.0')],
  ['says 451 at RCPT', { rcpt: say('451 4.3.0 later') }, deferred('4.3.0')],
  ['says 451 at DATA', { data: say('451 4.3.0 later') }, deferred('4.3.0')],
  ['says 550 at MAIL', { mail: say('550 5.7.1 no') }, bounced('5.7.1')],
  ['says 550 at RCPT', { rcpt: say('550 5.1.1 no') }, bounced('5.1.1')],
  ['says 451 after the dot', { body: say('451 4.3.0 later') }, { ...deferred('4.3.0'), copies: '1' }],
  ['says 421 after the dot', { body: farewell }, { ...deferred('4.3.2'), copies: '1' }],
  ['says 554 after the dot', { body: say('554 5.6.0 no') }, { ...bounced('5.6.0'), copies: '1' }],
  // The message may have been taken: two copies rather than none.
  ['closes after the dot', { body: close }, { ...bySecondHost, copies: '2' }],
  ['resets after the dot', { body: reset }, { ...bySecondHost, copies: '2' }],
  // While the answer may still come no other host gets the message.
  ['is silent after the dot', { body: silence }, { ...deferred(), copies: '1' }],
];

export const hostBehaviours: readonly Behaviour[] = [
  ...rows.map(([name, first, expected, mandatory]) =>
    behaviour(
      `the first of two hosts ${name}`,
      [first, fine],
      expected,
      mandatory === undefined ? {} : { mandatory },
    ),
  ),
  behaviour(
    'both hosts close at the greeting',
    [{ connect: close }, { connect: close }],
    deferred('4.4.1', 'mx1 mx2'),
  ),
  behaviour(
    'both hosts say 421 at MAIL',
    [{ mail: farewell }, { mail: farewell }],
    deferred('4.3.2', 'mx1 mx2'),
  ),
  behaviour(
    'the first host says ugh, the second refuses',
    [{ mail: say('ugh') }, { mail: say('550 5.7.1 no') }],
    bounced('5.7.1', 'mx1 mx2'),
  ),
  behaviour(
    'the first host breaks at RCPT, the second refuses one',
    [
      { rcpt: close },
      { rcpt: ({ recipient }) => (recipient === 'b' ? say('550 5.1.1 nobody') : 'ordinary') },
    ],
    { outcome: { a: 'delivered', b: 'bounced 5.1.1' }, hosts: 'mx1 mx2' },
    { recipients: ['a', 'b'] },
  ),
  behaviour('three hosts, of which only the last one works', [{ connect: close }, { mail: close }, fine], {
    ...delivered,
    hosts: 'mx1 mx2 mx3',
  }),
];
