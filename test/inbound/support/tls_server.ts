/** What Haraka's own tls plugin needs, with TLS 1.0 admitted. */
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';

/** The group ffdhe2048 of RFC 7919; without a file, Haraka spends half a minute on making one up. */
const dhparams = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`;

/** Files below config/. `host` is what the certificate names. */
export async function tlsConfig(
  host: string,
  lowest: 'TLSv1' | 'TLSv1.2' = 'TLSv1',
): Promise<Record<string, string>> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate(host, 'trusted');
  const ciphers = lowest === 'TLSv1' ? 'ciphers=DEFAULT@SECLEVEL=0\n' : '';
  return {
    'tls.ini': `[main]\nminVersion=${lowest}\n${ciphers}`,
    'tls_key.pem': keyPem,
    'tls_cert.pem': chainPem,
    'dhparams.pem': dhparams,
  };
}
