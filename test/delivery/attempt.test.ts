import { describe, expect, it, test } from 'vitest';
import {
  Attempt,
  isFinal,
  isFinalToSender,
  principal,
  statusOf,
  type HostFailure,
} from '../../src/delivery/attempt';
import { dsn } from '../../src/delivery/dsn';
import { PeerHealth } from '../../src/delivery/health';
import { isListed } from '../../src/delivery/host_list';
import { enhancedStatus, failureStatus, type FailureReason } from '../../src/failure';

const network: HostFailure = { kind: 'network', host: 'mx1', text: 'no connection' };

function policy(reason: FailureReason): Extract<HostFailure, { kind: 'policy' }> {
  return { kind: 'policy', host: 'mx2', failure: { reason, text: 'as the test says' }, because: 'mandatory' };
}

describe('what the DSN says', () => {
  test.each([
    ['a failed requirement, deferred', [policy('starttls-not-supported')], false, '4.7.4'],
    ['a failed requirement, bounced', [policy('certificate-expired')], true, '5.7.5'],
    ['a failed requirement beside a dead host', [network, policy('tlsa-invalid')], false, '4.7.5'],
    ['dead hosts only', [network], false, '4.4.1'],
    ['dead hosts only, given up', [network], true, '5.4.1'],
    ['a broken configuration', [policy('config-invalid')], false, '4.3.5'],
    ['an unanswered question', [policy('dns-lookup-failed')], false, '4.4.3'],
  ] as const)('%s', (_name, failures, permanent, status) => {
    expect(statusOf(principal(failures), permanent)).toBe(status);
  });

  it('has a status of class 4 for every reason, and the same in class 5', () => {
    for (const reason of Object.keys(failureStatus) as FailureReason[]) {
      expect(enhancedStatus(reason)).toMatch(/^4\.[347]\.\d{1,2}$/);
      expect(enhancedStatus(reason, true)).toBe(enhancedStatus(reason).replace('4', '5'));
    }
  });

  it('holds no line break and nothing but ASCII', () => {
    expect(dsn('4.7.5', 'a\r\nX: y – z')).toEqual({ code: 451, msg: 'a??X: y ? z', cls: 4, sub: 7, det: 5 });
    expect(dsn('5.1.10', 'null MX')).toMatchObject({ code: 550, cls: 5, sub: 1, det: 10 });
  });
});

describe('what is seen and not enforced', () => {
  it('is recorded once for each host and reason', () => {
    const attempt = new Attempt(1000);
    const failure = (reason: FailureReason, text: string) => ({ reason, text });
    attempt.record('mx1', failure('certificate-expired', 'at its first address'));
    attempt.record('mx1', failure('certificate-expired', 'at its second'));
    attempt.record('mx1', failure('tlsa-invalid', ''));
    attempt.record('mx2', failure('certificate-expired', ''));
    expect(attempt.recorded.map(({ host, failure: { reason, text } }) => [host, reason, text])).toEqual([
      ['mx1', 'certificate-expired', 'at its first address'],
      ['mx1', 'tlsa-invalid', ''],
      ['mx2', 'certificate-expired', ''],
    ]);
    expect(attempt.failures).toEqual([]);
  });
});

describe('action_on_failure = bounce', () => {
  test.each([
    [
      'bounces where every host failed the requirement',
      [policy('starttls-not-supported'), policy('certificate-expired')],
      true,
    ],
    ['waits where a host could not be reached', [policy('starttls-not-supported'), network], false],
    ['waits where DNS did not answer', [policy('dns-lookup-failed')], false],
    ['waits where DNS cannot be believed', [policy('dnssec-invalid')], false],
    ['waits where a policy could not be had', [policy('sts-policy-fetch-error')], false],
    ['waits where its host has no valid certificate', [policy('sts-webpki-invalid')], false],
    ['waits where it cannot be read', [policy('sts-policy-invalid')], false],
    ['waits where the configuration is broken', [policy('config-invalid')], false],
    ['waits where the fault is ours', [policy('internal-error')], false],
    ['waits where no host was tried', [], false],
  ] as const)('%s', (_name, failures, final) => {
    expect(isFinal(failures)).toBe(final);
  });
});

describe('a sender that wants REQUIRETLS or the message back', () => {
  const broken: HostFailure = {
    ...policy('tls-handshake-failed'),
    failure: { reason: 'tls-handshake-failed', text: 'reset', passing: true },
  };

  test.each([
    ['has it back where every host failed for good', [policy('tls-handshake-failed')], true, true],
    ['waits where the network broke a handshake', [broken], false, true],
    ['and where that is one of several hosts', [policy('requiretls-not-offered'), broken], false, true],
    ['waits where a host could not be reached', [policy('requiretls-not-offered'), network], false, false],
  ] as const)('%s', (_name, failures, toSender, toOperator) => {
    expect(isFinalToSender(failures)).toBe(toSender);
    expect(isFinal(failures)).toBe(toOperator);
  });
});

describe('notices about a peer', () => {
  it('come once when it begins to fail, again for another reason, and once when it recovers', () => {
    const health = new PeerHealth();
    expect(health.failed('a', 'tlsa-invalid')).toBe('began_to_fail');
    expect(health.failed('a', 'tlsa-invalid')).toBe('unchanged');
    expect(health.failed('a', 'certificate-expired')).toBe('began_to_fail');
    expect(health.delivered('a')).toBe('recovered');
    expect(health.delivered('a')).toBe('unchanged');
  });

  it('do not come again where two hosts take turns in failing first', () => {
    const health = new PeerHealth();
    const turns = ['starttls-not-supported', 'tls-handshake-failed'];
    const seen = [...turns, ...turns, ...turns].map((reason) => health.failed('a', reason));
    expect(seen.filter((transition) => transition === 'began_to_fail')).toHaveLength(2);
  });
});

describe('no_tls_hosts', () => {
  test.each([
    [['mx.peer.example'], 'mx.peer.example', true],
    [['192.0.2.0/24'], '192.0.2.7', true],
    [['192.0.2.0/24'], '198.51.100.7', false],
    [['2001:db8::/32'], '2001:db8::1', true],
    [['192.0.2.7'], 'mx.peer.example', false],
    [[], '192.0.2.7', false],
  ])('%j names %s: %s', (list, name, listed) => {
    expect(isListed(list, name)).toBe(listed);
  });
});
