/** What came of a handshake, as the checks read it. */
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../text';
import type { PeerCertificates } from '../x509/peer_certificates';
import type { TrustedRoots } from '../x509/roots';
import type { HandshakeTerms } from './handshake_terms';
import { trustedRoots } from './roots';
import { securityLevelOf, type SecurityLevel } from './security_level';
import { peerCertificates } from './sent_chain';

/** A handshake that is done. */
export interface TlsSession {
  /** What `TLSSocket.getProtocol()` reports. */
  readonly protocol: string | null;
  /** OpenSSL's name of it. */
  readonly cipher: string;
  /** The key exchange group such as `X25519MLKEM768`; empty where Node does not tell. Not judged. */
  readonly group: string;
  /** What the peer sent. Most requirements need no more than the octets of the leaf. */
  readonly certificates: PeerCertificates;
  /** OpenSSL's verdict on the chain alone: `trusted`, or its error code such as `CERT_HAS_EXPIRED`. */
  readonly chainVerdict: string;
  /** At which level that verdict was passed: below 2 it says nothing of how strong keys and signatures are. */
  readonly securityLevel: SecurityLevel;
  /** What that verdict trusted. */
  readonly roots: () => TrustedRoots;
}

/**
 * The facts of a handshake that is done. The chain can be read once, and only while the connection lives: to judge
 * later, ask for it before that.
 *
 * @param terms those that the handshake was begun with (`handshakeOptions`)
 * @param certificates for callers that have the leaf already
 */
export function sessionFacts(
  socket: TLSSocket,
  terms: HandshakeTerms,
  certificates: PeerCertificates = peerCertificates(socket),
): TlsSession {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    group: exchangeGroup(socket),
    certificates,
    // Typed as an Error, but a code such as `CERT_HAS_EXPIRED`.
    chainVerdict: socket.authorized ? 'trusted' : messageOf(socket.authorizationError),
    securityLevel: securityLevelOf(terms),
    roots: () => trustedRoots(terms.extraRoots ?? ''),
  };
}

/** The key exchange group, `DH-2048` where it is a prime of the peer's own; empty where Node does not tell. */
export function exchangeGroup(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo() as { type?: unknown; name?: unknown; size?: unknown } | null;
  if (typeof info?.name === 'string') return info.name;
  return info?.type === 'DH' && typeof info.size === 'number' ? `DH-${info.size}` : '';
}
