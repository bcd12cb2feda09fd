/** What a handshake that did not finish means, from the errors of Node and OpenSSL. */
import type { Failure } from '../failure';
import { messageOf, printable } from '../text';
import type { TlsVersion, VersionRange } from './version';

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
 * @param versions what was offered
 */
export function handshakeFailure(error: unknown, versions: VersionRange): Failure {
  if (versionCodes.has(property(error, 'code'))) {
    return { reason: 'tls-version-too-low', text: versionText(versions) };
  }
  return { reason: 'tls-handshake-failed', text: `the TLS handshake failed: ${printable(wordsOf(error))}` };
}

function versionText({ minVersion, maxVersion }: VersionRange): string {
  const [least, most] = [minVersion, maxVersion].map((version) => versionNumber(version));
  if (maxVersion !== 'TLSv1.3') {
    return `the peer speaks no TLS version from ${least} to ${most}, which is all that tls.ini and the rule leave`;
  }
  if (minVersion === 'TLSv1') return `the peer speaks no TLS version from ${least} to ${most}`;
  return `TLS ${least}${least === most ? '' : ' or later'} is required, and the peer does not speak it`;
}

function versionNumber(version: TlsVersion): string {
  return version === 'TLSv1' ? '1.0' : version.slice('TLSv'.length);
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
