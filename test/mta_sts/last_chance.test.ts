/** Mail that is about to be given up because of an `enforce` policy, through a real Haraka (RFC 8461 section 5.1). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab } from '../../haraka-test-harness';
import type { Lab } from '../../haraka-test-harness';

const newHost = 'mx.new.example';
const newPolicy = `version: STSv1\nmode: enforce\nmx: ${newHost}\nmax_age: 86400\n`;

describe('mail to a domain whose hosts moved while its policy host was down', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: { 'moved.example': { sts: {} }, 'lost.example': { sts: {} } },
        hosts: { [newHost]: {} },
      },
      {
        retryIntervals: '5s',
        config: { 'tls-peers.ini': '[outbound]\nsecurity_level = mta_sts\n' },
      },
    );
    for (const domain of ['moved.example', 'lost.example']) {
      publish(domain, '1', `mx.${domain}`);
      const outcome = await lab.deliver({ from: 'me@ours.example', to: `you@${domain}` });
      expect(outcome.summary?.verified).toBe('pkix');
      publish(domain, '2', newHost);
      lab.policyHost(domain).setManner('server-error');
    }
  });
  afterAll(() => lab.stop());

  /** With a TTL of 0, so that each attempt sees what is published at that moment. */
  function publish(domain: string, id: string, host: string): void {
    const mx = { type: 'MX', preference: 10, exchange: host } as const;
    const txt = { type: 'TXT', text: `v=STSv1; id=${id};` } as const;
    lab.dns.set({ name: domain, type: 'MX', records: [mx], ttl: 0 });
    lab.dns.set({ name: `_mta-sts.${domain}`, type: 'TXT', records: [txt], ttl: 0 });
  }

  it('is delivered at the last try where the new policy can be had by then', async () => {
    const { id } = await lab.send({ from: 'me@ours.example', to: 'you@moved.example' });
    const first = await lab.outcome(id);
    expect(first.status).toBe('deferred');
    expect(first.error).toContain('mx-not-in-policy');
    const host = lab.policyHost('moved.example');
    host.setBody(newPolicy);
    host.setManner('serve');
    const last = await lab.outcome(id, { wanted: 'settled', timeoutMs: 30_000 });
    expect(last).toMatchObject({ status: 'delivered', delivery: { host: newHost } });
    expect(lab.peer(newHost).connections[0]?.cleartext).toMatch(/^EHLO \S+\r\nSTARTTLS\r\n/);
  });

  it('bounces with the reason where it cannot', async () => {
    const { id } = await lab.send({ from: 'me@ours.example', to: 'you@lost.example' });
    const last = await lab.outcome(id, { wanted: 'settled', timeoutMs: 30_000 });
    expect(last.status).toBe('bounced');
    expect(last.error).toContain('mx-not-in-policy');
    expect(last.recipients[0]?.dsn_status).toBe('5.7.5');
  });
});
