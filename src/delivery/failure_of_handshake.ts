import type { Failure } from '../failure';
import type { TlsVersion } from '../policy/requirement';
import { messageOf, printable } from '../text';

/** OpenSSL's and Node's codes for "no version in common", on our side or as an alert from the peer. */
const versionCodes = new Set([
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_SSLV3_ALERT_PROTOCOL_VERSION',
  'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
]);

/**
 * What a handshake that did not finish means.
 *
 * @param minVersion the lowest version that was offered
 */
export function handshakeFailure(error: unknown, minVersion: TlsVersion): Failure {
  if (versionCodes.has(property(error, 'code'))) {
    return { reason: 'tls-version-too-low', text: versionText(minVersion) };
  }
  return { reason: 'tls-handshake-failed', text: `the TLS handshake failed: ${printable(wordsOf(error))}` };
}

function versionText(minVersion: TlsVersion): string {
  if (minVersion === 'TLSv1') return 'the peer speaks no TLS version from 1.0 to 1.3';
  const wanted = minVersion.replace('TLSv', 'TLS ');
  const orLater = minVersion === 'TLSv1.3' ? '' : ' or later';
  return `${wanted}${orLater} is required, and the peer does not speak it`;
}

/** OpenSSL's own words for the error, where Node hands them on; its messages hold lines of OpenSSL's source as well. */
function wordsOf(error: unknown): string {
  const reason = property(error, 'reason');
  if (reason !== '') return reason;
  const message = messageOf(error);
  return /^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/i.exec(message)?.[1] ?? message.trim();
}

function property(error: unknown, key: 'code' | 'reason'): string {
  const value: unknown = error instanceof Error ? Reflect.get(error, key) : undefined;
  return typeof value === 'string' ? value : '';
}
