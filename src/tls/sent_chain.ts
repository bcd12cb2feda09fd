/** The certificates that a socket was sent in its handshake. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerCertificates } from '../x509/peer_certificates';

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

/**
 * The certificates that `socket` received.
 *
 * @param leaf what `getPeerCertificate().raw` says, for callers that have it already, such as the callback of Haraka's
 *   `upgrade`. Node can only tell it as long as nobody called `getPeerX509Certificate()`.
 */
export function peerCertificates(
  socket: TLSSocket,
  leaf: Uint8Array | undefined = (socket.getPeerCertificate() as { raw?: Uint8Array }).raw,
): PeerCertificates {
  let chain: readonly X509Certificate[] | undefined;
  return {
    leaf: leaf ?? new Uint8Array(),
    chain: () => (chain ??= sentChain(socket.getPeerX509Certificate())),
  };
}
