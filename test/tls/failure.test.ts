import { describe, expect, it, test } from 'vitest';
import { anyVersion } from '../../src/tls/version';
import { handshakeFailure } from '../../src/tls/failure';

describe('a handshake that failed', () => {
  test.each([
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls-version-too-low'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls-version-too-low'],
    ['ERR_SSL_SSLV3_ALERT_PROTOCOL_VERSION', 'tls-version-too-low'],
    ['ERR_TLS_PROTOCOL_VERSION_CONFLICT', 'tls-version-too-low'],
    ['ECONNRESET', 'tls-handshake-failed'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-handshake-failed'],
  ] as const)('%s is %s', (code, reason) => {
    expect(handshakeFailure(Object.assign(new Error('x'), { code }), anyVersion).reason).toBe(reason);
  });

  test.each([undefined, null, 'text', { code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' }])(
    'is one whatever was thrown: %j',
    (thrown) => {
      expect(handshakeFailure(thrown, anyVersion).reason).toBe('tls-handshake-failed');
    },
  );

  test.each([
    ['TLSv1.3', 'TLSv1.3', 'TLS 1.3 is required, and the peer does not speak it'],
    ['TLSv1.2', 'TLSv1.3', 'TLS 1.2 or later is required, and the peer does not speak it'],
    ['TLSv1', 'TLSv1.3', 'the peer speaks no TLS version from 1.0 to 1.3'],
    [
      'TLSv1.1',
      'TLSv1.2',
      'the peer speaks no TLS version from 1.1 to 1.2, which is all that tls.ini and the rule leave',
    ],
  ] as const)('for want of a version from %s to %s says which was wanted', (minVersion, maxVersion, text) => {
    const error = Object.assign(new Error(alert(70)), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
    expect(handshakeFailure(error, { minVersion, maxVersion }).text).toBe(text);
  });

  it('is told in the words of OpenSSL, without the lines of its source', () => {
    const message = alert(40);
    const text = 'the TLS handshake failed: ssl/tls alert handshake failure';
    const reason = 'ssl/tls alert handshake failure';
    expect(handshakeFailure(Object.assign(new Error(message), { reason }), anyVersion).text).toBe(text);
    expect(handshakeFailure(new Error(message), anyVersion).text).toBe(text);
    expect(handshakeFailure(new Error('read ECONNRESET'), anyVersion).text).toBe(
      'the TLS handshake failed: read ECONNRESET',
    );
  });
});

function alert(number: number): string {
  return (
    '800C8207997F0000:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:' +
    `../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number ${number}\n`
  );
}
