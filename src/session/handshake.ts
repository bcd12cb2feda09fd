/** One TLS handshake over a connection that stands, and what it showed. */
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { TlsSession } from '../policy/session';
import { messageOf } from '../text';
import { peerCertificates } from '../x509/sent_chain';

export interface Handshake {
  readonly socket: tls.TLSSocket;
  /** What the handshake came to. To be read once it is done, and before the event loop turns. */
  facts(): TlsSession;
}

/** @throws whatever OpenSSL has against the options */
export function beginHandshake(socket: Socket, options: tls.ConnectionOptions): Handshake {
  let seen: Uint8Array | undefined;
  const secured = tls.connect({
    ...options,
    socket,
    // Node takes the certificate of a chain that verifies apart for this; to ask for it again would cost as much.
    checkServerIdentity: (name, certificate) => {
      seen = certificate.raw;
      return options.checkServerIdentity?.(name, certificate);
    },
  });
  return {
    socket: secured,
    facts: () => ({
      protocol: secured.getProtocol(),
      certificates: peerCertificates(secured, seen),
      // Typed as an Error, but a code such as `CERT_HAS_EXPIRED`.
      chainVerdict: secured.authorized ? 'trusted' : messageOf(secured.authorizationError),
    }),
  };
}
