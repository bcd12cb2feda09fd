import { timeoutsText } from '../../../haraka-test-harness/ini';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { behaviours, type BehaviourName } from '../../../haraka-test-harness/behaviours';
import type { Outcome } from '../../../haraka-test-harness/reports';

/** What a message comes to at `mandatory`, and how far the peer got to see the conversation before TLS. */
type Expectation = readonly [
  behaviour: BehaviourName,
  status: Outcome['status'],
  dsn: string | undefined,
  reason: string,
  before: 'nothing' | 'EHLO' | 'STARTTLS',
];

const expectations: readonly Expectation[] = [
  ['normal', 'delivered', undefined, '', 'STARTTLS'],
  ['no-starttls', 'deferred', '4.7.4', 'starttls-not-supported', 'EHLO'],
  ['starttls-454', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-502', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-554', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-354', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-garbage', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-silence', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-close', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-injected', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['starttls-partial-line', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['handshake-close', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['handshake-garbage', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['handshake-silence', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['close-after-handshake', 'deferred', '4.7.5', 'tls-handshake-failed', 'STARTTLS'],
  ['banner-554', 'deferred', '4.4.1', 'connection-failed', 'nothing'],
  ['banner-421', 'deferred', '4.3.2', 'connection-failed', 'nothing'],
  ['banner-garbage', 'deferred', '4.4.1', 'connection-failed', 'nothing'],
  ['banner-silence', 'deferred', '4.4.1', 'connection-failed', 'nothing'],
  ['banner-close', 'deferred', '4.4.1', 'connection-failed', 'nothing'],
  ['ehlo-502', 'deferred', '4.7.4', 'starttls-not-supported', 'EHLO'],
  ['ehlo-and-helo-502', 'deferred', '4.7.4', 'starttls-not-supported', 'EHLO'],
  ['ehlo-421', 'deferred', '4.3.2', 'connection-failed', 'EHLO'],
  ['ehlo-close', 'deferred', '4.4.1', 'connection-failed', 'EHLO'],
  // After TLS the peer is who it is, and its replies mean what they say.
  ['secured-ehlo-554', 'delivered', undefined, '', 'STARTTLS'],
  ['mail-451', 'deferred', '4.3.0', '', 'STARTTLS'],
  ['mail-550', 'bounced', '5.7.1', '', 'STARTTLS'],
  ['rcpt-450', 'deferred', '4.2.1', '', 'STARTTLS'],
  ['rcpt-550', 'bounced', '5.1.1', '', 'STARTTLS'],
  ['data-451', 'deferred', '4.3.0', '', 'STARTTLS'],
  ['message-451', 'deferred', '4.3.0', '', 'STARTTLS'],
  ['message-554', 'bounced', '5.6.0', '', 'STARTTLS'],
];

const before = {
  nothing: '',
  EHLO: 'EHLO mail.lab.example\r\n',
  STARTTLS: 'EHLO mail.lab.example\r\nSTARTTLS\r\n',
};

describe('peers of every behaviour, at mandatory', () => {
  let lab: Lab;
  const outcomes = new Map<BehaviourName, Outcome>();

  beforeAll(async () => {
    const domains = Object.fromEntries(
      expectations.map(([behaviour]) => [`${behaviour}.example`, { mx: [{ behaviour }] }]),
    );
    lab = await startLab(
      { domains },
      {
        config: {
          'tls-peers.ini': `[outbound]\nsecurity_level = mandatory\n${timeoutsText(2)}`,
        },
        outbound: { connect_timeout: '2' },
      },
    );
    await Promise.all(
      expectations.map(async ([behaviour]) => {
        const message = { from: 'a@ours.example', to: `b@${behaviour}.example` };
        outcomes.set(behaviour, await lab.deliver(message, { timeoutMs: 40_000 }));
      }),
    );
  });
  afterAll(() => lab.stop());

  it('leaves no behaviour out', () => {
    expect(expectations.map(([behaviour]) => behaviour).sort()).toEqual(Object.keys(behaviours).sort());
  });

  it.each(expectations)('%s: %s, status %s, %s', async (behaviour, status, dsn, reason, seen) => {
    const outcome = outcomes.get(behaviour)!;
    expect(outcome.status).toBe(status);
    if (status !== 'delivered') expect(outcome.recipients[0]?.dsn_status).toBe(dsn);
    expect((outcome.summary?.['reasons'] as { reason: string }[]).map((one) => one.reason).join()).toBe(
      reason,
    );
    const peer = lab.peer(`mx.${behaviour}.example`);
    await peer.settled();
    expect(peer.connections.map(({ cleartext }) => cleartext.replace(/QUIT\r\n$/, ''))).toEqual([
      before[seen],
    ]);
    expect(peer.messages).toHaveLength(status === 'delivered' ? 1 : 0);
  });
});
