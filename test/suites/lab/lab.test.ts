import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLab, type Lab } from '../../../haraka-test-harness/lab';

describe('a Haraka without the suite, in the lab', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: {
          'plain.example': { mx: [{ behaviour: 'no-starttls' }] },
          'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
          'tls13.example': {},
          'two.example': {
            mx: [
              {
                host: 'down.two.example',
                preference: 5,
                addresses: [{ address: '192.0.2.7', route: 'refused' }],
              },
              { host: 'up.two.example', preference: 10, addresses: ['2001:db8::7'] },
            ],
          },
          'later.example': { mx: [{ behaviour: ['mail-451', 'normal'] }] },
          'never.example': { mx: [{ behaviour: 'rcpt-550' }] },
          'bogus.example': { dnssec: 'secure', lookups: { MX: 'bogus' } },
        },
      },
      { plugins: [], retryIntervals: '5s*3' },
    );
  });
  afterAll(() => lab.stop());

  it('delivers over the TLS version that the peer offers, and the peer sees server name and message', async () => {
    const outcome = await lab.deliver({ from: 'a@ours.example', to: 'b@tls12.example' });
    expect(outcome).toMatchObject({
      status: 'delivered',
      domain: 'tls12.example',
      delivery: { secured: true },
    });
    const [connection] = lab.peer('mx.tls12.example').connections;
    expect(connection?.tls).toMatchObject({
      kind: 'established',
      version: 'TLSv1.2',
      sni: 'mx.tls12.example',
    });
    expect(connection?.cleartext).toBe('EHLO mail.lab.example\r\nSTARTTLS\r\n');
    expect(connection?.encrypted).toMatch(/^EHLO mail\.lab\.example\r\nMAIL FROM:<a@ours\.example>/);
    expect(connection?.messages).toMatchObject([
      { id: outcome.id, from: 'a@ours.example', to: ['b@tls12.example'], protection: 'TLSv1.2' },
    ]);
  });

  it('keeps apart what each domain of one message came to', async () => {
    const to = ['b@tls13.example', 'c@plain.example', 'd@never.example'];
    const { id } = await lab.send({ from: 'a@ours.example', to });
    const [secured, plain, refused] = await Promise.all([
      lab.outcome(id, { domain: 'tls13.example' }),
      lab.outcome(id, { domain: 'plain.example' }),
      lab.outcome(id, { domain: 'never.example' }),
    ]);
    expect([secured.status, plain.status, refused.status]).toEqual(['delivered', 'delivered', 'bounced']);
    expect(refused.recipients).toMatchObject([{ address: 'd@never.example', dsn_status: '5.1.1' }]);
    expect(lab.peer('mx.tls13.example').messages).toMatchObject([{ id, protection: 'TLSv1.3' }]);
    expect(lab.peer('mx.plain.example').messages).toMatchObject([{ id, protection: 'cleartext' }]);
    expect(lab.peer('mx.plain.example').connections[0]?.tls).toEqual({ kind: 'none' });
  });

  it('reaches hosts at any address, and goes on where one refuses the connection', async () => {
    const outcome = await lab.deliver({ from: 'a@ours.example', to: 'b@two.example' });
    expect(outcome).toMatchObject({ status: 'delivered', delivery: { ip: '2001:db8::7' } });
    expect(lab.peer('down.two.example').connections).toEqual([]);
    expect(lab.peer('up.two.example').messages).toHaveLength(1);
  });

  it('defers where a lookup fails', async () => {
    const outcome = await lab.deliver({ from: 'a@ours.example', to: 'b@bogus.example' });
    expect(outcome).toMatchObject({ status: 'deferred' });
    expect(lab.dns.questions('bogus.example', 'MX').length).toBeGreaterThan(0);
  });

  it('follows one message through a deferral, a restart and its delivery', async () => {
    const { id } = await lab.send({ from: 'a@ours.example', to: 'b@later.example' });
    expect(await lab.outcome(id)).toMatchObject({
      status: 'deferred',
      recipients: [{ dsn_status: '4.3.0' }],
    });
    await lab.haraka.restart();
    expect(await lab.outcome(id, { wanted: 'settled' })).toMatchObject({ status: 'delivered', failures: 1 });
    expect(lab.peer('mx.later.example').messages).toMatchObject([{ id }]);
  });
});
