/** Finds ciphers without encryption in a list that an operator wrote. */
import { createSecureContext } from 'node:tls';
import { isSuite, tokensOf } from './ciphers';
import { encrypts } from './encrypts';

/**
 * What of `configured` does not encrypt: `eNULL` for ciphers of TLS 1.2 and older, and suites of TLS 1.3 by name. Empty for
 * none, and for a list that OpenSSL does not take.
 */
export function nullCiphersOf(configured: string): readonly string[] {
  const tokens = tokensOf(configured);
  const older = tokens.filter((token) => !isSuite(token));
  const suites = tokens.filter((token) => isSuite(token) && !encrypts(token));
  return [...(older.length > 0 && admitsNull(older) ? ['eNULL'] : []), ...suites];
}

/** `ALL` is everything but eNULL (openssl-ciphers): what is left without it. */
function admitsNull(tokens: readonly string[]): boolean {
  const ciphers = [...tokens, '-ALL', '@SECLEVEL=0'].join(':');
  try {
    createSecureContext({ ciphers, maxVersion: 'TLSv1.2' });
    return true;
  } catch {
    return false;
  }
}
