/**
 * Handshakes whose chain OpenSSL verifies while they last, with policy hosts (RFC 8461 section 3.3) and with resolvers over
 * TLS (RFC 8310 section 8.1). As for a delivery that verifies a chain (`handshakeOptions`): TLS 1.2 or later, and keys and
 * signatures of 112 bits.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { sanMatches } from '../x509/names';
import { cipherList } from './ciphers';
import { groupList } from './groups';
import { rootsDigest, trusting } from './roots';

/** For `createSecureContext`, beside the roots. */
export function verifiedContextOptions(): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: cipherList('', { securityLevel: 2, certificate: 'enforced' }).ciphers,
    ecdhCurve: groupList('default'),
  };
}

/** A context takes up to a hundred certificates to build, and few sets of roots are in use at a time. */
const contexts = new LRUCache<string, SecureContext>({ max: 32 });

/**
 * A context that trusts the default roots and those of `extraRoots` (PEM, empty for none). Connections share it, sessions
 * they do not.
 *
 * @throws where `extraRoots` holds no readable certificate.
 */
export function verifiedContext(extraRoots: string): SecureContext {
  const digest = rootsDigest(extraRoots);
  const known = contexts.get(digest);
  if (known !== undefined) return known;
  const context = createSecureContext({ ...trusting(extraRoots), ...verifiedContextOptions() });
  contexts.set(digest, context);
  return context;
}

/**
 * What `checkServerIdentity` answers: the error where no DNS-ID of the certificate covers `name`. A common name never counts,
 * and neither does a partial wildcard (RFC 6125 section 6.4).
 *
 * @param name in canonical form
 * @param der the certificate of the server
 */
export function nameError(name: string, der: Uint8Array): Error | undefined {
  const certificate = new X509Certificate(der);
  if (sanMatches(certificate, name)) return undefined;
  const names = certificate.subjectAltName ?? 'no names';
  return new Error(`the certificate is for ${names}, not for ${name}`);
}
