/** Peers that somebody else wrote: Debian's Postfix, and Dovecot's LMTP server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { openCertificateOffice } from '../../../../haraka-test-harness/certificates';
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
} from '../behaviour';
import { account, dovecotMissing, startDovecot, type Dovecot } from './dovecot';
import { postfixMissing, postfixSets, startPostfix, type Postfix, type PostfixSet } from './postfix';

export interface RealServers {
  readonly behaviours: readonly Behaviour[];
  stop(): Promise<void>;
}

/** Starts what is installed, and says what is not. */
export async function startRealServers(say: (text: string) => void): Promise<RealServers> {
  const missing = dovecotMissing() || postfixMissing();
  if (missing !== '') {
    say(`SKIPPED: behaviours of real servers. ${missing}.`);
    return { behaviours: [], stop: async () => Promise.resolve() };
  }
  const directories = await Promise.all(
    ['dovecot', 'postfix'].map((name) => mkdtemp(path.join(tmpdir(), `tls-peers-wire-${name}-`))),
  );
  const office = await openCertificateOffice();
  const certificate = await office.certificate('mx.wire.example', 'trusted');
  const running: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const server of running.reverse()) await server.stop();
    await Promise.all(directories.map((one) => rm(one, { recursive: true, force: true, maxRetries: 5 })));
  };
  try {
    const dovecot = await startDovecot(directories[0]!, certificate);
    running.push(dovecot);
    const postfix = await startPostfix(directories[1]!, certificate, dovecot.authSocket);
    running.push(postfix);
    return { behaviours: [...ofPostfix(postfix), ...ofDovecot(dovecot)], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const dotted = withBody('.one\r\n..two\r\n.\r\nlast\r\n');
const eightBit = withBody('\xc3\xa4\xc3\xb6\xc3\xbc\r\n');
const large = withBody('A line of the message.\r\n'.repeat(2000));

function ofPostfix(postfix: Postfix): Behaviour[] {
  const to = (set: PostfixSet, credentials: Readonly<Record<string, string>> = {}) => ({
    route: () => ({ exchange: '127.0.0.1', port: postfix.port(set), ...credentials }),
  });
  const withAuth = (type: string, password: string = account.password) =>
    to('with AUTH', { auth_user: account.user, auth_pass: password, auth_type: type });
  const mixed = { recipients: ['a', 'later', 'refused', 'b'] } as const;
  const outcomes = { a: 'delivered', later: 'deferred 4.2.1', refused: 'bounced 5.1.1', b: 'delivered' };
  const withTls = postfixSets.filter(
    (set) => !['without STARTTLS', 'with AUTH', 'with a small SIZE'].includes(set),
  );
  const utf8 = { recipients: ['\u00fcser'] } as const;
  return [
    ...withTls.flatMap((set) => [
      behaviour(`Postfix ${set}`, postfix, delivered, { ...to(set), message: dotted }),
      behaviour(`Postfix ${set}, one deferred, one refused`, postfix, each(outcomes), {
        ...to(set),
        ...mixed,
      }),
      behaviour(`Postfix ${set}, all refused`, postfix, bounced('5.1.1'), {
        ...to(set),
        recipients: ['refused'],
      }),
      behaviour(`Postfix ${set}, 48 KB of eight bits`, postfix, delivered, {
        ...to(set),
        message: `${large}\xc3\xa4\r\n`,
      }),
    ]),
    behaviour('Postfix without STARTTLS', postfix, inCleartext, {
      ...to('without STARTTLS'),
      message: eightBit,
      mandatory: noStartTls,
    }),
    behaviour('Postfix with everything, 50 recipients', postfix, delivered, {
      ...to('with everything'),
      recipients: Array.from({ length: 50 }, (_, index) => `r${index}`),
    }),
    behaviour('Postfix with everything, the null sender', postfix, delivered, {
      ...to('with everything'),
      sender: '',
    }),
    behaviour(
      'Postfix with everything, 421 at the second recipient',
      postfix,
      { outcome: { a: 'deferred ?', goodbye: 'deferred ?' } },
      {
        ...to('with everything'),
        recipients: ['a', 'goodbye'],
      },
    ),
    behaviour('Postfix with everything, a message that needs SMTPUTF8', postfix, delivered, {
      ...to('with everything'),
      ...utf8,
    }),
    behaviour('Postfix without SMTPUTF8, a message that needs it', postfix, bounced('5.6.7'), {
      ...to('without SMTPUTF8'),
      ...utf8,
    }),
    behaviour('Postfix with a small SIZE, a message above it', postfix, bounced('5.3.4'), {
      ...to('with a small SIZE'),
      message: large,
    }),
    behaviour('Postfix with a small SIZE, a message below it', postfix, delivered, to('with a small SIZE')),
    ...['PLAIN', 'LOGIN', 'CRAM-MD5'].flatMap((type) => [
      behaviour(`Postfix with AUTH ${type}`, postfix, delivered, withAuth(type)),
      behaviour(
        `Postfix with AUTH ${type}, the wrong password`,
        postfix,
        bounced('5.7.8'),
        withAuth(type, 'no'),
      ),
    ]),
    behaviour('Postfix with AUTH, and no credentials', postfix, bounced('5.7.1'), to('with AUTH')),
  ];
}

function ofDovecot(dovecot: Dovecot): Behaviour[] {
  const byTcp = { route: () => ({ exchange: '127.0.0.1', port: dovecot.port, using_lmtp: true }) };
  const bySocket = { route: () => ({ path: dovecot.socket, using_lmtp: true }) };
  // What is of no class that a mailbox has: the peer's own word.
  return [
    behaviour('Dovecot LMTP', dovecot, delivered, { ...byTcp, message: dotted }),
    behaviour('Dovecot LMTP, three recipients', dovecot, delivered, {
      ...byTcp,
      recipients: ['a', 'b', 'c'],
    }),
    behaviour('Dovecot LMTP, 48 KB of eight bits', dovecot, delivered, {
      ...byTcp,
      message: `${large}\xc3\xa4\r\n`,
    }),
    behaviour(
      'Dovecot LMTP, an unknown user among others',
      dovecot,
      each({ a: 'delivered', nobody: 'bounced 5.1.1', b: 'delivered' }),
      { ...byTcp, recipients: ['a', 'nobody', 'b'] },
    ),
    behaviour('Dovecot LMTP, a mailbox that cannot be written to', dovecot, deferred(), {
      ...byTcp,
      recipients: ['full'],
    }),
    behaviour(
      'Dovecot LMTP, a mailbox that cannot be written to, first',
      dovecot,
      each({ full: 'deferred ?', a: 'delivered' }),
      { ...byTcp, recipients: ['full', 'a'] },
    ),
    behaviour(
      'Dovecot LMTP, a mailbox that cannot be written to, last',
      dovecot,
      each({ a: 'delivered', b: 'delivered', full: 'deferred ?' }),
      { ...byTcp, recipients: ['a', 'b', 'full'] },
    ),
    behaviour(
      'Dovecot LMTP over a UNIX socket',
      dovecot,
      { ...delivered, protection: 'cleartext' },
      { ...bySocket, message: dotted },
    ),
    behaviour(
      'Dovecot LMTP over a UNIX socket, a mailbox that cannot be written to',
      dovecot,
      { ...each({ a: 'delivered', full: 'deferred ?' }), protection: 'cleartext' },
      { ...bySocket, recipients: ['a', 'full'] },
    ),
  ];
}
