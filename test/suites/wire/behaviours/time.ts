/** Peers that take their time (RFC 5321 section 4.5.3.2), and those that only use up ours. */
import { behaviour, deferred, delivered, lostConnection, type Behaviour } from '../behaviour';
import { late, wireTimeouts } from '../columns';
import { pieces, repeat, say, wait, type Answer, type Reactions, type Script } from '../script';

const lateMs = late * 1000;
const soon: Answer = wait(2000);

/** One octet at a time, so that the whole takes `ms`. */
const drip = (text: string, ms: number): Answer => pieces(text, 1, Math.ceil(ms / text.length));
/** Longer than the suite waits for a reply, though something comes all the time. */
const beyond = (seconds: number): number => (seconds + 4) * 1000;

const everyReplyLate: Reactions = {
  connect: [...soon, ...say('220 ready')],
  mail: [...soon, ...say('250 2.1.0 ok')],
  rcpt: [...soon, ...say('250 2.1.5 ok')],
  data: [...soon, ...say('354 go on')],
  body: [...soon, ...say('250 2.0.0 taken')],
  quit: [...soon, ...say('221 2.0.0 bye')],
};

const endless: Answer = repeat('250-X\r\n'.repeat(50), 5);

/** Stock Haraka waits for ever. */
const brief = { patienceMs: 15_000 } as const;

/** Each reply in time, and all of them together beyond the time for a whole attempt. */
const slowly: Script = { rcpt: [...wait(3000), ...say('250 2.1.5 ok')] };
const recipients = Array.from({ length: 10 }, (_, index) => `r${index}`);

export const timeBehaviours: readonly Behaviour[] = [
  behaviour(
    'a greeting that stock Haraka does not wait for',
    { connect: [...wait(lateMs), ...say('220 ready')] },
    delivered,
  ),
  behaviour(
    'a final reply that stock Haraka does not wait for',
    { body: [...wait(lateMs), ...say('250 2.0.0 taken')] },
    delivered,
  ),
  behaviour(
    'a final reply of the first host that stock Haraka does not wait for',
    [{ body: [...wait(lateMs), ...say('250 2.0.0 taken')] }, {}],
    delivered,
  ),
  behaviour(
    'a final 451 that stock Haraka does not wait for',
    [{ body: [...wait(lateMs), ...say('451 4.3.0 later')] }, {}],
    { ...deferred('4.3.0'), copies: '1' },
  ),
  behaviour('every reply two seconds late', everyReplyLate, delivered),
  behaviour(
    'a reply to MAIL that is dripped in time',
    { mail: drip('250 2.1.0 sender ok\r\n', 1500) },
    delivered,
  ),
  behaviour(
    'a greeting that is dripped for too long',
    { connect: drip('220 ready, in a while\r\n', beyond(wireTimeouts.greeting)) },
    lostConnection,
  ),
  behaviour(
    'a reply to EHLO that is dripped for too long',
    { outside: { ehlo: drip('250-mx\r\n250 STARTTLS\r\n', beyond(wireTimeouts.ehlo)) } },
    lostConnection,
  ),
  behaviour(
    'a reply to EHLO within TLS that is dripped for too long',
    { inside: { ehlo: drip('250-mx\r\n250 8BITMIME\r\n', beyond(wireTimeouts.ehlo)) } },
    lostConnection,
  ),
  behaviour(
    'a reply to MAIL that is dripped for too long',
    { mail: drip('250 2.1.0 sender ok\r\n', beyond(wireTimeouts.mail)) },
    lostConnection,
  ),
  behaviour(
    'a reply to RCPT that is dripped for too long',
    { rcpt: drip('250 2.1.5 recipient ok\r\n', beyond(wireTimeouts.rcpt)) },
    lostConnection,
  ),
  behaviour(
    'a reply to DATA that is dripped for too long',
    { data: drip('354 go on, go on\r\n', beyond(wireTimeouts.data)) },
    lostConnection,
  ),
  behaviour(
    'a final reply that is dripped for too long',
    { body: drip('250 2.0.0 taken, nearly\r\n', beyond(wireTimeouts.final_dot)) },
    { ...deferred(), copies: '1' },
  ),
  behaviour(
    'a reply to MAIL that is dripped for too long by the first of two hosts',
    [{ mail: drip('250 2.1.0 sender ok\r\n', beyond(wireTimeouts.mail)) }, {}],
    { outcome: 'delivered', hosts: 'mx1 mx2' },
  ),
  behaviour('a reply to EHLO without end', { outside: { ehlo: endless } }, lostConnection, brief),
  behaviour('a reply to MAIL without end', { mail: endless }, lostConnection, brief),
  behaviour('a final reply without end', { body: endless }, { ...deferred(), copies: '1' }, brief),
  behaviour('a line without end at RCPT', { rcpt: repeat('x'.repeat(100), 5) }, lostConnection, brief),
  behaviour('a greeting of NULs without end', { connect: repeat('\0'.repeat(50), 5) }, lostConnection, brief),
  behaviour('ten replies to RCPT of three seconds each', slowly, deferred(), {
    recipients,
    patienceMs: 60_000,
  }),
];
