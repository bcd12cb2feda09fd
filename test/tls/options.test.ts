import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it, test } from 'vitest';
import { selfSigned, type CertificateOptions as Options, type Issued } from '../../haraka-test-harness/pki';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import type { Authentication } from '../../src/policy/requirement';
import { handshakeOptions } from '../../src/tls/options';

const atLeast12 = {
  kind: 'encrypted',
  minVersion: 'TLSv1.2',
  authentication: { kind: 'none' },
  serverName: undefined,
  observe: undefined,
  because: 'mandatory',
} as const;

const options = (haraka: Record<string, unknown>) =>
  handshakeOptions({ terms: handshakeTerms(atLeast12), haraka, certificate: 'none', hello: 'default' });

test('a maximum in tls.ini below what the rule wants is a fault of ours, at or above it none', () => {
  expect(() => options({ maxVersion: 'TLSv1.1' })).toThrow('maxVersion = TLSv1.1 is below TLSv1.2');
  expect(options({ maxVersion: 'TLSv1.2' })).toMatchObject({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
});

test('suites of TLS 1.3 alone in tls.ini leave no older version', () => {
  const ciphers = 'TLS_AES_128_GCM_SHA256';
  expect(options({ ciphers })).toMatchObject({ minVersion: 'TLSv1.3' });
  expect(() => options({ ciphers, maxVersion: 'TLSv1.2' })).toThrow('maxVersion = TLSv1.2 is below TLSv1.3');
});

test('ciphers that OpenSSL does not take are a fault of ours', () => {
  expect(() => options({ ciphers: 'eNULL' })).toThrow(/no cipher match/);
});

test('the same request shares a context, another hello does not where it is another', () => {
  expect(options({}).secureContext).toBe(options({}).secureContext);
  expect(options({}).secureContext).not.toBe(options({ maxVersion: 'TLSv1.2' }).secureContext);
});

test('short DH parameters end a handshake', () => {
  expect(options({}).minDHSize).toBe(1024);
});

describe('a client certificate', { tags: ['regression'] }, () => {
  const pkix = { kind: 'pkix', pkix: { names: [], subdomains: [], extraRoots: undefined } } as const;

  /** Whether a server that asks for one is shown it. */
  async function isShown(own: Issued, authentication: Authentication): Promise<boolean> {
    const { certPem: cert, keyPem: key } = await selfSigned({ dnsNames: ['mx.example'] });
    const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const terms = handshakeTerms({ ...atLeast12, authentication });
    const haraka = { key: Buffer.from(own.keyPem), cert: Buffer.from(own.certPem) };
    const wanted = handshakeOptions({ terms, haraka, certificate: 'none', hello: 'default' });
    const client = connect({ ...wanted, host: '127.0.0.1', port });
    const [seen] = (await once(server, 'secureConnection')) as [TLSSocket];
    const shown = (seen.getPeerCertificate() as { raw?: Buffer }).raw?.equals(own.certDer) === true;
    client.destroy();
    seen.destroy();
    server.close();
    return shown;
  }

  it.each<[string, Authentication, Options, boolean]>([
    ['strong', pkix, {}, true],
    ['of 1024 bits', { kind: 'none' }, { key: 'rsa-1024' }, true],
    // OpenSSL takes none such at level 2; the mail goes all the same.
    ['of 1024 bits, where a chain is verified', pkix, { key: 'rsa-1024' }, false],
  ])('%s', async (_what, authentication, options, expected) => {
    const own = await selfSigned({ dnsNames: ['us.example'], ...options });
    expect(await isShown(own, authentication)).toBe(expected);
  });

  it('without its key is a fault of ours', async () => {
    const [own, other] = [await selfSigned(), await selfSigned()];
    const haraka = { key: Buffer.from(other.keyPem), cert: Buffer.from(own.certPem) };
    expect(() => options(haraka)).toThrow(/key values mismatch/);
  });
});
