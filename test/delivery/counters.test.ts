import { describe, expect, it } from 'vitest';
import { DeliveryCounters } from '../../src/delivery/counters';
import type { DeliverySummary } from '../../src/delivery/summary';

const summary: DeliverySummary = {
  rule: 'ours.example [outbound]',
  level: 'auto',
  peer: 'peer.example',
  host: 'mx.peer.example',
  address: '192.0.2.1',
  requirement: 'dane (dane)',
  discovered: '',
  tls_version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  group: '',
  reply: '',
  verified: 'dane 3 1 1',
  reasons: [],
  recorded: [],
};

function counted(
  outcome: 'delivered' | 'deferred',
  differs: Partial<DeliverySummary>,
): Record<string, number> {
  const counters = new DeliveryCounters();
  counters.count(outcome, { ...summary, ...differs });
  return Object.fromEntries(
    counters
      .snapshot()
      .map(({ name, labels, value }) => [`${name} ${Object.values(labels).join(' ')}`, value]),
  );
}

const failure = (host: string, reason: string) => ({ host, reason, text: '' });

describe('a delivery is counted', () => {
  it.each([
    ['dane 3 1 1', 'TLSv1.3', 'X25519MLKEM768', 'protection TLSv1.3 post_quantum dane'],
    ['dane 3 1 1 and pkix', 'TLSv1.2', 'prime256v1', 'protection TLSv1.2 classic dane+pkix'],
    ['pkix', 'TLSv1.3', '', 'protection TLSv1.3 unknown pkix'],
    ['unauthenticated', 'TLSv1', 'X25519', 'protection TLSv1 classic unauthenticated'],
    ['none', '', '', 'protection none none none'],
    ['made up', 'SSLv9', '', 'protection other unknown other'],
  ])('by what protected it: %s, %s, %s', (verified, tls_version, group, key) => {
    expect(counted('delivered', { verified, tls_version, group })).toEqual({
      'deliveries auto delivered': 1,
      [key]: 1,
    });
  });

  it('by the reasons of hosts, each host once for each', () => {
    const reasons = [
      failure('a.example [192.0.2.1]', 'starttls-not-supported'),
      failure('a.example [192.0.2.2]', 'starttls-not-supported'),
      failure('b.example [192.0.2.3]', 'connection-failed'),
    ];
    expect(counted('deferred', { reasons })).toEqual({
      'deliveries auto deferred': 1,
      'host_failures starttls-not-supported': 1,
      'host_failures connection-failed': 1,
    });
  });

  it('under labels of closed sets, whatever comes in', () => {
    const counters = new DeliveryCounters();
    for (let i = 0; i < 1000; i++) {
      const reasons = [failure(`h${i}.example`, `made-up-${i}`)];
      counters.count('delivered', {
        ...summary,
        level: `l${i}`,
        verified: `v${i}`,
        tls_version: `t${i}`,
        reasons,
      });
    }
    expect(counters.snapshot()).toHaveLength(3);
    expect(counters.snapshot().every(({ value }) => value === 1000)).toBe(true);
  });
});
