import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import { createCa, issue, type CertificateOptions } from '../../haraka-test-harness/pki';
import { connectTo } from '../../src/mta_sts/connect';

const name = 'mta-sts.peer.example';

/** What comes of a connection to a policy host with this certificate. */
async function connection(options: CertificateOptions): Promise<string> {
  const ca = await createCa();
  const leaf = await issue(ca, { dnsNames: [name], ...options });
  const server = createServer({ cert: leaf.certPem, key: leaf.keyPem, ciphers: 'DEFAULT:@SECLEVEL=0' });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connected = await connectTo('127.0.0.1', name, {
    extraRoots: ca.certPem,
    open: (host, wanted) => connect({ ...wanted, host, port }),
    signal: AbortSignal.timeout(10_000),
  });
  if (connected.kind === 'connected') connected.socket.destroy();
  server.close();
  return connected.kind === 'connected' ? 'connected' : connected.failure.reason;
}

describe('a policy host', { tags: ['regression'] }, () => {
  it.each<[string, CertificateOptions, string]>([
    ['strong', {}, 'connected'],
    ['RSA 1024', { key: 'rsa-1024' }, 'sts-webpki-invalid'],
    ['signed with SHA-1', { digest: 'SHA-1' }, 'sts-webpki-invalid'],
    ['strong, and has expired', { notAfter: new Date(Date.now() - 60_000) }, 'sts-webpki-invalid'],
  ])('with a certificate that is %s', async (_what, options, expected) => {
    expect(await connection(options)).toBe(expected);
  });

  it('is verified whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await connection({ key: 'rsa-1024' })).toBe('sts-webpki-invalid');
    vi.unstubAllEnvs();
  });
});
