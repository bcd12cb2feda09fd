/** What a handshake is asked for whose chain OpenSSL verifies while it lasts: policy hosts, resolvers over TLS. */
import type { SecureContextOptions } from 'node:tls';
import { cipherList } from './ciphers';
import { groupList } from './groups';

/** For `createSecureContext`, beside the roots. As for a delivery that verifies a chain (`handshakeOptions`). */
export function verifiedContext(): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: cipherList('', { securityLevel: 2, certificate: 'enforced' }).ciphers,
    ecdhCurve: groupList('default'),
  };
}
