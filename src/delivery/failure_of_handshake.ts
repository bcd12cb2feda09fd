import type { Failure } from '../failure';
import { messageOf, printable } from '../text';

/** OpenSSL's and Node's codes for "no version in common", on our side or as an alert from the peer. */
const versionCodes = new Set([
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_SSLV3_ALERT_PROTOCOL_VERSION',
  'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
]);

/** What a handshake that did not finish means. */
export function handshakeFailure(error: unknown): Failure {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  const text = printable(messageOf(error));
  if (versionCodes.has(code)) {
    return { reason: 'tls-version-too-low', text: `no TLS version in common with the peer: ${text}` };
  }
  return { reason: 'tls-handshake-failed', text: `the TLS handshake failed: ${text}` };
}
