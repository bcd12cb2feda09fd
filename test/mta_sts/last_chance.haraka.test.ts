/** Mail that is about to be given up because of an `enforce` policy, through a real Haraka (RFC 8461 section 5.1). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';

const newHost = 'mx.new.example';
const newPolicy = `version: STSv1\nmode: enforce\nmx: ${newHost}\nmax_age: 86400\n`;

/** Hands on what it finds in DNS, with a source address. */
const source = `
const net_utils = require('node:module').createRequire(require.main.filename)('haraka-net-utils');
exports.hook_get_mx = async (next, hmail, domain) => {
  if (domain !== 'handed-on.example') return next();
  next(OK, (await net_utils.get_mx(domain)).map((mx) => Object.assign(mx, { bind: '127.0.0.77' })));
};`;

describe('mail to a domain whose hosts moved while its policy host was down', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: {
          'moved.example': { sts: {} },
          'handed-on.example': { sts: {} },
          'lost.example': { sts: {} },
        },
        hosts: { [newHost]: {} },
      },
      {
        retryIntervals: '5s',
        plugins: ['source', 'tls-peers'],
        ownPlugins: { source },
        config: { 'tls-peers.ini': '[outbound]\nsecurity_level = mta_sts\n' },
      },
    );
    for (const domain of ['moved.example', 'handed-on.example', 'lost.example']) {
      publish(domain, '1', `mx.${domain}`);
      const outcome = await lab.deliver({ from: 'me@ours.example', to: `you@${domain}` });
      expect(outcome.summary?.verified).toBe('pkix');
      publish(domain, '2', newHost);
      lab.policyHost(domain).setBehaviour('server-error');
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

  it.each([
    ['moved.example', 'its MX', '127.0.0.1'],
    ['handed-on.example', 'what a plugin hands on of it', '127.0.0.77'],
  ])(
    'is delivered at the last try where the new policy can be had by then: %s, by %s',
    async (domain, _by, from) => {
      const before = lab.peer(newHost).connections.length;
      const { id } = await lab.send({ from: 'me@ours.example', to: `you@${domain}` });
      const first = await lab.outcome(id);
      expect(first.status).toBe('deferred');
      expect(first.error).toContain('mx-not-in-policy');
      const host = lab.policyHost(domain);
      host.setBody(newPolicy);
      host.setBehaviour('serve');
      const last = await lab.outcome(id, { wanted: 'settled', timeoutMs: 30_000 });
      expect(last).toMatchObject({ status: 'delivered', delivery: { host: newHost } });
      const connection = lab.peer(newHost).connections[before];
      expect(connection?.cleartext).toMatch(/^EHLO \S+\r\nSTARTTLS\r\n/);
      expect(connection?.remoteAddress).toBe(from);
    },
  );

  it('bounces with the reason where it cannot', async () => {
    const { id } = await lab.send({ from: 'me@ours.example', to: 'you@lost.example' });
    const last = await lab.outcome(id, { wanted: 'settled', timeoutMs: 30_000 });
    expect(last.status).toBe('bounced');
    expect(last.error).toContain('mx-not-in-policy');
    expect(last.recipients[0]?.dsn_status).toBe('5.7.5');
  });
});
