/** LMTP (RFC 2033): a reply for each recipient that was accepted. Over TCP, and over a UNIX socket, for which no rule applies. */
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
  type Target,
} from '../behaviour';
import { close, perRecipient, pieces, say, silence, type Answer, type Script } from '../script';

const byTcp = ([mx]: readonly Target[]): unknown => ({
  exchange: mx!.host,
  port: mx!.port,
  using_lmtp: true,
});
const bySocket = ([mx]: readonly Target[]): unknown => ({ path: mx!.socket, using_lmtp: true });
const smtpBySocket = ([mx]: readonly Target[]): unknown => ({ path: mx!.socket });

const ab = { recipients: ['a', 'b'] } as const;
const abc = { recipients: ['a', 'b', 'c'] } as const;

const ok = '250 2.0.0 has it';
const later = '450 4.2.1 over quota';
const no = '550 5.2.2 mailbox full';
const outcomes = { [ok]: 'delivered', [later]: 'deferred 4.2.1', [no]: 'bounced 5.2.2' } as const;
type Reply = keyof typeof outcomes;

const combinations: readonly (readonly Reply[])[] = [
  [ok, ok],
  [ok, later],
  [later, ok],
  [no, ok],
  [ok, no],
  [later, no],
  [no, later],
  [later, later],
  [no, no],
  [ok, later, no],
  [no, later, ok],
  [later, ok, no],
  [later, ok, ok],
  [no, ok, ok],
  [ok, ok, later],
];

/** Every accepted recipient was transferred, whatever came of it. */
const all = (expected: Expected): Expected => ({ ...expected, copies: '1' });

const odd: readonly (readonly [name: string, body: Answer, expected: Expected])[] = [
  ['one reply too few, then a close', [...say(ok), ...close], each({ a: 'delivered', b: 'deferred ?' })],
  ['one reply too few, then silence', say(ok), each({ a: 'delivered', b: 'deferred ?' })],
  ['no reply, then a close', close, each({ a: 'deferred ?', b: 'deferred ?' })],
  ['one reply too many', say(ok, no, ok), each({ a: 'delivered', b: 'bounced 5.2.2' })],
  [
    'replies of several lines',
    say('250-2.0.0 has', '250 2.0.0 it', '550-5.2.2 mailbox', '550 5.2.2 full'),
    each({ a: 'delivered', b: 'bounced 5.2.2' }),
  ],
  [
    'replies in writes of one octet',
    pieces(`${ok}\r\n${later}\r\n`, 1),
    each({ a: 'delivered', b: 'deferred 4.2.1' }),
  ],
  ['250, then ugh', say(ok, 'ugh'), each({ a: 'delivered', b: 'deferred ?' })],
  ['450, then ugh', say(later, 'ugh'), each({ a: 'deferred ?', b: 'deferred ?' })],
  [
    '250, then 421 and a close',
    [...say(ok, '421 4.3.2 closing'), ...close],
    each({ a: 'delivered', b: 'deferred ?' }),
  ],
  ['421 and a close', [...say('421 4.3.2 closing'), ...close], each({ a: 'deferred ?', b: 'deferred ?' })],
  ['bare 250 twice', say('250', '250'), delivered],
  ['252 and 200', say('252 well', '200 well'), delivered],
  ['354 twice', say('354 what?', '354 what?'), each({ a: 'deferred ?', b: 'deferred ?' })],
];

const lmtp = (script: Script = {}): Script => ({ protocol: 'lmtp', ...script });

export const lmtpBehaviours: readonly Behaviour[] = [
  ...combinations.map((replies) =>
    behaviour(
      `LMTP, ${replies.map((reply) => reply.slice(0, 3)).join(' and ')} after the dot`,
      lmtp({ body: say(...replies) }),
      all(each(Object.fromEntries(replies.map((reply, at) => ['abc'.charAt(at), outcomes[reply]])))),
      { recipients: ['a', 'b', 'c'].slice(0, replies.length), route: byTcp },
    ),
  ),
  ...odd.map(([name, body, expected]) =>
    behaviour(`LMTP, ${name}`, lmtp({ body }), all(expected), { ...ab, route: byTcp }),
  ),
  behaviour(
    'LMTP, the second of three refused at RCPT',
    lmtp({ rcpt: perRecipient({ b: say('550 5.1.1 nobody') }), body: say(ok, later) }),
    each({ a: 'delivered', b: 'bounced 5.1.1', c: 'deferred 4.2.1' }, { copies: 'a: 1, b: 0, c: 1' }),
    { ...abc, route: byTcp },
  ),
  behaviour(
    'LMTP, the first of three deferred at RCPT',
    lmtp({ rcpt: perRecipient({ a: say('450 4.2.1 later') }), body: say(no, ok) }),
    each({ a: 'deferred 4.2.1', b: 'bounced 5.2.2', c: 'delivered' }, { copies: 'a: 0, b: 1, c: 1' }),
    { ...abc, route: byTcp },
  ),
  behaviour('LMTP, all refused at RCPT', lmtp({ rcpt: say('550 5.1.1 nobody') }), bounced('5.1.1'), {
    ...ab,
    route: byTcp,
  }),
  behaviour(
    'LMTP with PIPELINING, 250 and 450 after the dot',
    lmtp({ offers: ['PIPELINING'], replies: 'merged', body: say(ok, later) }),
    all(each({ a: 'delivered', b: 'deferred 4.2.1' })),
    { ...ab, route: byTcp },
  ),
  behaviour('LMTP without STARTTLS', lmtp({ tls: 'withheld' }), inCleartext, {
    ...ab,
    route: byTcp,
    mandatory: noStartTls,
  }),
  behaviour('LMTP, LHLO refused', lmtp({ ehlo: say('502 5.5.1 no LHLO') }), bounced('5.5.1'), {
    ...ab,
    route: byTcp,
    mandatory: noStartTls,
  }),
  behaviour('LMTP, DATA answered with 250', lmtp({ data: say('250 2.0.0 fine') }), deferred(), {
    ...ab,
    route: byTcp,
  }),
  behaviour('LMTP, a close at DATA', lmtp({ data: close }), lostConnection, { ...ab, route: byTcp }),
  behaviour(
    'LMTP, silence after the dot',
    lmtp({ body: silence }),
    all(each({ a: 'deferred ?', b: 'deferred ?' })),
    { ...ab, route: byTcp },
  ),
  behaviour('LMTP over a UNIX socket', lmtp({ tls: 'withheld' }), inCleartext, { ...ab, route: bySocket }),
  behaviour(
    'LMTP over a UNIX socket, 250 and 450 after the dot',
    lmtp({ tls: 'withheld', body: say(ok, later) }),
    { outcome: { a: 'delivered', b: 'deferred 4.2.1' }, copies: '1', protection: 'cleartext' },
    { ...ab, route: bySocket },
  ),
  behaviour('LMTP over a UNIX socket that closes at once', lmtp({ connect: close }), lostConnection, {
    ...ab,
    route: bySocket,
  }),
  behaviour('SMTP over a UNIX socket', { tls: 'withheld' }, inCleartext, { ...ab, route: smtpBySocket }),
  behaviour(
    'SMTP over a UNIX socket, RCPT answered with 220',
    { tls: 'withheld', rcpt: say('220 2.1.5 ok') },
    inCleartext,
    { ...ab, route: smtpBySocket },
  ),
];
