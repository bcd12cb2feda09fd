/** One session, several messages: what the peer sees, and what a session that is over costs. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Terms } from '../../src/smtp/session';
import {
  messageOf,
  nothingLeft,
  open,
  patient,
  recorder,
  required,
  resources,
  sessionOn,
  silence,
  words,
  type Behaviours,
  type Peer,
  type SessionParts,
} from './stage';

const keep: Partial<SessionParts> = { afterwards: () => 'keep' };
const cleartext: Terms = { ...required, tls: { kind: 'if_offered' } };

function lettered(name: string): ReturnType<typeof messageOf> {
  return messageOf({ content: () => Readable.from([Buffer.from(`Subject: ${name}\r\n\r\n`)]) });
}

const verbs = (peer: Peer): string => peer.heard.map((line) => line.split(' ')[0]).join(' ');

describe('a session that is kept', () => {
  it('carries one message after the other over one handshake', async () => {
    const before = resources();
    const stage = await open();
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('delivered 250');
    for (const name of ['two', 'three']) {
      expect(session.isIdle()).toBe(true);
      expect(words(await session.next(lettered(name)))).toBe('delivered 250');
      expect(stage.peer.message).toContain(`Subject: ${name}`);
    }
    session.dismiss();
    await session.closed();
    expect(verbs(stage.peer)).toBe(`EHLO STARTTLS EHLO ${'MAIL RCPT DATA (message) '.repeat(3)}QUIT`);
    await stage.close();
    await nothingLeft(before);
  });

  it('keeps no process alive while it waits', async () => {
    const stage = await open();
    const session = sessionOn(stage, keep);
    await session.run();
    expect(stage.client.listenerCount('timeout')).toBe(0);
    // What holds a process is counted without what is unreferenced.
    const held = resources();
    await session.next(lettered('two'));
    expect(resources()).toEqual(held);
    session.dismiss();
    await session.closed();
    await stage.close();
  });

  it.each([
    ['one by one, all refused', {}, 'MAIL RCPT RSET MAIL RCPT DATA (message)'],
    [
      'all at once, all refused',
      { 'tls:EHLO': '250-mx.example\r\n250 PIPELINING' },
      'MAIL RCPT DATA RSET MAIL RCPT DATA (message)',
    ],
  ] as const)('ends a transaction that was left open (%s)', async (_how, more, expected) => {
    let recipients = 0;
    const behaviours: Behaviours = {
      ...more,
      RCPT: (peer) => peer.say(recipients++ === 0 ? '550 unknown\r\n' : '250 ok\r\n'),
      DATA: (peer) => {
        if (recipients === 1) peer.say('554 nobody\r\n');
        else peer.expectMessage();
      },
    };
    const stage = await open(behaviours);
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('refused 550');
    expect(words(await session.next(lettered('two')))).toBe('delivered 250');
    session.dismiss();
    await session.closed();
    expect(verbs(stage.peer)).toBe(`EHLO STARTTLS EHLO ${expected} QUIT`);
    await stage.close();
  });

  it('is not kept after something odd', async () => {
    const stage = await open({ DATA: '554 no' });
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('refused 554');
    expect(session.isIdle()).toBe(false);
    await session.closed();
    await stage.close();
  });

  it('is not kept where the peer says more than it was asked', async () => {
    const stage = await open({ message: '250 queued\r\n250 and more' });
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('delivered 250');
    expect(session.isIdle()).toBe(false);
    await session.closed();
    await stage.close();
  });
});

describe('a session that is over when the next message comes', () => {
  it.each<[string, Behaviours]>([
    ['421', { MAIL: (peer) => peer.say(peer.mails === 1 ? '250 ok\r\n' : '421 too many messages\r\n') }],
    ['a reset', { MAIL: (peer) => (peer.mails === 1 ? peer.say('250 ok\r\n') : peer.raw.resetAndDestroy()) }],
    ['a close', { MAIL: (peer) => (peer.mails === 1 ? peer.say('250 ok\r\n') : peer.raw.destroy()) }],
    ['what is no reply', { MAIL: (peer) => peer.say(peer.mails === 1 ? '250 ok\r\n' : 'ugh\r\n') }],
  ])('at MAIL: %s', async (_what, behaviours) => {
    const stage = await open(behaviours);
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('delivered 250');
    expect(words(await session.next(lettered('two')))).toMatch(/^stale: /);
    await session.closed();
    expect(stage.peer.message).not.toContain('two');
    await stage.close();
  });

  it('at RSET', async () => {
    const stage = await open({ RCPT: '550 no', RSET: '421 enough' });
    const session = sessionOn(stage, keep);
    expect(words(await session.run())).toBe('refused 550');
    expect(words(await session.next(lettered('two')))).toMatch(/^stale: /);
    await session.closed();
    await stage.close();
  });

  it('without an answer to MAIL', async () => {
    const behaviours: Behaviours = {
      MAIL: (peer) => (peer.mails === 1 ? peer.say('250 ok\r\n') : silence()),
    };
    const stage = await open(behaviours);
    const session = sessionOn(stage, { ...keep, timeouts: { ...patient, mail: 100 } });
    expect(words(await session.run())).toBe('delivered 250');
    expect(words(await session.next(lettered('two')))).toBe('stale: the peer took too long to answer MAIL');
    await session.closed();
    await stage.close();
  });

  it.each<[string, (peer: Peer) => void]>([
    ['closed', (peer) => peer.socket.end()],
    ['reset', (peer) => peer.raw.resetAndDestroy()],
    ['ended with 421', (peer) => peer.say('421 idle for too long\r\n')],
  ])('%s while it waited', async (_how, deed) => {
    const stage = await open();
    const session = sessionOn(stage, keep);
    await session.run();
    deed(stage.peer);
    await session.closed();
    expect(session.isIdle()).toBe(false);
    expect(words(await session.next(lettered('two')))).toBe('stale: the session was over');
    await stage.close();
  });

  it('is stale where the peer has begun to say something that nobody asked for', async () => {
    const stage = await open();
    const session = sessionOn(stage, { ...keep, timeouts: { ...patient, quit: 100 } });
    await session.run();
    stage.peer.say('250-and');
    while (session.isIdle()) await new Promise((resolve) => setImmediate(resolve));
    // Behind that, the answer to MAIL would be read as the end of another one.
    expect(words(await session.next(lettered('two')))).toBe('stale: the session was over');
    await session.closed();
    expect(stage.peer.mails).toBe(1);
    await stage.close();
  });

  it('is not stale any more once MAIL was answered: another host may have the message', async () => {
    const stage = await open({
      RCPT: (peer) => (peer.mails === 1 ? peer.say('250 ok\r\n') : peer.raw.destroy()),
    });
    const session = sessionOn(stage, keep);
    await session.run();
    expect(words(await session.next(lettered('two')))).toMatch(/^lost: /);
    await session.closed();
    await stage.close();
  });
});

describe('a session that was opened for mail that may go without TLS', () => {
  it('carries nothing that may not', async () => {
    const stage = await open({ EHLO: '250 mx.example' });
    const { observer, told } = recorder();
    const session = sessionOn(stage, { ...keep, terms: cleartext });
    expect(words(await session.run())).toBe('delivered 250');
    // Whoever takes such a session for this message has made a fault; the gate is what is left.
    const outcome = await session.next(messageOf({ observer }));
    expect(words(outcome)).toContain('MAIL was about to be sent without TLS');
    expect(told).toContain('warn: kept MAIL from being sent without TLS');
    expect(stage.peer.mails).toBe(1);
    await session.closed();
    await stage.close();
  });

  it('carries it where it came to TLS that meets what is required', async () => {
    const stage = await open();
    const session = sessionOn(stage, { ...keep, terms: cleartext });
    await session.run();
    expect(words(await session.next(lettered('two')))).toBe('delivered 250');
    session.dismiss();
    await once(stage.client, 'close');
    await stage.close();
  });
});
