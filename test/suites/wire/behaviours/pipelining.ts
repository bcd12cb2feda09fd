/** Commands in one write and replies in any number of them (RFC 2920), and peers that speak out of turn. */
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
} from '../behaviour';
import {
  close,
  firstTime,
  inTurn,
  mean,
  perRecipient,
  pieces,
  raw,
  say,
  silence,
  wait,
  type Reactions,
  type Script,
} from '../script';

const offers = ['PIPELINING', '8BITMIME', 'SIZE 50000000'];
const pipelining = (more: Script = {}): Script => ({ offers, ...more });

const later = say('450 4.2.1 later');
const nobody = say('550 5.1.1 nobody here');
const ab = { recipients: ['a', 'b'] } as const;
const abc = { recipients: ['a', 'b', 'c'] } as const;
const many = Array.from({ length: 100 }, (_, index) => `r${index}`);

/** What follows a refused MAIL. */
const withoutSender: Reactions = { rcpt: say('503 5.5.1 MAIL first'), data: say('503 5.5.1 MAIL first') };

const inOneOctetWrites: Reactions = {
  mail: pieces('250 2.1.0 sender ok\r\n', 1),
  rcpt: pieces('250-2.1.5 recipient\r\n250 2.1.5 ok\r\n', 1),
  data: pieces('354 go on\r\n', 1),
  body: pieces('250 2.0.0 taken\r\n', 1),
};

/** Each write ends in the middle of the next reply. */
const splitOddly: Reactions = {
  mail: raw('250 2.1.0 sender ok\r\n2'),
  rcpt: inTurn(
    [...mean('250'), ...raw('50 2.1.5 ok\r'), ...wait(20), ...raw('\n')],
    [...mean('250'), ...raw('250 2.1.5 ok\r\n3')],
  ),
  data: [...mean('354'), ...raw('54 go '), ...wait(20), ...raw('on\r\n2')],
  body: [...mean('250'), ...raw('50 2.0.0 taken\r'), ...wait(20), ...raw('\n')],
};

export const pipeliningBehaviours: readonly Behaviour[] = [
  behaviour('PIPELINING, replies one by one', pipelining(), delivered, abc),
  behaviour('PIPELINING, without TLS', pipelining({ tls: 'withheld' }), inCleartext, {
    ...abc,
    mandatory: noStartTls,
  }),
  behaviour('PIPELINING, replies in one write', pipelining({ replies: 'merged' }), delivered, abc),
  behaviour('PIPELINING, replies in writes of one octet', pipelining(inOneOctetWrites), delivered, ab),
  behaviour('PIPELINING, replies split within their codes', pipelining(splitOddly), delivered, ab),
  behaviour('PIPELINING, 100 recipients', pipelining(), delivered, { recipients: many }),
  behaviour(
    'PIPELINING, 100 recipients, replies in one write',
    pipelining({ replies: 'merged' }),
    delivered,
    { recipients: many },
  ),
  behaviour(
    'PIPELINING, one accepted, one deferred, one refused',
    pipelining({ replies: 'merged', rcpt: perRecipient({ b: later, c: nobody }) }),
    each({ a: 'delivered', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }),
    abc,
  ),
  behaviour(
    'PIPELINING, all refused, DATA answered with 503',
    pipelining({ rcpt: nobody, data: say('503 5.5.1 no recipients') }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all refused, DATA answered with 354',
    pipelining({ rcpt: nobody, data: say('354 go on') }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all refused, DATA answered with 354, in one write',
    pipelining({ replies: 'merged', rcpt: nobody, data: say('354 go on') }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all deferred, DATA answered with 354',
    pipelining({ rcpt: later, data: say('354 go on'), body: say('554 5.5.1 no recipients') }),
    deferred('4.2.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all refused, DATA answered with 354 and the dot with 250',
    pipelining({ rcpt: nobody, data: say('354 go on'), body: say('250 2.0.0 taken') }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all refused, and silence at DATA',
    pipelining({ rcpt: nobody, data: silence }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, all refused, DATA answered with 421',
    pipelining({ rcpt: nobody, data: [...say('421 4.3.2 closing'), ...close] }),
    bounced('5.1.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, MAIL refused and the rest with it',
    pipelining({ mail: say('550 5.7.1 not you'), ...withoutSender }),
    bounced('5.7.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, MAIL deferred and the rest with it',
    pipelining({ replies: 'merged', mail: say('451 4.3.0 later'), ...withoutSender }),
    deferred('4.3.0'),
    ab,
  ),
  behaviour(
    'PIPELINING, MAIL refused, all else accepted',
    pipelining({ mail: say('550 5.7.1 not you') }),
    bounced('5.7.1'),
    ab,
  ),
  behaviour(
    'PIPELINING, DATA answered with 451',
    pipelining({ data: say('451 4.3.0 later') }),
    deferred('4.3.0'),
    ab,
  ),
  behaviour(
    'PIPELINING, DATA answered with 554',
    pipelining({ data: say('554 5.6.0 no') }),
    bounced('5.6.0'),
    ab,
  ),
  behaviour(
    'PIPELINING, DATA answered with 250',
    pipelining({ data: say('250 2.0.0 fine') }),
    deferred(),
    ab,
  ),
  behaviour(
    'PIPELINING, one reply too few',
    pipelining({ rcpt: perRecipient({ b: silence }) }),
    { outcome: { a: 'deferred ?', b: 'deferred ?' } },
    ab,
  ),
  behaviour(
    'PIPELINING, one reply too many',
    pipelining({ mail: say('250 2.1.0 ok', '250 2.1.0 ok again') }),
    deferred(),
    ab,
  ),
  behaviour(
    'PIPELINING, 421 at the second recipient',
    pipelining({ rcpt: inTurn('ordinary', [...say('421 4.3.2 closing'), ...close]) }),
    { outcome: { a: 'deferred ?', b: 'deferred ?', c: 'deferred ?' } },
    abc,
  ),
  behaviour(
    'PIPELINING, a close after MAIL',
    pipelining({ mail: [...say('250 2.1.0 ok'), ...close] }),
    lostConnection,
    ab,
  ),
  behaviour(
    'PIPELINING, ugh at the second recipient',
    pipelining({ rcpt: inTurn('ordinary', say('ugh')) }),
    lostConnection,
    abc,
  ),
  behaviour(
    'PIPELINING, replies a second apart',
    pipelining({ rcpt: [...wait(1000), ...say('250 2.1.5 ok')] }),
    delivered,
    abc,
  ),
  behaviour('pipelining in lower case', { offers: ['pipelining'] }, delivered, abc),
  behaviour(
    'PIPELINING only before TLS, and commands before their turn refused',
    {
      outside: { ehlo: say('250-mx', '250-PIPELINING', '250 STARTTLS') },
      inside: { ehlo: say('250-mx', '250 8BITMIME') },
      rcpt: ({ arrival }) => (arrival === 'early' ? say('554 5.5.0 out of turn') : 'ordinary'),
      mail: ({ arrival }) => (arrival === 'early' ? say('554 5.5.0 out of turn') : 'ordinary'),
    },
    delivered,
    abc,
  ),
  behaviour(
    'no PIPELINING, and commands before their turn refused',
    {
      offers: ['8BITMIME'],
      ehlo: ({ arrival }) => (arrival === 'early' ? say('554 5.5.0 out of turn') : 'ordinary'),
      mail: ({ arrival }) =>
        arrival === 'early' ? say('554 5.5.0 out of turn') : [...wait(100), ...say('250 2.1.0 ok')],
      rcpt: ({ arrival }) =>
        arrival === 'early' ? say('554 5.5.0 out of turn') : [...wait(100), ...say('250 2.1.5 ok')],
      data: ({ arrival }) => (arrival === 'early' ? say('554 5.5.0 out of turn') : 'ordinary'),
    },
    delivered,
    abc,
  ),

  // --- peers that speak before they are asked ---
  behaviour(
    'a greeting after a second, and what comes before it refused',
    {
      connect: [...wait(1000), ...say('220 ready')],
      outside: {
        ehlo: ({ arrival }) =>
          arrival === 'early' ? [...say('554 5.5.0 out of turn'), ...close] : 'ordinary',
      },
    },
    delivered,
  ),
  behaviour(
    'a greeting in two parts, a second apart, and what comes between refused',
    {
      connect: [...say('220-wait'), ...wait(1000), ...say('220 ready')],
      outside: {
        ehlo: ({ arrival }) =>
          arrival === 'early' ? [...say('554 5.5.0 out of turn'), ...close] : 'ordinary',
      },
    },
    delivered,
  ),
  behaviour(
    'the replies to EHLO and STARTTLS with the greeting',
    {
      connect: say('220 mx', '250-mx', '250 STARTTLS', '220 go'),
      outside: { ehlo: silence, starttls: silence },
    },
    { outcome: 'safe' },
  ),
  behaviour(
    'the replies of a whole session with the greeting',
    {
      tls: 'withheld',
      connect: say('220 mx', '250 mx', '250 ok', '250 ok', '354 go', '250 taken', '221 bye'),
      ehlo: silence,
      mail: silence,
      rcpt: silence,
      data: silence,
      body: silence,
    },
    { outcome: 'safe' },
  ),
  behaviour(
    'the replies of a whole session with that to EHLO within TLS',
    {
      inside: {
        ehlo: say('250 mx', '250 ok', '250 ok', '354 go', '250 taken', '221 bye'),
        mail: silence,
        rcpt: silence,
        data: silence,
        body: silence,
      },
    },
    deferred(),
  ),
  behaviour(
    'the reply to RCPT with that to MAIL',
    { mail: say('250 2.1.0 ok', '250 2.1.5 ok'), rcpt: silence },
    deferred(),
  ),
  behaviour(
    'a refusal of RCPT with the reply to MAIL',
    { mail: say('250 2.1.0 ok', '550 5.1.1 nobody') },
    deferred(),
    ab,
  ),
  behaviour(
    'the reply to the final dot with that to RCPT',
    { rcpt: say('250 2.1.5 ok', '354 go', '250 2.0.0 taken'), data: silence, body: silence },
    deferred(),
  ),
  behaviour(
    'the reply to EHLO twice',
    { outside: { ehlo: say('250-mx', '250 STARTTLS', '250-mx', '250 STARTTLS') } },
    { outcome: 'safe' },
  ),
  behaviour('the greeting twice', { connect: say('220 mx', '220 mx') }, { outcome: 'safe' }),
  behaviour(
    '421 after the reply to RCPT, unasked',
    { rcpt: firstTime([...say('250 2.1.5 ok', '421 4.3.2 closing'), ...close]) },
    deferred(),
  ),
  behaviour(
    '421 while the peer waits for EHLO',
    { connect: [...say('220 mx', '421 4.3.2 closing'), ...close] },
    deferred(),
    { mandatory: deferred() },
  ),
];
