import type { X509Certificate } from 'node:crypto';

/** As many certificates as are looked at; TLS itself allows a list of some 100 KB. */
const maximum = 100;

/**
 * The certificates that a TLS client was sent, leaf first, as `TLSSocket.getPeerX509Certificate()` hands them out: a list
 * linked by `issuerCertificate`, in the order sent. A link proves nothing. Empty where there is no certificate.
 *
 * Call `getPeerX509Certificate()` only once for a connection: it empties the list that it reads from.
 */
export function sentChain(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length < maximum; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}
