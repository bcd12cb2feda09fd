/** Haraka's own settings, where they decide what becomes of a delivery. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';

let lab: Lab;

const rules =
  '[outbound]\nsecurity_level = opportunistic\n[outbound must.example]\nsecurity_level = mandatory\n';
const config = { 'tls-peers/ours.example.ini': rules };

describe('enable_tls = false, read while mail waits in the queue', () => {
  it('lets it go in cleartext where the rule does, and holds it where the rule does not', async () => {
    const mx = [{ behaviour: ['banner-421', 'normal'] as const }];
    lab = await startLab(
      { domains: { 'may.example': { mx }, 'must.example': { mx } } },
      { config, retryIntervals: '5s*4' },
    );
    onTestFinished(() => lab.stop());
    const sent = await Promise.all(
      ['may.example', 'must.example'].map((to) => lab.send({ from: 'a@ours.example', to: `b@${to}` })),
    );
    const [may = '', must = ''] = sent.map(({ id }) => id);
    for (const id of [may, must]) expect((await lab.outcome(id)).status).toBe('deferred');

    const file = path.join(lab.haraka.directory, 'config/outbound.ini');
    await lab.haraka.writeConfig('outbound.ini', `${await readFile(file, 'utf8')}\nenable_tls = false\n`);
    const went = await lab.outcome(may, { attempt: 2 });
    expect(went.status).toBe('delivered');
    expect(went.delivery).toMatchObject({ secured: false });
    const held = await lab.outcome(must, { attempt: 2 });
    expect(held.status).toBe('deferred');
    expect(held.error).toContain('enable_tls = false');
  });
});

describe('where local_mx_ok is off, an MX host', () => {
  const hosts = [
    ['at an address of this machine', '127.20.0.99', '127.20.0.99 is an address of this machine (loopback);'],
    ['at one within IPv6', '::ffff:7f14:63', '127.20.0.99 is an address of this machine (loopback);'],
    ['at no address of a host', '0.0.0.0', '0.0.0.0 is no address of any host (unspecified'],
    ['at none in IPv6', '::', ':: is no address of any host (unspecified'],
    ['at none within IPv6', '::ffff:0:0', '0.0.0.0 is no address of any host (unspecified'],
    ['at an address of this link', 'fe80::1', 'fe80::1 is an address of this link only'],
  ] as const;
  const domainAt = (address: string): string => `at${hosts.findIndex((one) => one[1] === address)}.example`;

  beforeAll(async () => {
    const domains = hosts.map(([, address]) => [domainAt(address), { mx: [{ addresses: [address] }] }]);
    lab = await startLab(
      { domains: Object.fromEntries(domains) as World['domains'] },
      { config, outbound: { local_mx_ok: 'false' } },
    );
  });
  afterAll(() => lab.stop());

  it.each(hosts)(
    '%s is passed over, and told as what it is',
    { tags: ['regression'] },
    async (_name, address, told) => {
      const { status, error } = await lab.deliver({ from: 'a@ours.example', to: `b@${domainAt(address)}` });
      expect(status).toBe('deferred');
      expect(error).toContain(told);
      expect(error).toContain('local_mx_ok');
      expect(lab.peers.flatMap((peer) => peer.connections)).toEqual([]);
    },
  );
});

it('holds to maxVersion of tls.ini, and says so where a rule wants a later version', async () => {
  const peer = 'newest.example';
  lab = await startLab(
    {
      domains: {
        'may.example': {},
        [peer]: {},
        'only13.example': { mx: [{ tls: { min: 'TLSv1.3', max: 'TLSv1.3' } }] },
      },
    },
    {
      config: {
        'tls.ini': '[outbound]\nmaxVersion = TLSv1.2\n',
        'tls-peers/ours.example.ini':
          `${rules}[outbound ${peer}]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n` +
          '[outbound only13.example]\nsecurity_level = mandatory\n',
      },
    },
  );
  onTestFinished(() => lab.stop());
  const send = (to: string) => lab.deliver({ from: 'a@ours.example', to: `b@${to}` });
  expect((await send('may.example')).summary).toMatchObject({ tls_version: 'TLSv1.2' });
  const held = await send(peer);
  expect(held.status).toBe('deferred');
  expect(held.error).toContain('config-invalid');
  expect(held.error).toContain('maxVersion = TLSv1.2 is below TLSv1.3');
  expect((await send('only13.example')).error).toContain(
    'tls-version-too-low: the peer speaks no TLS version from 1.2 to 1.2, which is all that tls.ini and the rule leave',
  );
});
