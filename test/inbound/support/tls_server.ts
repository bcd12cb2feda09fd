/** What Haraka's own tls plugin needs, with TLS 1.0 admitted. */
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import { dhParameters } from '../../../haraka-test-harness/dh_parameters';

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
    'dhparams.pem': dhParameters,
  };
}
