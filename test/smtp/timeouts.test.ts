import { describe, expect, it } from 'vitest';
import type { StateName, Terms } from '../../src/smtp/session';
import { isBeginningAnew, waitFor } from '../../src/smtp/timeouts';
import { arriveBy } from './telling';

const terms: Terms = {
  protocol: 'smtp',
  ehloName: 'me.example',
  tls: { kind: 'required' },
  credentials: { user: 'u', password: 'p', mechanism: 'any' },
  task: {
    kind: 'deliver',
    envelope: {
      from: { text: '<a@a>', ascii: '<a@a>' },
      recipients: [{ text: '<b@b>', ascii: '<b@b>' }],
      octets: 120,
    },
  },
};
const offered = ['220 mx', '250-mx / 250 STARTTLS'];
const secured = [...offered, '220 go', 'secured'];
const atMail = [...secured, '250 mx'];
const empty = [...secured, '250-mx / 250 PIPELINING', '250 ok', '550 no', '354 go'];

describe('what is waited for', () => {
  it.each<[StateName, string, string, readonly string[]]>([
    ['greeting', 'greeting', 'the peer took too long to greet', []],
    ['hello', 'ehlo', 'the peer took too long to answer EHLO', ['220 mx']],
    ['hello', 'ehlo', 'the peer took too long to answer HELO', [...secured, '502 no']],
    ['starttls', 'ehlo', 'the peer took too long to answer STARTTLS', offered],
    [
      'handshake',
      'tlsHandshake',
      'the peer did not finish the TLS handshake in time',
      [...offered, '220 go'],
    ],
    ['auth', 'ehlo', 'the peer took too long to answer AUTH', [...secured, '250-mx / 250 AUTH LOGIN']],
    ['envelope', 'mail', 'the peer took too long to answer MAIL', atMail],
    ['envelope', 'rcpt', 'the peer took too long to answer RCPT', [...atMail, '250 ok']],
    ['envelope', 'data', 'the peer took too long to answer DATA', [...atMail, '250 ok', '250 ok']],
    [
      'message',
      'dataBlock',
      'the peer took too long to take the message',
      [...atMail, '250 ok', '250 ok', '354 go'],
    ],
    [
      'final_dot',
      'finalDot',
      'the peer took too long to answer the final dot',
      [...atMail, '250 ok', '250 ok', '354 go', 'message_sent'],
    ],
    ['empty_dot', 'finalDot', 'the peer took too long to answer the final dot', empty],
    ['resetting', 'mail', 'the peer took too long to answer RSET', [...atMail, '550 no', 'next']],
    ['leaving', 'quit', 'the peer took too long to answer QUIT', [...atMail, '550 no', 'dismissed']],
  ])('%s: %s (%s)', (name, timeout, text, events) => {
    const state = arriveBy(terms, events);
    expect(state.name).toBe(name);
    expect(waitFor(state)).toEqual({ timeout, text });
  });

  it.each<[StateName, readonly string[]]>([
    ['measuring', [...secured, '250-mx / 250 SIZE 100']],
    ['idle', [...atMail, '550 no']],
    ['over', ['closed']],
  ])('%s: nothing of the peer', (name, events) => {
    const state = arriveBy(terms, events);
    expect(state.name).toBe(name);
    expect(waitFor(state)).toBe('nothing');
  });
});

it.each<[string, 'no more than a new connection' | 'the message a host', readonly string[]]>([
  ['RSET', 'no more than a new connection', [...atMail, '550 no', 'next']],
  ['MAIL of another message', 'no more than a new connection', [...atMail, '550 no', 'next', '250 ok']],
  ['RCPT of another message', 'the message a host', [...atMail, '550 no', 'next', '250 ok', '250 ok']],
  ['MAIL of the first message', 'the message a host', atMail],
])('silence at %s costs %s', (_at, costs, events) => {
  expect(isBeginningAnew(arriveBy(terms, events))).toBe(costs === 'no more than a new connection');
});
