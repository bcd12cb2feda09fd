/**
 * The key exchange groups that a handshake offers. OpenSSL's own default differs from one Node to the next, and since
 * OpenSSL 3.5 it sends a key share of ML-KEM, with which the hello is longer than one TCP segment: middleboxes before many
 * MX hosts wait for the rest of it for ever.
 */
import { createSecureContext } from 'node:tls';

/** `classic`: without ML-KEM, for a host at which the other one stalled. */
export const hellos = ['default', 'classic'] as const;
export type Hello = (typeof hellos)[number];

/**
 * P-521 stays for certificates with such keys (RFC 8422 section 5.1), the two of RFC 7919 for peers whose TLS 1.3 knows no
 * curves. ffdhe is what OpenSSL's default has, too.
 */
const classic = 'X25519:P-256:X448:P-384:P-521:ffdhe2048:ffdhe3072';

/**
 * The star marks the one group of which a key share is sent. A peer that prefers ML-KEM asks for it (HelloRetryRequest,
 * RFC 8446 section 4.1.4).
 */
const withMlKem = '*X25519:X25519MLKEM768:P-256:X448:P-384:P-521:ffdhe2048:ffdhe3072';

let chosen: string | undefined;

/** What `ecdhCurve` says. The best list that this Node's OpenSSL takes is found by trial, once. */
export function groupList(hello: Hello): string {
  if (hello === 'classic') return classic;
  return (chosen ??= isTaken(withMlKem) ? withMlKem : classic);
}

/** Whether there is a point in a second try with the other hello. */
export function hasClassicHello(): boolean {
  return groupList('default') !== groupList('classic');
}

function isTaken(list: string): boolean {
  try {
    createSecureContext({ ecdhCurve: list });
    return true;
  } catch {
    return false;
  }
}
