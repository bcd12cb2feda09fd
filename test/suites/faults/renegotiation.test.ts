/** TLS 1.2 lets a peer change its certificate in the middle of a connection. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

const silentAtEhlo = { secured: { ehlo: { do: 'silence' } } } as const;
const tls = { min: 'TLSv1.2', max: 'TLSv1.2' } as const;

describe('a peer that renegotiates', () => {
  let lab: Lab;
  beforeAll(async () => {
    const mx = [{ tls, certificate: 'self-signed', tlsa: ['match'], behaviour: silentAtEhlo }] as const;
    lab = await startLab(
      { domains: { 'other.example': { dnssec: 'secure', mx } } },
      { config: { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory_dane\n' } },
    );
  });
  afterAll(() => lab.stop());

  it('with another certificate is refused', async () => {
    const peer = lab.peer('mx.other.example');
    const outcome = lab.deliver({ from: 'a@ours.example', to: 'b@other.example' });
    await peer.until(({ connections }) => connections[0]?.encrypted.startsWith('EHLO') === true);
    const office = await openCertificateOffice();
    peer.setCertificate(await office.certificate('mx.other.example', 'self-signed'), tls);
    peer.renegotiate();
    expect((await outcome).error).toContain('validation-failure: the peer showed another certificate');
    expect(peer.connections[0]?.encrypted).toMatch(/^EHLO \S+\r\n$/);
  });
});
