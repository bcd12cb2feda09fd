/** Several recipients, and what becomes of each. */
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
import { close, inTurn, perRecipient, say, type Reaction } from '../script';

const later = say('450 4.2.1 later');
const nobody = say('550 5.1.1 nobody here');
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `r${index}`);
const numberOf = (recipient: string): number => Number(recipient.slice(1));

const abc = { recipients: ['a', 'b', 'c'] } as const;
const mixed: Reaction = perRecipient({ b: later, c: nobody });
const oddRefused: Reaction = ({ recipient }) => (numberOf(recipient) % 2 === 1 ? nobody : 'ordinary');

export const envelopeBehaviours: readonly Behaviour[] = [
  behaviour('nothing out of the ordinary', {}, delivered),
  behaviour('nothing out of the ordinary, without TLS', { tls: 'withheld' }, inCleartext, {
    mandatory: noStartTls,
  }),
  behaviour('the null sender', {}, delivered, { sender: '' }),
  behaviour('the null sender refused', { mail: say('550 5.7.1 no') }, bounced('5.7.1'), { sender: '' }),
  behaviour('the recipient of the null sender refused', { rcpt: nobody }, bounced('5.1.1'), { sender: '' }),
  behaviour('three recipients accepted', {}, delivered, abc),
  behaviour(
    'one accepted, one deferred, one refused',
    { rcpt: mixed },
    each({ a: 'delivered', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }),
    abc,
  ),
  behaviour(
    'one accepted, one deferred, one refused, without TLS',
    { tls: 'withheld', rcpt: mixed },
    each({ a: 'delivered', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }, { protection: 'cleartext' }),
    { ...abc, mandatory: noStartTls },
  ),
  behaviour(
    'the last of three refused',
    { rcpt: perRecipient({ c: nobody }) },
    each({ a: 'delivered', b: 'delivered', c: 'bounced 5.1.1' }),
    abc,
  ),
  behaviour(
    'the first of three deferred',
    { rcpt: perRecipient({ a: later }) },
    each({ a: 'deferred 4.2.1', b: 'delivered', c: 'delivered' }),
    abc,
  ),
  behaviour('all deferred', { rcpt: later }, deferred('4.2.1'), abc),
  behaviour('all refused', { rcpt: nobody }, bounced('5.1.1'), abc),
  behaviour(
    'one deferred, one refused, none accepted',
    { rcpt: perRecipient({ a: later, b: nobody }) },
    each({ a: 'deferred 4.2.1', b: 'bounced 5.1.1' }),
    { recipients: ['a', 'b'] },
  ),
  behaviour(
    'too many recipients after the second',
    { rcpt: inTurn('ordinary', 'ordinary', say('452 4.5.3 too many recipients')) },
    each({ a: 'delivered', b: 'delivered', c: 'deferred 4.5.3', d: 'deferred 4.5.3' }),
    { recipients: ['a', 'b', 'c', 'd'] },
  ),
  behaviour(
    '421 at the second recipient',
    { rcpt: inTurn('ordinary', [...say('421 4.3.2 closing'), ...close]) },
    each({ a: 'deferred ?', b: 'deferred ?', c: 'deferred ?' }),
    abc,
  ),
  behaviour('a close at the second recipient', { rcpt: inTurn('ordinary', close) }, lostConnection, abc),
  behaviour('100 recipients accepted', {}, delivered, { recipients: many(100) }),
  behaviour(
    '100 recipients, half of them refused',
    { rcpt: oddRefused },
    each(
      Object.fromEntries(
        many(100).map((name) => [name, numberOf(name) % 2 === 1 ? 'bounced 5.1.1' : 'delivered']),
      ),
    ),
    { recipients: many(100) },
  ),
  behaviour('451 at MAIL with three recipients', { mail: say('451 4.3.0 later') }, deferred('4.3.0'), abc),
  behaviour('451 at DATA with three recipients', { data: say('451 4.3.0 later') }, deferred('4.3.0'), abc),
  behaviour('554 at DATA with three recipients', { data: say('554 5.6.0 no') }, bounced('5.6.0'), abc),
  behaviour(
    '554 at DATA after one deferred and one refused',
    { rcpt: mixed, data: say('554 5.6.0 no') },
    each({ a: 'bounced 5.6.0', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }),
    abc,
  ),
  behaviour(
    '451 at DATA after one deferred and one refused',
    { rcpt: mixed, data: say('451 4.3.0 later') },
    each({ a: 'deferred 4.3.0', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }),
    abc,
  ),
  behaviour(
    '554 at the final dot after one deferred and one refused',
    { rcpt: mixed, body: say('554 5.6.0 no') },
    each({ a: 'bounced 5.6.0', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }, { copies: 'a: 1, b: 0, c: 0' }),
    abc,
  ),
  behaviour(
    '451 at the final dot after one deferred and one refused',
    { rcpt: mixed, body: say('451 4.3.0 later') },
    each({ a: 'deferred 4.3.0', b: 'deferred 4.2.1', c: 'bounced 5.1.1' }, { copies: 'a: 1, b: 0, c: 0' }),
    abc,
  ),
  behaviour(
    'a close at the final dot after one deferred and one refused',
    { rcpt: mixed, body: close },
    each({ a: 'deferred 4.4.1', b: 'deferred ?', c: 'safe' }, { copies: 'a: 1, b: 0, c: 0' }),
    abc,
  ),
  behaviour(
    'TLS demanded at MAIL of one who has it',
    { outside: { mail: say('530 5.7.0 Must issue STARTTLS') } },
    delivered,
  ),
];
