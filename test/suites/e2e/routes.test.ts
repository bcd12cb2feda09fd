/** Destinations that DNS describes badly, differently or elsewhere, through a real Haraka. */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { SmtpPeer } from '../../../haraka-test-harness/smtp_peer';

/** A plugin that routes as the local part says: `587+mx.signed.example` to that port of that host; one host it alone knows. */
const router = `
exports.register = function () { this.register_hook('get_mx', 'route', -50); };
exports.route = (next, hmail) => {
  const [, port, host] = /^(\\d+)\\+(.*)$/.exec(hmail.todo.rcpt_to[0].user) || [];
  if (!host) return next();
  next(OK, { exchange: host === 'mail.corp.internal' ? process.env.ROUTED_TO : host, port: Number(port) });
};`;

const levels = [
  'none',
  'opportunistic',
  'mandatory',
  'opportunistic_dane',
  'mandatory_dane',
  'auto',
] as const;

describe('a route to a host that only the router knows', () => {
  let lab: Lab;
  let target: SmtpPeer;

  beforeAll(async () => {
    const world = {
      domains: {
        'signed.example': {
          dnssec: 'secure',
          // The lab's own port is not known yet: only port 25 has records, which do not fit.
          mx: [{ certificate: 'self-signed', tlsa: ['mismatch'] }],
        },
      },
    } as const;
    lab = await startLab(world, {
      plugins: ['tls-peers', 'router'],
      ownPlugins: { router },
      env: { ROUTED_TO: '127.20.0.2' },
      config: {
        'tls-peers.ini': '[outbound]\nroutes[] = router\n',
        'tls-peers/ours.example.ini': levels
          .map((level) => `[outbound ${level.replace('_', '-')}.example]\nsecurity_level = ${level}\n`)
          .join(''),
      },
    });
    target = lab.peer('mx.signed.example');
  });
  afterAll(() => lab.stop());

  async function routed(level: string, host: string, port: number) {
    const to = `${port}+${host}@${level.replace('_', '-')}.example`;
    const { status, summary } = await lab.deliver({ from: 'sender@ours.example', to });
    const reasons = (summary?.['reasons'] ?? []) as { reason: string; text: string }[];
    return { ...summary, status, reasons };
  }

  test.each([
    ['none', 'cleartext'],
    ['opportunistic', 'opportunistic (opportunistic)'],
    ['mandatory', 'encrypted (mandatory)'],
    ['opportunistic_dane', 'opportunistic (no-dane)'],
    ['auto', 'opportunistic (no-sts)'],
  ])('is followed at %s, for its addresses are none of our business', async (level, requirement) => {
    expect(await routed(level, 'mail.corp.internal', 25)).toMatchObject({ status: 'delivered', requirement });
  });

  test('is no DANE', async () => {
    const { status, reasons } = await routed('mandatory_dane', 'mail.corp.internal', 25);
    expect([status, reasons.map(({ reason }) => reason)]).toEqual(['deferred', ['dane-required']]);
  });

  test('is held to the TLSA records of its port, and to no other', async () => {
    expect(await routed('auto', 'mx.signed.example', target.port)).toMatchObject({
      status: 'delivered',
      requirement: 'opportunistic (no-sts)',
    });
    const at25 = await routed('auto', 'mx.signed.example', 25);
    expect(at25).toMatchObject({ status: 'deferred', reasons: [{ reason: 'certificate-not-trusted' }] });
    expect(at25.reasons[0]?.text).toContain('_25._tcp.mx.signed.example');
  });

  test('is authenticated by the TLSA records of its port', async () => {
    const key = new X509Certificate(target.certificate.chainPem).publicKey;
    const data = createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest();
    lab.dns.set({
      name: `_${target.port}._tcp.mx.other-port.example`,
      type: 'TLSA',
      records: [{ type: 'TLSA', usage: 3, selector: 1, matchingType: 1, data }],
    });
    lab.dns.set({
      name: 'mx.other-port.example',
      type: 'A',
      records: [{ type: 'A', address: target.address }],
    });
    lab.dns.zone('other-port.example', 'secure');
    expect(await routed('mandatory_dane', 'mx.other-port.example', target.port)).toMatchObject({
      status: 'delivered',
      verified: 'dane 3 1 1',
    });
    const at25 = await routed('mandatory_dane', 'mx.other-port.example', 25);
    expect(at25).toMatchObject({ status: 'deferred', reasons: [{ reason: 'dane-required' }] });
  });
});

describe('a domain', () => {
  let lab: Lab;
  beforeAll(async () => {
    const mx = (preference: number, exchange: string) => ({ type: 'MX', preference, exchange }) as const;
    lab = await startLab({
      domains: { 'sound.example': {}, 'nowhere.example': { implicit: { addresses: [] } } },
      records: [
        {
          name: 'odd.example',
          type: 'MX',
          records: [mx(10, '10 mx.sound.example'), mx(20, 'mx.sound.example')],
        },
        { name: 'all-odd.example', type: 'MX', records: [mx(10, '10 mx.sound.example')] },
      ],
    });
  });
  afterAll(() => lab.stop());

  const send = (domain: string) => lab.deliver({ from: 'sender@ours.example', to: `rcpt@${domain}` });

  test('with neither MX records nor an address bounces at once', async () => {
    const { status, recipients } = await send('nowhere.example');
    expect(status).toBe('bounced');
    expect(recipients).toMatchObject([{ dsn_status: '5.1.2' }]);
  });

  test('of whose MX records one names no host is delivered by way of the other', async () => {
    const { status, summary } = await send('odd.example');
    expect(status).toBe('delivered');
    expect(summary).toMatchObject({
      host: 'mx.sound.example',
      reasons: [{ host: '10\\032mx.sound.example', reason: 'dns-lookup-failed' }],
    });
  });

  test('whose MX records name no host at all waits', async () => {
    const { status, error } = await send('all-odd.example');
    expect(status).toBe('deferred');
    expect(error).toContain('10\\032mx.sound.example is no host name');
  });
});
