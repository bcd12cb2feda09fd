/**
 * OpenSSL's security level: how strong the peer's keys, signatures, DH parameters and ciphers have to be. OpenSSL's own
 * default is not the same in every Node, so each handshake is told. Pure.
 */
import type { HandshakeTerms } from './handshake_terms';
import { needsLoweredSecurityLevel, type TlsVersion } from './version';

/** 0: nearly anything. 1: 80 bits (DH and RSA of 1024 bits, no SHA-1). 2: 112 bits (2048 bits). */
export type SecurityLevel = 0 | 1 | 2;

/**
 * The level for a handshake.
 *
 * 2 where OpenSSL's verdict on the chain is enforced. Everything else judges the certificates by itself, or not at all, and
 * 1 leaves it the peers with 1024 bits: encryption with them beats none. TLS 1.0 and 1.1 sign with SHA-1, which only 0 lets
 * through.
 *
 * @param minVersion the lowest that is offered, where tls.ini has raised it
 */
export function securityLevelOf(
  terms: Pick<HandshakeTerms, 'chain' | 'minVersion'>,
  minVersion: TlsVersion = terms.minVersion,
): SecurityLevel {
  if (terms.chain === 'enforced') return 2;
  return needsLoweredSecurityLevel(minVersion) ? 0 : 1;
}
