import { rootCertificates } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { certificateOf } from '../../src/x509/certificate';

const der = new X509Certificate(rootCertificates[0] ?? '').raw;

it('the certificate of the same octets is parsed once', () => {
  expect(certificateOf(der)).toBe(certificateOf(der));
  expect(certificateOf(der).fingerprint256).toBe(new X509Certificate(der).fingerprint256);
});

it('the certificate of other octets is another one, however alike they are', () => {
  expect(certificateOf(Buffer.from(der))).not.toBe(certificateOf(der));
});

it('what is no certificate is none a second time either', () => {
  const octets = Buffer.from('no certificate');
  expect(() => certificateOf(octets)).toThrow();
  expect(() => certificateOf(octets)).toThrow();
});
