/** What is trusted, as far as it constrains names: OpenSSL builds the chain and does not tell which issuers it took. */
import { X509Certificate } from 'node:crypto';

/** nameConstraints, 2.5.29.30, as certificates write it. */
const nameConstraints = Buffer.from('0603551d1e', 'hex');

const block = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;

/** Whether a certificate (DER) may hold name constraints, without reading it. */
export function mayConstrainNames(der: Uint8Array): boolean {
  return Buffer.from(der.buffer, der.byteOffset, der.length).includes(nameConstraints);
}

/**
 * The certificates in `pems`, all of them where one may constrain names and none where none does: nearly always none, and
 * reading them all would take some 15 ms. A certificate that cannot be read is left out, as OpenSSL cannot use it either.
 */
export function constrainingCertificates(pems: readonly string[]): readonly X509Certificate[] {
  const ders = pems.flatMap((pem) =>
    [...pem.matchAll(block)].map(([, base64 = '']) => Buffer.from(base64, 'base64')),
  );
  return ders.some(mayConstrainNames) ? ders.flatMap(certificateOf) : [];
}

function certificateOf(der: Buffer): X509Certificate[] {
  try {
    return [new X509Certificate(der)];
  } catch {
    return [];
  }
}
