/** A cipher without encryption counts as no TLS, in both directions, whatever tls.ini says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { DomainSpec } from '../../../haraka-test-harness/world';
import { recipientReplies } from '../../inbound/support/client';
import { tlsConfig } from '../../inbound/support/tls_server';

const tls = { min: 'TLSv1', max: 'TLSv1.2' } as const;
const peer = (ciphers: string): DomainSpec => ({
  dnssec: 'secure',
  mx: [{ tls, tlsa: ['match'], behaviour: { ciphers } }],
});

const rules = `
[outbound]
security_level = opportunistic
min_tls_version = none

[outbound dane.example]
security_level = mandatory_dane

[outbound both.example]
security_level = mandatory_dane

[outbound must.example]
security_level = mandatory

[outbound named.example]
security_level = mandatory

[inbound 127.0.0.0/8]
security_level = mandatory
min_tls_version = none
`;

describe('ciphers without encryption in tls.ini', { tags: ['regression'] }, () => {
  let lab: Lab;
  beforeAll(async () => {
    const server = await tlsConfig('mail.lab.example');
    lab = await startLab(
      {
        domains: {
          'dane.example': peer('eNULL'),
          'must.example': peer('eNULL'),
          'may.example': peer('eNULL'),
          'both.example': peer('eNULL:HIGH'),
          'named.example': peer('ECDHE-ECDSA-NULL-SHA'),
        },
      },
      {
        plugins: ['tls-peers', 'tls'],
        config: {
          ...server,
          'tls.ini': '[main]\nminVersion=TLSv1\nciphers=ALL:eNULL@SECLEVEL=0\n',
          'tls-peers/ours.example.ini': rules,
        },
      },
    );
  });
  afterAll(() => lab.stop());

  const send = (to: string) => lab.deliver({ from: 'a@ours.example', to: `b@${to}` });

  it.each(['dane.example', 'must.example', 'named.example'])(
    'are not offered: mail for %s waits, where its host has no others',
    async (to) => {
      const { status, error } = await send(to);
      expect(status).toBe('deferred');
      expect(error).toContain('tls-handshake-failed');
    },
  );

  it('are not offered: a host that prefers them comes to another', async () => {
    const { status, summary } = await send('both.example');
    expect(status).toBe('delivered');
    expect(summary).toMatchObject({ verified: 'dane 3 1 1', cipher: expect.stringMatching(/AES|CHACHA/) });
  });

  it('leave no TLS where cleartext is allowed, and the summary says so', async () => {
    const { status, summary } = await send('may.example');
    expect(status).toBe('delivered');
    expect(summary).toMatchObject({ tls_version: '', verified: 'none' });
  });

  it.each([
    ['eNULL', /^530 5\.7\.0 Encryption is required for this recipient, and \S*NULL\S* does not encrypt/],
    ['HIGH', /^250/],
  ])('are no TLS for a client: %s', async (ciphers, expected) => {
    const [reply] = await recipientReplies({
      port: lab.haraka.port,
      tls: 'TLSv1.2',
      ciphers,
      from: 'a@peer.example',
      to: ['b@ours.example'],
    });
    expect(reply).toMatch(expected);
  });
});
