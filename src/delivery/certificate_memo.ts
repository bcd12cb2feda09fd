import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';

/**
 * Has the certificate of a handshake taken apart once: Node does it to check the names of a chain that verifies, and Haraka
 * right after it. Each time costs more than all that is decided about a message.
 *
 * @returns ends it, after which a renegotiation shows what it brought
 */
export function rememberCertificate(tls: TLSSocket): () => void {
  const ask = tls.getPeerCertificate.bind(tls);
  let whole: DetailedPeerCertificate | undefined;
  const remembering = (detailed?: boolean): PeerCertificate => {
    if (whole !== undefined) return whole;
    if (detailed !== true) return ask(false);
    whole = ask(true);
    return whole;
  };
  tls.getPeerCertificate = remembering as TLSSocket['getPeerCertificate'];
  return () => {
    tls.getPeerCertificate = ask;
  };
}
