/** What the host does between two messages, and within the second: what a session that is over costs, and what is not kept. */
import type { Behaviour, Step as Deed } from '../../../haraka-test-harness/behaviours';
import type { Scenario, Stage, Step } from './scenario';
import { gone, left, tls } from './words';

const mandatory = { security_level: 'mandatory' };
const reply = (text: string): Deed => ({ do: 'reply', text: `${text}\r\n` });
const close: Deed = { do: 'close' };
const reset: Deed = { do: 'reset' };
const silence: Deed = { do: 'silence' };
const refusesNobody: Behaviour['recipients'] = { nobody: reply('550 5.1.1 nobody here') };
const pipelining = reply('250-mx\r\n250-PIPELINING\r\n250 8BITMIME');

type Own = Omit<Scenario, 'haraka' | 'rules'>;

/** What the host does to the session that waits, and goes on once that is over. */
function unasked(deed: Deed): Step {
  return async ({ host }: Stage) => {
    host.perform(deed);
    await host.settled();
  };
}

const whileItWaits: readonly Own[] = (
  [
    ['closes the session', close],
    ['resets the connection', reset],
    ['says 421 and closes', { do: 'close', text: '421 4.4.2 idle for too long\r\n' }],
    ['says 421 and waits for us to go', reply('421 4.4.2 idle for too long')],
    ['says what nobody asked for', reply('250 2.0.0 hello?')],
    ['says what is no reply', reply('hello?')],
  ] as const
).map(([what, deed]) => ({
  name: `a host that ${what} while the session waits costs a new connection`,
  ...(what === 'says 421 and closes' ? { speed: 'fast' as const } : {}),
  steps: ['a', unasked(deed), 'a', 'a'],
  sessions: [gone(tls(1)), tls(2, 3)],
}));

const atTheBeginning: readonly Own[] = (
  [
    ['closes after MAIL', { mail: close }, gone(tls(1, 'MAIL'))],
    ['resets after MAIL', { mail: reset }, gone(tls(1, 'MAIL'))],
    ['answers MAIL with 421', { mail: reply('421 4.7.0 too many messages') }, gone(tls(1, 'MAIL'))],
    [
      'answers MAIL with 421 and closes',
      { mail: { do: 'close', text: '421 4.7.0 too many messages\r\n' } },
      gone(tls(1, 'MAIL')),
    ],
    ['answers MAIL with what is no reply', { mail: reply('ugh') }, gone(tls(1, 'MAIL'))],
    ['does not answer MAIL', { mail: silence }, gone(tls(1, 'MAIL'))],
  ] as const
).map(([what, again, session]) => ({
  name: `a host that ${what}, the second time, costs a new connection`,
  ...(what === 'answers MAIL with 421' ? { speed: 'fast' as const } : {}),
  host: { behaviour: { again } },
  // On each new connection the first message goes through.
  steps: ['a', 'a'],
  sessions: [session, tls(2)],
}));

const atReset: readonly Own[] = (
  [
    ['says 421', { rset: reply('421 4.7.0 enough') }],
    ['closes', { rset: close }],
    ['says nothing', { rset: silence }],
    ['says 500', { rset: reply('500 5.5.1 what') }],
  ] as const
).map(([what, again]) => ({
  name: `a host that ${what} at RSET costs a new connection`,
  host: { behaviour: { recipients: refusesNobody, again } },
  steps: [to('nobody'), 'a'],
  sessions: [gone(tls('MAIL RCPT RSET')), tls(2)],
  outcomes: { 1: 'bounced' as const },
}));

/** One message to these. */
function to(...recipients: string[]): Step {
  return (stage) => stage.deliver('a', recipients);
}

const within: readonly Own[] = [
  {
    name: 'a host that closes once MAIL was answered has failed, as on a new connection',
    host: { behaviour: { again: { rcpt: close } } },
    steps: ['a', 'a', 'a'],
    sessions: [gone(tls(1, 'MAIL RCPT')), tls(3)],
    outcomes: { 2: 'deferred connection-failed' },
  },
  {
    name: 'a host that does not answer the final dot gets the message nowhere else',
    host: { behaviour: { again: { message: silence } } },
    steps: ['a', 'a', 'a'],
    sessions: [gone(tls(1, 2)), tls(3)],
    outcomes: { 2: 'deferred connection-failed' },
  },
  {
    name: 'a host that closes behind the final dot has failed',
    host: { behaviour: { again: { message: close } } },
    steps: ['a', 'a', 'a'],
    sessions: [gone(tls(1, 2)), tls(3)],
    outcomes: { 2: 'deferred connection-failed' },
  },
  {
    name: 'a refused DATA ends the session, and the next message has a new one',
    host: { behaviour: { again: { data: reply('451 4.3.0 later') } } },
    steps: ['a', 'a', 'a'],
    sessions: [left(tls(1, 'MAIL RCPT DATA')), tls(3)],
    outcomes: { 2: 'deferred' },
  },
  {
    name: 'a message that is refused behind the final dot leaves the session to the next one',
    host: { behaviour: { again: { message: reply('554 5.6.0 not this') } } },
    steps: ['a', 'a', ({ host }) => host.setBehaviour('normal'), 'a'],
    sessions: [tls(1, 2, 3).replace('(2) MAIL', '(2) RSET MAIL').replace('(3) MAIL', '(3) RSET MAIL')],
    outcomes: { 2: 'bounced', 3: 'bounced' },
  },
  {
    name: 'a host that says more than it was asked is not kept',
    host: { behaviour: { again: { message: reply('250 2.0.0 taken\r\n250 2.0.0 and more') } } },
    steps: ['a', 'a', 'a'],
    sessions: [left(tls(1, 2)), tls(3)],
  },
  {
    name: 'MAIL that is refused is reset before the next message',
    host: { behaviour: { again: { mail: reply('451 4.7.1 not now') } } },
    steps: ['a', 'a', 'a'],
    sessions: [tls(1, 'MAIL RSET MAIL')],
    outcomes: { 2: 'deferred', 3: 'deferred' },
  },
];

const recipients: readonly Own[] = [
  {
    name: 'one recipient is refused, one is not: the next message has the same session',
    host: { behaviour: { recipients: refusesNobody } },
    steps: [to('you', 'nobody', 'others'), 'a'],
    sessions: [tls('MAIL RCPT RCPT RCPT DATA (1)', 2)],
    // What became of the one that was refused is told of a message of its own.
    outcomes: { 1: 'bounced' },
  },
  {
    name: 'every recipient is refused: RSET, and the next message',
    speed: 'fast',
    host: { behaviour: { recipients: refusesNobody } },
    steps: [to('nobody'), 'a', 'a'],
    sessions: [tls('MAIL RCPT RSET', 2, 3)],
    outcomes: { 1: 'bounced' },
  },
  {
    name: 'several recipients of one domain are one transaction',
    steps: [to('you', 'me', 'them'), 'a'],
    sessions: [tls('MAIL RCPT RCPT RCPT DATA (1)', 2)],
  },
  {
    name: 'PIPELINING: the next message goes in one piece, too',
    host: { behaviour: { secured: { ehlo: pipelining }, recipients: refusesNobody } },
    steps: ['a', to('you', 'nobody'), 'a'],
    sessions: [tls(1, 'MAIL RCPT RCPT DATA (2)', 3)],
    outcomes: { 2: 'bounced' },
  },
  {
    name: 'PIPELINING: a lone dot ends the session',
    host: { behaviour: { secured: { ehlo: pipelining }, recipients: refusesNobody } },
    steps: ['a', to('nobody'), 'a'],
    sessions: [left(tls(1, 'MAIL RCPT DATA .')), tls(3)],
    outcomes: { 2: 'bounced' },
  },
];

export const peerScenarios: readonly Scenario[] = [
  ...whileItWaits,
  ...atTheBeginning,
  ...atReset,
  ...within,
  ...recipients,
].map((one): Scenario => ({ haraka: 'patient', rules: { a: mandatory }, ...one }));
