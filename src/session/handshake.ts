/** One TLS handshake over a connection that stands. */
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { HandshakeTerms } from '../tls/handshake_terms';
import { peerCertificates } from '../tls/sent_chain';
import { sessionFacts, type TlsSession } from '../tls/session';

export interface Handshake {
  readonly socket: tls.TLSSocket;
  /** What it came to. To be asked once, when it is done, before the event loop turns. */
  facts(): { readonly session: TlsSession; readonly certificate: Partial<tls.PeerCertificate> };
}

/**
 * @param terms those that `options` were made from
 * @throws whatever OpenSSL has against the options
 */
export function beginHandshake(
  socket: Socket,
  options: tls.ConnectionOptions,
  terms: HandshakeTerms,
): Handshake {
  let certificate: Partial<tls.PeerCertificate> | undefined;
  const secured = tls.connect({
    ...options,
    socket,
    // Node takes the certificate of a chain that verifies apart for this; to ask for it again would cost as much.
    checkServerIdentity: (name, seen) => {
      certificate = seen;
      return options.checkServerIdentity?.(name, seen);
    },
  });
  return {
    socket: secured,
    facts: () => {
      // Node hands out an empty object, or null, where there is no certificate.
      certificate ??= nothingFor(secured.getPeerCertificate());
      const certificates = peerCertificates(secured, certificate.raw);
      return { session: sessionFacts(secured, terms, certificates), certificate };
    },
  };
}

/** A renegotiation (TLS 1.2) may not bring another certificate than the one that was verified. */
export function onNewCertificate(socket: tls.TLSSocket, leaf: Uint8Array, report: () => void): void {
  socket.on('secureConnect', () => {
    const now = nothingFor(socket.getPeerCertificate()).raw;
    if (!socket.isSessionReused() && (now === undefined || Buffer.compare(now, leaf) !== 0)) report();
  });
}

function nothingFor(certificate: Partial<tls.PeerCertificate> | null): Partial<tls.PeerCertificate> {
  return certificate ?? {};
}
