/** DATA, its answer, and what comes before and during the message. */
import {
  behaviour,
  bounced,
  deferred,
  delivered,
  lostConnection,
  withBody,
  type Behaviour,
} from '../behaviour';
import { close, deafen, reset, say, wait, perRecipient } from '../script';

const nobody = say('550 5.1.1 nobody here');
const large = withBody(
  '0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n'.repeat(45_000),
);
const pastAnyBuffer = withBody(
  '0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n'.repeat(120_000),
);

export const dataBehaviours: readonly Behaviour[] = [
  behaviour('DATA answered with 250', { data: say('250 2.0.0 fine') }, deferred()),
  behaviour('DATA answered with 221', { data: say('221 2.0.0 bye') }, deferred()),
  behaviour('DATA answered with 251 and three recipients', { data: say('251 2.0.0 fine') }, deferred(), {
    recipients: ['a', 'b', 'c'],
  }),
  behaviour('DATA answered with 350', { data: say('350 go on') }, delivered),
  behaviour('DATA answered with 354 in three lines', { data: say('354-go', '354-on', '354 now') }, delivered),
  behaviour(
    'DATA answered with 354 after two seconds',
    { data: [...wait(2000), ...say('354 go on')] },
    delivered,
  ),
  behaviour('DATA answered with 354 twice', { data: say('354 go on', '354 go on') }, lostConnection),
  behaviour('DATA answered with 354 and 250', { data: say('354 go on', '250 2.0.0 taken') }, lostConnection),
  behaviour(
    'DATA answered with 354 and 451',
    { data: say('354 go on', '451 4.3.0 later') },
    deferred('4.3.0'),
  ),
  behaviour(
    'DATA answered with 354 and 552',
    { data: say('354 go on', '552 5.3.4 too big') },
    bounced('5.3.4'),
  ),
  behaviour(
    'DATA answered with 354 and 421',
    { data: [...say('354 go on', '421 4.3.2 closing'), ...close] },
    deferred('4.3.2'),
  ),
  behaviour('DATA answered with 354 and ugh', { data: say('354 go on', 'ugh') }, lostConnection),
  behaviour('DATA answered with 503', { data: say('503 5.5.1 no') }, bounced('5.5.1')),
  behaviour('354 already at RCPT', { rcpt: say('250 2.1.5 ok', '354 go on') }, lostConnection),
  behaviour(
    '354 already at RCPT, and nothing at DATA',
    { rcpt: say('250 2.1.5 ok', '354 go on'), data: wait(1) },
    lostConnection,
  ),
  behaviour(
    'a close during the message',
    { data: [...say('354 go on'), ...deafen, ...close] },
    lostConnection,
    {
      message: pastAnyBuffer,
    },
  ),
  behaviour('a reset during the message', { data: [...say('354 go on'), ...reset] }, lostConnection, {
    message: large,
  }),
  behaviour(
    'a peer that stops reading during the message',
    { data: [...say('354 go on'), ...deafen] },
    lostConnection,
    {
      message: pastAnyBuffer,
    },
  ),
  behaviour(
    'a peer that stops reading for two seconds during the message',
    { data: [...say('354 go on'), { do: 'nap', ms: 2000 }] },
    delivered,
    { message: pastAnyBuffer },
  ),
  behaviour('a message of 3 MB', {}, delivered, { message: large }),
  behaviour(
    'RCPT refused, and DATA would be answered with 354',
    { rcpt: nobody, data: say('354 go on') },
    bounced('5.1.1'),
  ),
  behaviour(
    'RCPT refused and deferred, and DATA would be answered with 354',
    { rcpt: perRecipient({ a: nobody, b: say('450 4.2.1 later') }), data: say('354 go on') },
    { outcome: { a: 'bounced 5.1.1', b: 'deferred 4.2.1' } },
    { recipients: ['a', 'b'] },
  ),
];
