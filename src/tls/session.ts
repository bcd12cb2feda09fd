/** What came of a handshake, as the checks read it. */
import type { TLSSocket } from 'node:tls';
import { extraRootsOf } from '../policy/observed';
import type { TlsRequirement, TlsSession } from '../policy/session';
import { messageOf } from '../text';
import { peerCertificates, type PeerCertificates } from '../x509/sent_chain';
import { securityLevelOf } from './security_level';
import { trustedRoots } from './trusted_roots';

/**
 * The facts of a handshake that is done. The chain can be read once, and only while the connection lives: whoever judges
 * later asks for it before that.
 *
 * @param requirement the one that the handshake was begun with (`handshakeOptions`)
 * @param certificates for callers that have the leaf already
 */
export function sessionFacts(
  socket: TLSSocket,
  requirement: TlsRequirement,
  certificates: PeerCertificates = peerCertificates(socket),
): TlsSession {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    group: exchangeGroup(socket),
    certificates,
    // Typed as an Error, but a code such as `CERT_HAS_EXPIRED`.
    chainVerdict: socket.authorized ? 'trusted' : messageOf(socket.authorizationError),
    securityLevel: securityLevelOf(requirement),
    roots: () => trustedRoots(extraRootsOf(requirement) ?? ''),
  };
}

/** The key exchange group, `DH-2048` where it is a prime of the peer's own; empty where Node does not tell. */
export function exchangeGroup(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo() as { type?: unknown; name?: unknown; size?: unknown } | null;
  if (typeof info?.name === 'string') return info.name;
  return info?.type === 'DH' && typeof info.size === 'number' ? `DH-${info.size}` : '';
}
