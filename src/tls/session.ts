/** What came of a handshake, as the checks read it. */
import type { TLSSocket } from 'node:tls';
import type { TlsSession } from '../policy/session';
import { messageOf } from '../text';
import { peerCertificates } from '../x509/sent_chain';
import type { SecurityLevel } from './security_level';

/**
 * The facts of a handshake that is done. The chain can be read once, and only while the connection lives: whoever judges
 * later asks for it before that.
 *
 * @param securityLevel the one that the handshake was asked for (`securityLevelOf`)
 * @param leaf what `getPeerCertificate().raw` says, for callers that have it already
 */
export function sessionFacts(socket: TLSSocket, securityLevel: SecurityLevel, leaf?: Uint8Array): TlsSession {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    group: exchangeGroup(socket),
    certificates: peerCertificates(socket, leaf),
    // Typed as an Error, but a code such as `CERT_HAS_EXPIRED`.
    chainVerdict: socket.authorized ? 'trusted' : messageOf(socket.authorizationError),
    securityLevel,
  };
}

/** The key exchange group, `DH-2048` where it is a prime of the peer's own; empty where Node does not tell. */
export function exchangeGroup(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo() as { type?: unknown; name?: unknown; size?: unknown } | null;
  if (typeof info?.name === 'string') return info.name;
  return info?.type === 'DH' && typeof info.size === 'number' ? `DH-${info.size}` : '';
}
