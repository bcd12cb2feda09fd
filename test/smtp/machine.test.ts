/**
 * The session as a table: for every state, every kind of event, the state that follows and what is done. Words are those of
 * telling.ts: `> X` sends X, `same` and `-` mean that nothing changes and nothing is done.
 */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { transition } from '../../src/smtp/machine';
import type { Envelope, Path } from '../../src/smtp/envelope';
import type { Credentials } from '../../src/smtp/auth';
import type { StateName, Terms, TlsTerms } from '../../src/smtp/session';
import { arriveBy, eventKinds, eventOf, kindOf, stateWords, stepWords } from './telling';

const path = (address: string): Path => ({ text: `<${address}>`, ascii: `<${address}>` });

/** 120 octets in the queue, to two recipients. */
const letter: Envelope = {
  from: path('a@from.example'),
  recipients: [path('one@to.example'), path('two@to.example')],
  octets: 120,
};
const user: Credentials = { user: 'user', password: 'secret', mechanism: 'any' };
const failed: TlsTerms = {
  kind: 'broken',
  failure: { reason: 'tls-handshake-failed', text: 'the handshake failed' },
};

function terms(tls: TlsTerms | 'required' | 'if_offered' | 'unwanted', more: Partial<Terms> = {}): Terms {
  return {
    protocol: 'smtp',
    ehloName: 'me.example',
    tls: typeof tls === 'string' ? { kind: tls } : tls,
    credentials: 'none',
    task: { kind: 'deliver', envelope: letter },
    ...more,
  };
}

const required = terms('required');
const lmtp = terms('required', { protocol: 'lmtp' });
const login = terms('required', { credentials: user });
const probe = terms('required', { task: { kind: 'probe' } });

const secured = ['220 mx', '250-mx / 250 STARTTLS', '220 go', 'secured'];
const atMail = [...secured, '250 mx'];
const delivered = [...atMail, '250 ok', '250 ok', '250 ok', '354 go', 'message_sent', '250 queued'];
const pipelined = [...secured, '250-mx / 250 PIPELINING'];

interface Table {
  readonly terms: Terms;
  /** The events that lead from the beginning to the state. */
  readonly after: readonly string[];
  /** A row each: event | next state | effects. */
  readonly rows: string;
}

/** One table for each state at least; the first of them holds every kind of event. */
const tables: Record<StateName, Readonly<Record<string, Table>>> = {
  greeting: {
    'TLS is required': {
      terms: required,
      after: [],
      rows: `
        220 mx ready       | hello EHLO cleartext | > EHLO me.example
        354 what           | over                 | end next_host lost before_session; close
        450 busy           | over                 | end next_host lost before_session; close
        421 going down     | over                 | end next_host lost before_session; close
        554 go away        | over                 | end next_host lost before_session; close
        malformed          | over                 | end next_host lost before_session; close
        secured            | same                 | -
        tls_failed         | over                 | end next_host tls verification; close
        measured 9         | same                 | -
        message_sent       | same                 | -
        message_unreadable | over                 | end own_fault; close
        closed             | over                 | end next_host lost before_session; close
        cut                | over                 | end next_host lost before_session; close
        timeout            | over                 | end next_host lost before_session; close
        attempt            | over                 | end next_host lost before_session; close
        next               | same                 | -
        dismissed          | same                 | -`,
    },
    'cleartext is allowed': {
      terms: terms('if_offered'),
      after: [],
      rows: `
        220 mx ready   | hello EHLO cleartext | > EHLO me.example
        299 hm         | hello EHLO cleartext | > EHLO me.example
        354 what       | over                 | end next_host lost before_session; close
        450 busy       | leaving              | end settled deferred 450, deferred 450; > QUIT
        421 going down | over                 | end next_host lost before_session; close
        554 go away    | leaving              | end settled refused 554, refused 554; > QUIT`,
    },
    LMTP: {
      terms: lmtp,
      after: [],
      rows: `
        220 mx ready | hello LHLO cleartext | > LHLO me.example`,
    },
    'a probe, cleartext is allowed': {
      terms: terms('if_offered', { task: { kind: 'probe' } }),
      after: [],
      rows: `
        220 mx ready | hello EHLO cleartext | > EHLO me.example
        450 busy     | over                 | end next_host lost before_session; close
        554 go away  | over                 | end next_host lost before_session; close`,
    },
  },

  hello: {
    'in cleartext, TLS is required': {
      terms: required,
      after: ['220 mx'],
      rows: `
        250-mx / 250 STARTTLS        | starttls | > STARTTLS
        250-mx / 250 starttls x=1    | starttls | > STARTTLS
        250 mx                       | leaving  | end next_host starttls_missing; > QUIT
        250 STARTTLS                 | leaving  | end next_host starttls_missing; > QUIT
        354 what                     | over     | end next_host lost before_session; close
        450 busy                     | over     | end next_host lost before_session; close
        421 going down               | over     | end next_host lost before_session; close
        502 no EHLO                  | leaving  | end next_host starttls_missing; > QUIT
        malformed                    | over     | end next_host lost before_session; close
        secured                      | same     | -
        tls_failed                   | over     | end next_host tls verification; close
        measured 9                   | same     | -
        message_sent                 | same     | -
        message_unreadable           | over     | end own_fault; close
        closed                       | over     | end next_host lost before_session; close
        cut                          | over     | end next_host lost before_session; close
        timeout                      | over     | end next_host lost before_session; close
        attempt                      | over     | end next_host lost before_session; close
        next                         | same     | -
        dismissed                    | same     | -`,
    },
    'within TLS': {
      terms: required,
      after: secured,
      rows: `
        250 mx                  | envelope MAIL: unanswered unanswered | established tls; > MAIL FROM:<a@from.example>
        250-mx / 250 STARTTLS   | envelope MAIL: unanswered unanswered | established tls; > MAIL FROM:<a@from.example>
        250-mx / 250 PIPELINING | envelope MAIL: unanswered unanswered | established tls; > MAIL FROM:<a@from.example> > RCPT TO:<one@to.example> > RCPT TO:<two@to.example> > DATA
        250-mx / 250 SIZE 119   | measuring 119                          | established tls; measure_message
        250-mx / 250 SIZE 120   | envelope MAIL: unanswered unanswered | established tls; > MAIL FROM:<a@from.example> SIZE=120
        354 what                | over                                   | end next_host lost in_session; close
        450 busy                | leaving                                | end settled deferred 450, deferred 450; > QUIT
        421 going down          | over                                   | end next_host lost in_session; close
        502 no EHLO             | hello HELO tls                         | > HELO me.example
        malformed               | over                                   | end next_host lost in_session; close
        secured                 | same                                   | -
        tls_failed              | over                                   | end next_host tls verification; close
        measured 9              | same                                   | -
        message_sent            | same                                   | -
        message_unreadable      | over                                   | end own_fault; close
        closed                  | over                                   | end next_host tls starttls; close
        cut                     | over                                   | end next_host lost in_session; close
        timeout                 | over                                   | end next_host lost in_session; close
        attempt                 | over                                   | end next_host lost in_session; close
        next                    | same                                   | -
        dismissed               | same                                   | -`,
    },
    'in cleartext, TLS where it is offered': {
      terms: terms('if_offered'),
      after: ['220 mx'],
      rows: `
        250-mx / 250 STARTTLS | starttls                               | > STARTTLS
        250 mx                | envelope MAIL: unanswered unanswered | note_missing_starttls; established cleartext; > MAIL FROM:<a@from.example>
        354 what              | over                                   | end next_host lost before_session; close
        450 busy              | leaving                                | end settled deferred 450, deferred 450; > QUIT
        421 going down        | over                                   | end next_host lost before_session; close
        502 no EHLO           | hello HELO cleartext                   | > HELO me.example
        closed                | over                                   | end next_host lost before_session; close`,
    },
    'in cleartext, TLS is unwanted': {
      terms: terms('unwanted'),
      after: ['220 mx'],
      rows: `
        250-mx / 250 STARTTLS | envelope MAIL: unanswered unanswered | established cleartext; > MAIL FROM:<a@from.example>
        502 no EHLO           | hello HELO cleartext                   | > HELO me.example`,
    },
    'in cleartext, TLS has just failed': {
      terms: terms(failed),
      after: ['220 mx'],
      rows: `
        250-mx / 250 STARTTLS | envelope MAIL: unanswered unanswered | established cleartext; > MAIL FROM:<a@from.example>`,
    },
    'HELO, TLS where it is offered': {
      terms: terms('if_offered'),
      after: ['220 mx', '502 no EHLO'],
      rows: `
        250 mx                  | envelope MAIL: unanswered unanswered | note_missing_starttls; established cleartext; > MAIL FROM:<a@from.example>
        250-mx / 250 PIPELINING | envelope MAIL: unanswered unanswered | note_missing_starttls; established cleartext; > MAIL FROM:<a@from.example>
        250-mx / 250 STARTTLS   | envelope MAIL: unanswered unanswered | note_missing_starttls; established cleartext; > MAIL FROM:<a@from.example>
        450 busy                | leaving                                | end settled deferred 450, deferred 450; > QUIT
        502 no HELO             | leaving                                | end settled refused 502, refused 502; > QUIT
        closed                  | over                                   | end next_host lost before_session; close`,
    },
    'HELO within TLS': {
      terms: required,
      after: [...secured, '502 no EHLO'],
      rows: `
        250 mx      | envelope MAIL: unanswered unanswered | established tls; > MAIL FROM:<a@from.example>
        502 no HELO | leaving                                | end settled refused 502, refused 502; > QUIT
        closed      | over                                   | end next_host tls starttls; close`,
    },
    'LHLO, TLS is required': {
      terms: lmtp,
      after: ['220 mx'],
      rows: `
        250-mx / 250 STARTTLS | starttls | > STARTTLS
        502 no LHLO           | leaving  | end next_host starttls_missing; > QUIT`,
    },
    'LHLO, TLS where it is offered': {
      terms: terms('if_offered', { protocol: 'lmtp' }),
      after: ['220 mx'],
      rows: `
        502 no LHLO | leaving | end settled refused 502, refused 502; > QUIT`,
    },
    'a probe within TLS': {
      terms: probe,
      after: secured,
      rows: `
        250 mx                | leaving        | established tls; end probed tls; > QUIT
        250-mx / 250 SIZE 119 | leaving        | established tls; end probed tls; > QUIT
        502 no EHLO           | hello HELO tls | > HELO me.example
        450 busy              | over           | end next_host lost in_session; close`,
    },
    'a probe of a host without HELO': {
      terms: probe,
      after: [...secured, '502 no EHLO'],
      rows: `
        502 no HELO | over | end next_host lost in_session; close`,
    },
    'a probe has credentials and does not use them': {
      terms: { ...probe, credentials: user },
      after: secured,
      rows: `
        250-mx / 250 AUTH PLAIN | leaving | established tls; end probed tls; > QUIT`,
    },
    'within TLS, and the peer is ahead': {
      terms: required,
      after: secured,
      rows: `
        250 mx... | over | end next_host lost in_session; close`,
    },
    'in cleartext, and the peer is ahead: it could be anybody': {
      terms: terms('if_offered'),
      after: ['220 mx...'],
      rows: `
        250 mx... | envelope MAIL: unanswered unanswered | note_missing_starttls; established cleartext; > MAIL FROM:<a@from.example>`,
    },
    'credentials, within TLS': {
      terms: login,
      after: secured,
      rows: `
        250-mx / 250 AUTH LOGIN                | auth LOGIN 0                           | established tls; > AUTH LOGIN
        250-mx / 250 AUTH PLAIN LOGIN          | auth PLAIN 0                           | established tls; > AUTH PLAIN AHVzZXIAc2VjcmV0
        250-mx / 250 AUTH PLAIN LOGIN CRAM-MD5 | auth CRAM-MD5 0                        | established tls; > AUTH CRAM-MD5
        250-mx / 250 AUTH XOAUTH2              | envelope MAIL: unanswered unanswered | established tls; warn; > MAIL FROM:<a@from.example>
        250 mx                                 | envelope MAIL: unanswered unanswered | established tls; warn; > MAIL FROM:<a@from.example>`,
    },
  },

  starttls: {
    'TLS is required': {
      terms: required,
      after: ['220 mx', '250-mx / 250 STARTTLS'],
      rows: `
        220 go             | handshake | start_tls
        220                | handshake | start_tls
        220 go ...         | over      | end next_host tls starttls; close
        250 ok             | leaving   | end next_host tls starttls; > QUIT
        354 what           | leaving   | end next_host tls starttls; > QUIT
        454 not now        | leaving   | end next_host tls starttls; > QUIT
        421 going down     | leaving   | end next_host tls starttls; > QUIT
        501 never          | leaving   | end next_host tls starttls; > QUIT
        malformed          | over      | end next_host tls starttls; close
        secured            | same      | -
        tls_failed         | over      | end next_host tls verification; close
        measured 9         | same      | -
        message_sent       | same      | -
        message_unreadable | over      | end own_fault; close
        closed             | over      | end next_host tls starttls; close
        cut                | over      | end next_host tls starttls; close
        timeout            | over      | end next_host tls starttls; close
        attempt            | over      | end next_host tls starttls; close
        next               | same      | -
        dismissed          | same      | -`,
    },
  },

  handshake: {
    'TLS is required': {
      terms: required,
      after: ['220 mx', '250-mx / 250 STARTTLS', '220 go'],
      rows: `
        secured            | hello EHLO tls | > EHLO me.example
        250 ok             | over           | end next_host tls starttls; close
        354 what           | over           | end next_host tls starttls; close
        450 busy           | over           | end next_host tls starttls; close
        421 going down     | over           | end next_host tls starttls; close
        554 no             | over           | end next_host tls starttls; close
        malformed          | over           | end next_host tls starttls; close
        tls_failed         | over           | end next_host tls verification; close
        measured 9         | same           | -
        message_sent       | same           | -
        message_unreadable | over           | end own_fault; close
        closed             | over           | end next_host tls stalled; close
        cut                | over           | end next_host tls stalled; close
        timeout            | over           | end next_host tls stalled; close
        attempt            | over           | end next_host tls stalled; close
        next               | same           | -
        dismissed          | same           | -`,
    },
    LMTP: {
      terms: lmtp,
      after: ['220 mx', '250-mx / 250 STARTTLS', '220 go'],
      rows: `
        secured | hello LHLO tls | > LHLO me.example`,
    },
  },

  auth: {
    LOGIN: {
      terms: login,
      after: [...secured, '250-mx / 250 AUTH LOGIN'],
      rows: `
        334 VXNlcm5hbWU6   | auth LOGIN 1                           | > dXNlcg==
        334 who            | auth LOGIN 1                           | > dXNlcg==
        235 welcome        | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example>
        454 not now        | leaving                                | end settled deferred 454, deferred 454; > QUIT
        421 going down     | over                                   | end next_host lost in_session; close
        535 no             | leaving                                | end settled refused 535, refused 535; > QUIT
        malformed          | over                                   | end next_host lost in_session; close
        secured            | same                                   | -
        tls_failed         | over                                   | end next_host tls verification; close
        measured 9         | same                                   | -
        message_sent       | same                                   | -
        message_unreadable | over                                   | end own_fault; close
        closed             | over                                   | end next_host lost in_session; close
        cut                | over                                   | end next_host lost in_session; close
        timeout            | over                                   | end next_host lost in_session; close
        attempt            | over                                   | end next_host lost in_session; close
        next               | same                                   | -
        dismissed          | same                                   | -`,
    },
    'LOGIN, the name is given': {
      terms: login,
      after: [...secured, '250-mx / 250 AUTH LOGIN', '334 VXNlcm5hbWU6'],
      rows: `
        334 UGFzc3dvcmQ6 | auth LOGIN 2 | > c2VjcmV0`,
    },
    'LOGIN, name and password are given': {
      terms: login,
      after: [...secured, '250-mx / 250 AUTH LOGIN', '334 VXNlcm5hbWU6', '334 UGFzc3dvcmQ6'],
      rows: `
        235 welcome | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example>
        334 more    | over                                   | end next_host lost in_session; close
        535 no      | leaving                                | end settled refused 535, refused 535; > QUIT`,
    },
    PLAIN: {
      terms: login,
      after: [...secured, '250-mx / 250 AUTH PLAIN'],
      rows: `
        235 welcome | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example>
        334 more    | over                                   | end next_host lost in_session; close`,
    },
    'with a SIZE': {
      terms: login,
      after: [...secured, '250-mx / 250-SIZE 100 / 250 AUTH PLAIN'],
      rows: `
        235 welcome | measuring 100 | measure_message`,
    },
    'in cleartext, TLS has just failed': {
      terms: terms(failed, { credentials: user }),
      after: ['220 mx', '250-mx / 250 AUTH PLAIN'],
      rows: `
        530 TLS first                   | leaving | end next_host tls session; > QUIT
        538 5.7.11 encryption required  | leaving | end next_host tls session; > QUIT
        535 wrong                       | leaving | end settled refused 535, refused 535; > QUIT
        454 TLS is down                 | leaving | end settled deferred 454, deferred 454; > QUIT`,
    },
  },

  measuring: {
    'the peer takes 100 octets': {
      terms: required,
      after: [...secured, '250-mx / 250 SIZE 100'],
      rows: `
        measured 100       | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example> SIZE=100
        measured 101       | idle                                   | end settled refused 552, refused 552
        250 ok             | over                                   | end next_host lost in_session; close
        354 what           | over                                   | end next_host lost in_session; close
        450 busy           | over                                   | end next_host lost in_session; close
        421 going down     | over                                   | end next_host lost in_session; close
        554 no             | over                                   | end next_host lost in_session; close
        malformed          | over                                   | end next_host lost in_session; close
        secured            | same                                   | -
        tls_failed         | over                                   | end next_host tls verification; close
        message_sent       | same                                   | -
        message_unreadable | over                                   | end own_fault; close
        closed             | over                                   | end next_host lost in_session; close
        cut                | over                                   | end next_host lost in_session; close
        timeout            | over                                   | end next_host lost in_session; close
        attempt            | over                                   | end next_host lost in_session; close
        next               | same                                   | -
        dismissed          | same                                   | -`,
    },
  },

  envelope: {
    'at MAIL': {
      terms: required,
      after: atMail,
      rows: `
        250 ok             | envelope RCPT: unanswered unanswered | > RCPT TO:<one@to.example>
        200                | envelope RCPT: unanswered unanswered | > RCPT TO:<one@to.example>
        354 what           | over                                   | end next_host lost in_session; close
        450 busy           | idle in a transaction                  | end settled deferred 450, deferred 450
        421 going down     | over                                   | end next_host lost in_session; close
        550 no             | idle in a transaction                  | end settled refused 550, refused 550
        530 TLS first      | idle in a transaction                  | end settled refused 530, refused 530
        malformed          | over                                   | end next_host lost in_session; close
        secured            | same                                   | -
        tls_failed         | over                                   | end next_host tls verification; close
        measured 9         | same                                   | -
        message_sent       | same                                   | -
        message_unreadable | over                                   | end own_fault; close
        closed             | over                                   | end next_host lost in_session; close
        cut                | over                                   | end next_host lost in_session; close
        timeout            | over                                   | end next_host lost in_session; close
        attempt            | over                                   | end next_host lost in_session; close
        next               | same                                   | -
        dismissed          | same                                   | -`,
    },
    'at MAIL of another message in the session': {
      terms: required,
      after: [...delivered, 'next'],
      rows: `
        250 ok   | envelope RCPT: unanswered unanswered | > RCPT TO:<one@to.example>
        450 busy | idle in a transaction | end settled deferred 450, deferred 450
        421 go   | over | end stale; close
        503 EHLO | over | end stale; close
        554 many | over | end stale; close
        closed   | over | end stale; close`,
    },
    'at MAIL, and the peer is ahead': {
      terms: required,
      after: atMail,
      rows: `
        250 ok...   | over    | end next_host lost in_session; close
        550 no...   | leaving | end settled refused 550, refused 550; > QUIT`,
    },
    'all at once, at DATA, and something follows: a refusal may come at once': {
      terms: required,
      after: [...pipelined, '250 ok...', '250 ok...', '250 ok...'],
      rows: `
        354 go... | message: accepted accepted | send_message`,
    },
    'all at once, at DATA, nobody is accepted, and the peer is ahead': {
      terms: required,
      after: [...pipelined, '250 ok', '550 no', '550 no'],
      rows: `
        354 go... | over | end settled refused 550, refused 550; close`,
    },
    'at the first RCPT': {
      terms: required,
      after: [...atMail, '250 ok'],
      rows: `
        250 ok         | envelope RCPT: accepted unanswered | > RCPT TO:<two@to.example>
        251 elsewhere  | envelope RCPT: accepted unanswered | > RCPT TO:<two@to.example>
        252 perhaps    | envelope RCPT: accepted unanswered | > RCPT TO:<two@to.example>
        200 hm         | envelope RCPT: accepted unanswered | > RCPT TO:<two@to.example>
        240 hm         | envelope RCPT: accepted unanswered | > RCPT TO:<two@to.example>
        354 what       | over                                 | end next_host lost in_session; close
        450 later      | envelope RCPT: rejected unanswered | > RCPT TO:<two@to.example>
        421 going down | over                                 | end next_host lost in_session; close
        550 unknown    | envelope RCPT: rejected unanswered | > RCPT TO:<two@to.example>
        malformed      | over                                 | end next_host lost in_session; close
        closed         | over                                 | end next_host lost in_session; close`,
    },
    'at the last RCPT, one is accepted': {
      terms: required,
      after: [...atMail, '250 ok', '250 ok'],
      rows: `
        250 ok         | envelope DATA: accepted accepted | > DATA
        450 later      | envelope DATA: accepted rejected | > DATA
        550 unknown    | envelope DATA: accepted rejected | > DATA
        421 going down | over                               | end next_host lost in_session; close`,
    },
    'at the last RCPT, nobody is accepted': {
      terms: required,
      after: [...atMail, '250 ok', '550 unknown'],
      rows: `
        250 ok      | envelope DATA: rejected accepted | > DATA
        450 later   | idle in a transaction              | end settled refused 550, deferred 450
        553 unknown | idle in a transaction              | end settled refused 550, refused 553`,
    },
    'at DATA, one is accepted': {
      terms: required,
      after: [...atMail, '250 ok', '250 ok', '550 unknown'],
      rows: `
        354 go         | message: accepted rejected | send_message
        300 go         | message: accepted rejected | send_message
        399            | message: accepted rejected | send_message
        250 ok         | over                       | end next_host lost in_session; close
        450 busy       | leaving                    | end settled deferred 450, refused 550; > QUIT
        421 going down | over                       | end next_host lost in_session; close
        554 no         | leaving                    | end settled refused 554, refused 550; > QUIT
        malformed      | over                       | end next_host lost in_session; close
        closed         | over                       | end next_host lost in_session; close`,
    },
    'all at once, at MAIL': {
      terms: required,
      after: pipelined,
      rows: `
        250 ok         | envelope RCPT: unanswered unanswered | -
        450 busy       | envelope RCPT: rejected rejected     | -
        550 no         | envelope RCPT: rejected rejected     | -
        354 what       | over                                   | end next_host lost in_session; close
        421 going down | over                                   | end next_host lost in_session; close`,
    },
    'all at once, after a refused MAIL': {
      terms: required,
      after: [...pipelined, '550 no'],
      rows: `
        250 ok         | over                           | end settled refused 550, refused 550; close
        503 no MAIL    | envelope RCPT: rejected rejected | -
        421 going down | over                               | end settled refused 550, refused 550; close
        354 what       | over                               | end settled refused 550, refused 550; close
        malformed      | over                               | end settled refused 550, refused 550; close
        closed         | over                               | end settled refused 550, refused 550; close`,
    },
    'all at once, at DATA, nobody is accepted': {
      terms: required,
      after: [...pipelined, '250 ok', '550 unknown', '450 later'],
      rows: `
        354 go         | empty_dot: refused deferred | > .
        250 ok         | leaving                     | end settled refused 550, deferred 450; > QUIT
        450 busy       | idle in a transaction       | end settled refused 550, deferred 450
        554 nobody     | idle in a transaction       | end settled refused 550, deferred 450
        421 going down | over                        | end settled refused 550, deferred 450; close
        closed         | over                        | end settled refused 550, deferred 450; close`,
    },
    'all at once, at DATA, one is accepted': {
      terms: required,
      after: [...pipelined, '250 ok', '550 unknown', '250 ok'],
      rows: `
        354 go         | message: rejected accepted | send_message
        250 ok         | over                       | end next_host lost in_session; close
        450 busy       | leaving                    | end settled refused 550, deferred 450; > QUIT
        554 no         | leaving                    | end settled refused 550, refused 554; > QUIT
        421 going down | over                       | end next_host lost in_session; close
        closed         | over                       | end next_host lost in_session; close`,
    },
    'all at once, LMTP, at DATA, nobody is accepted: no reply is due after the dot': {
      terms: lmtp,
      after: [...pipelined, '250 ok', '550 unknown', '450 later'],
      rows: `
        354 go     | leaving | > .; end settled refused 550, deferred 450; > QUIT
        503 nobody | idle in a transaction| end settled refused 550, deferred 450`,
    },
    'TLS has just failed, and the peer wants it': {
      terms: terms(failed),
      after: ['220 mx', '250 mx'],
      rows: `
        530 Must issue STARTTLS first     | leaving                                | end next_host tls session; > QUIT
        550 5.7.10 no                     | leaving                                | end next_host tls session; > QUIT
        554 Encryption is needed          | leaving                                | end next_host tls session; > QUIT
        550 no                            | idle in a transaction                  | end settled refused 550, refused 550
        450 TLS is needed                 | idle in a transaction                  | end settled deferred 450, deferred 450
        250 2.1.0 TLS would be better     | envelope RCPT: unanswered unanswered | > RCPT TO:<one@to.example>`,
    },
    'TLS has just failed, and the peer wants it for a recipient': {
      terms: terms(failed),
      after: ['220 mx', '250 mx', '250 ok'],
      rows: `
        530 Must issue STARTTLS first | leaving | end next_host tls session; > QUIT`,
    },
    'TLS has just failed, all at once, everybody is refused for something else': {
      terms: terms(failed),
      after: ['220 mx', '250-mx / 250 PIPELINING', '550 no'],
      rows: `
        530 Must issue STARTTLS first | envelope RCPT: rejected rejected | -`,
    },
  },

  message: {
    'one of two is accepted': {
      terms: required,
      after: [...pipelined, '250 ok', '250 ok', '550 unknown', '354 go'],
      rows: `
        message_sent       | final_dot: deferred refused; 1 to come | > .
        250 ok             | over                                   | end next_host lost in_session; close
        354 go on          | over                                   | end next_host lost in_session; close
        452 full           | over                                   | end settled deferred 452, refused 550; close
        421 going down     | over                                   | end next_host lost in_session; close
        552 too large      | over                                   | end settled refused 552, refused 550; close
        malformed          | over                                   | end next_host lost in_session; close
        secured            | same                                   | -
        tls_failed         | over                                   | end next_host tls verification; close
        measured 9         | same                                   | -
        message_unreadable | over                                   | end own_fault; close
        closed             | over                                   | end next_host lost in_session; close
        cut                | over                                   | end next_host lost in_session; close
        timeout            | over                                   | end next_host lost in_session; close
        attempt            | over                                   | end next_host lost in_session; close
        next               | same                                   | -
        dismissed          | same                                   | -`,
    },
    'LMTP, both are accepted: a reply is for one of them': {
      terms: lmtp,
      after: [...pipelined, '250 ok', '250 ok', '250 ok', '354 go'],
      rows: `
        message_sent | final_dot: deferred deferred; 2 to come | > .
        452 full     | over                                    | end settled deferred 452, deferred 451; close
        552 full     | over                                    | end settled refused 552, deferred 451; close
        250 ok       | over                                    | end next_host lost in_session; close`,
    },
  },

  final_dot: {
    'SMTP: one reply for all who were accepted': {
      terms: required,
      after: [...pipelined, '250 ok', '250 ok', '550 unknown', '354 go', 'message_sent'],
      rows: `
        250 queued         | idle    | end settled delivered 250, refused 550
        299                | idle    | end settled delivered 299, refused 550
        354 what           | over    | end next_host lost in_session; close
        452 full           | idle in a transaction | end settled deferred 452, refused 550
        421 going down     | leaving | end settled deferred 421, refused 550; > QUIT
        554 spam           | idle in a transaction | end settled refused 554, refused 550
        malformed          | over    | end next_host lost in_session; close
        secured            | same    | -
        tls_failed         | over    | end next_host tls verification; close
        measured 9         | same    | -
        message_sent       | same    | -
        message_unreadable | same    | -
        closed             | over    | end next_host lost in_session; close
        cut                | over    | end next_host lost in_session; close
        timeout            | over    | end settled deferred 451, refused 550; close
        attempt            | over    | end next_host lost in_session; close
        next               | same    | -
        dismissed          | same    | -`,
    },
    'LMTP: a reply for each who was accepted': {
      terms: lmtp,
      after: [...pipelined, '250 ok', '250 ok', '250 ok', '354 go', 'message_sent'],
      rows: `
        250 queued     | final_dot: delivered deferred; 1 to come | -
        450 full       | final_dot: deferred deferred; 1 to come  | -
        552 full       | final_dot: refused deferred; 1 to come   | -
        421 going down | leaving                                  | end settled deferred 421, deferred 421; > QUIT
        354 what       | over                                     | end next_host lost in_session; close
        closed         | over                                     | end next_host lost in_session; close`,
    },
    'LMTP: the first has its answer': {
      terms: lmtp,
      after: [...pipelined, '250 ok', '250 ok', '250 ok', '354 go', 'message_sent', '250 queued'],
      rows: `
        250 queued         | idle    | end settled delivered 250, delivered 250
        450 full           | idle in a transaction | end settled delivered 250, deferred 450
        552 full           | idle in a transaction | end settled delivered 250, refused 552
        421 going down     | leaving | end settled delivered 250, deferred 421; > QUIT
        354 what           | over    | end settled delivered 250, deferred 451; close
        malformed          | over    | end settled delivered 250, deferred 451; close
        secured            | same    | -
        tls_failed         | over    | end settled delivered 250, deferred 451; close
        message_unreadable | same    | -
        closed             | over    | end settled delivered 250, deferred 451; close
        cut                | over    | end settled delivered 250, deferred 451; close
        timeout            | over    | end settled delivered 250, deferred 451; close
        attempt            | over    | end settled delivered 250, deferred 451; close
        next               | same    | -
        dismissed          | same    | -`,
    },
    'LMTP: who was not accepted has no reply': {
      terms: lmtp,
      after: [...pipelined, '250 ok', '550 unknown', '250 ok', '354 go', 'message_sent'],
      rows: `
        250 queued | idle    | end settled refused 550, delivered 250
        450 full   | idle in a transaction | end settled refused 550, deferred 450
        closed     | over    | end next_host lost in_session; close`,
    },
  },

  empty_dot: {
    'everybody was refused': {
      terms: required,
      after: [...pipelined, '250 ok', '550 unknown', '450 later', '354 go'],
      rows: `
        250 ok             | leaving | end settled refused 550, deferred 450; > QUIT
        354 what           | leaving | end settled refused 550, deferred 450; > QUIT
        450 nobody         | leaving | end settled refused 550, deferred 450; > QUIT
        421 going down     | leaving | end settled refused 550, deferred 450; > QUIT
        554 nobody         | leaving | end settled refused 550, deferred 450; > QUIT
        malformed          | over    | end settled refused 550, deferred 450; close
        secured            | same    | -
        tls_failed         | over    | end settled refused 550, deferred 450; close
        measured 9         | same    | -
        message_sent       | same    | -
        message_unreadable | same    | -
        closed             | over    | end settled refused 550, deferred 450; close
        cut                | over    | end settled refused 550, deferred 450; close
        timeout            | over    | end settled refused 550, deferred 450; close
        attempt            | over    | end settled refused 550, deferred 450; close
        next               | same    | -
        dismissed          | same    | -`,
    },
  },

  idle: {
    'another message may follow': {
      terms: required,
      after: [...delivered],
      rows: `
        250 what           | over             | close
        354 what           | over             | close
        450 busy           | over             | close
        421 too long       | over             | close
        554 no             | over             | close
        malformed          | over             | close
        secured            | same             | -
        tls_failed         | over             | close
        measured 9         | same             | -
        message_sent       | same             | -
        message_unreadable | same             | -
        closed             | over             | close
        cut                | over             | close
        timeout            | over             | close
        attempt            | over             | close
        next               | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example>
        dismissed          | leaving          | > QUIT`,
    },
    'in the middle of a transaction': {
      terms: required,
      after: [...atMail, '250 ok', '550 unknown', '550 unknown'],
      rows: `
        next      | resetting | > RSET
        dismissed | leaving   | > QUIT`,
    },
    'MAIL was refused': {
      terms: required,
      after: [...atMail, '550 no'],
      rows: `
        next | resetting | > RSET`,
    },
  },

  resetting: {
    'the next message follows': {
      terms: required,
      after: [...atMail, '250 ok', '550 unknown', '550 unknown', 'next'],
      rows: `
        250 ok             | envelope MAIL: unanswered unanswered | > MAIL FROM:<a@from.example>
        354 what           | over | end stale; close
        450 busy           | over | end stale; close
        421 enough         | over | end stale; close
        554 no             | over | end stale; close
        malformed          | over | end stale; close
        secured            | same | -
        tls_failed         | over | end stale; close
        measured 9         | same | -
        message_sent       | same | -
        message_unreadable | over | end own_fault; close
        closed             | over | end stale; close
        cut                | over | end stale; close
        timeout            | over | end stale; close
        attempt            | over | end stale; close
        next               | same | -
        dismissed          | same | -`,
    },
  },

  leaving: {
    'the outcome is told': {
      terms: required,
      after: [...atMail, '550 no', 'dismissed'],
      rows: `
        221 bye            | over | close
        354 what           | over | close
        450 busy           | over | close
        421 going down     | over | close
        554 no             | over | close
        malformed          | over | close
        secured            | same | -
        tls_failed         | over | close
        measured 9         | same | -
        message_sent       | same | -
        message_unreadable | same | -
        closed             | over | close
        cut                | over | close
        timeout            | over | close
        attempt            | over | close
        next               | same | -
        dismissed          | same | -`,
    },
  },

  over: {
    'nothing follows': {
      terms: required,
      after: ['closed'],
      rows: `
        220 mx             | same | -
        354 what           | same | -
        450 busy           | same | -
        421 going down     | same | -
        554 no             | same | -
        malformed          | same | -
        secured            | same | -
        tls_failed         | same | -
        measured 9         | same | -
        message_sent       | same | -
        message_unreadable | same | -
        closed             | same | -
        cut                | same | -
        timeout            | same | -
        attempt            | same | -
        next               | same | -
        dismissed          | same | -`,
    },
  },
};

function rowsOf({ rows }: Table): { event: string; expected: string }[] {
  return rows
    .trim()
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim()))
    .map(([event = '', next = '', effects = '']) => ({ event, expected: `${next} | ${effects}` }));
}

describe.each(Object.entries(tables))('%s', (name, named) => {
  describe.each(Object.entries(named))('%s', (_case, table) => {
    const state = arriveBy(table.terms, table.after);
    it.each(rowsOf(table))('$event: $expected', ({ event, expected }) => {
      expect(stateWords(state)).toMatch(new RegExp(`^${name}\\b`));
      expect(stepWords(state, transition(table.terms, state, eventOf(event)))).toBe(expected);
    });
  });

  it('has a row for every kind of event', () => {
    const [first] = Object.values(named);
    const kinds = first === undefined ? [] : rowsOf(first).map(({ event }) => kindOf(eventOf(event)));
    expect(new Set(kinds)).toEqual(new Set(eventKinds));
  });
});

describe('what broke a session is told', () => {
  const queued = [...pipelined, '250 ok', '250 ok', '250 ok', '354 go'];
  it.each<[string, Terms, readonly string[], string]>([
    ['the peer greeted with 554 5.7.1 no', required, [], '554 5.7.1 no'],
    ['the peer greeted with 354 what', terms('if_offered'), [], '354 what'],
    ['the peer ended the session with 421 bye', terms('if_offered'), [], '421 bye'],
    ['the peer answered EHLO with 450 busy', required, ['220 mx'], '450 busy'],
    ['the peer answered EHLO with 354 what', required, secured, '354 what'],
    ['the peer answered HELO with 354 what', required, [...secured, '502 no'], '354 what'],
    ['the peer does not offer STARTTLS', required, ['220 mx'], '250 mx'],
    ['the peer answered EHLO with 502 no', required, ['220 mx'], '502 no'],
    ['the peer refused STARTTLS: 454 4.7.0 busy', required, secured.slice(0, 2), '454 4.7.0 busy'],
    ['STARTTLS was not answered: the connection is gone', required, secured.slice(0, 2), 'timeout'],
    ['STARTTLS was not answered: the peer answered with garbage', required, secured.slice(0, 2), 'malformed'],
    [
      'the peer sent data in cleartext after it had agreed to STARTTLS',
      required,
      secured.slice(0, 3),
      '250 ok',
    ],
    ['the TLS handshake failed: the connection is gone', required, secured.slice(0, 3), 'closed'],
    ['the TLS handshake failed: the connection is gone', required, secured, 'closed'],
    ['the peer answered AUTH with 334 more', login, [...secured, '250-mx / 250 AUTH PLAIN'], '334 more'],
    ['the peer said without being asked: 250 ok', required, [...secured, '250-mx / 250 SIZE 100'], '250 ok'],
    ['the peer ended the session with 421 bye', required, [...secured, '250-mx / 250 SIZE 100'], '421 bye'],
    ['the peer answered MAIL with 354 what', required, atMail, '354 what'],
    ['the peer ended the session with 421 4.3.2 bye', required, atMail, '421 4.3.2 bye'],
    ['the peer answered RCPT with 354 what', required, [...atMail, '250 ok'], '354 what'],
    ['the peer answered DATA with 250 ok', required, [...pipelined, '250 ok', '250 ok', '250 ok'], '250 ok'],
    ['the peer answered 250 ok before it had the whole message', required, queued, '250 ok'],
    ['the peer ended the session with 421 bye', required, queued, '421 bye'],
    ['the peer answered the message with 354 what', required, [...queued, 'message_sent'], '354 what'],
    ['the peer answered with garbage', required, [...queued, 'message_sent'], 'malformed'],
    ['the connection is gone', required, [...queued, 'message_sent'], 'closed'],
    [
      'the handshake failed; without TLS the peer answers 530 TLS first',
      terms(failed),
      ['220 mx', '250 mx'],
      '530 TLS first',
    ],
  ])('%s', (text, its, after, event) => {
    const { effects } = transition(its, arriveBy(its, after), eventOf(event));
    const [fault] = effects.flatMap((effect) =>
      effect.kind === 'end' && effect.outcome.kind === 'next_host' ? [effect.outcome.fault] : [],
    );
    expect(fault?.kind === 'tls' ? fault.failure.text : fault?.text).toBe(text);
    // What the peer said last is kept where that is what broke it.
    if (fault?.kind === 'lost')
      expect(fault.answer === 'none' ? 'none' : fault.answer.code).toBe(
        /^\d/.test(event) ? event.slice(0, 3) : 'none',
      );
  });

  it('warns of a message without authentication', () => {
    const offer = eventOf('250-mx / 250 AUTH XOAUTH2');
    const { effects } = transition(login, arriveBy(login, secured), offer);
    expect(effects).toContainEqual({
      kind: 'warn',
      text: 'of CRAM-MD5, PLAIN, LOGIN the host offers none (it offers XOAUTH2); the message is sent without authentication',
    });
  });

  it('answers a challenge of any length as it came', () => {
    const state = arriveBy(login, [...secured, '250-mx / 250 AUTH CRAM-MD5']);
    const nonce = 'x'.repeat(1200);
    const challenge = eventOf(`334 ${Buffer.from(nonce).toString('base64')}`);
    const digest = createHmac('md5', 'secret').update(nonce).digest('hex');
    expect(stepWords(state, transition(login, state, challenge))).toBe(
      `auth CRAM-MD5 1 | > ${Buffer.from(`user ${digest}`).toString('base64')}`,
    );
  });
});
