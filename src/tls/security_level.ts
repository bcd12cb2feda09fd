/**
 * OpenSSL's security level: how strong the peer's keys, signatures, DH parameters and ciphers have to be. OpenSSL's own
 * default is not the same in every Node, so each handshake is told. Pure.
 */
import { observedBy } from '../policy/observed';
import type { EncryptedRequirement, OpportunisticRequirement, TlsVersion } from '../policy/requirement';
import { needsLoweredSecurityLevel } from './version';

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
  requirement: EncryptedRequirement | OpportunisticRequirement,
  minVersion: TlsVersion = requirement.minVersion,
): SecurityLevel {
  if (requirement.kind === 'encrypted' && 'pkix' in requirement.authentication) return 2;
  return needsLoweredSecurityLevel(minVersion) ? 0 : 1;
}

/** How far a handshake depends on the peer's showing a certificate. */
export type CertificateUse =
  /** It fails without one. */
  | 'enforced'
  /** It is looked at, and stops nothing. */
  | 'observed'
  | 'none';

export function certificateUse(requirement: EncryptedRequirement | OpportunisticRequirement): CertificateUse {
  if (requirement.kind === 'encrypted' && requirement.authentication.kind !== 'none') return 'enforced';
  return observedBy(requirement).some(({ authentication }) => authentication.kind !== 'none')
    ? 'observed'
    : 'none';
}
