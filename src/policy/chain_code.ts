/** OpenSSL's verdicts on a chain in plain words. */
import { printable } from '../text';

/** By Node's names for X509_V_ERR codes; the code stands behind the words, for those who look it up. */
const words: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed, and is not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'the chain leads to a self-signed CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT:
    'the issuer of a certificate in the chain is neither sent along nor trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the issuer of a certificate in the chain is neither sent along nor trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the issuer of the certificate is neither sent along nor trusted here',
  CERT_UNTRUSTED: 'the CA that the chain leads to is not trusted for this use',
  CERT_REJECTED: 'the CA that the chain leads to is rejected for this use',
  CERT_SIGNATURE_FAILURE: 'a signature in the chain is not right',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'a signature in the chain cannot be read',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'the key of an issuer cannot be read',
  ERROR_IN_CERT_NOT_BEFORE_FIELD: 'the date from which a certificate is valid cannot be read',
  ERROR_IN_CERT_NOT_AFTER_FIELD: 'the date until which a certificate is valid cannot be read',
  CERT_CHAIN_TOO_LONG: 'the chain is too long',
  CERT_REVOKED: 'a certificate in the chain is revoked',
  INVALID_CA: 'a certificate in the chain is used as a CA, and is none',
  PATH_LENGTH_EXCEEDED: 'a CA in the chain may not stand above so many others',
  INVALID_PURPOSE: 'a certificate in the chain is not for servers',
  UNSPECIFIED:
    'OpenSSL does not say why; as a rule a key or a signature in the chain is too weak, such as one with SHA-1',
};

/** @param code such as `CERT_UNTRUSTED` */
export function chainCodeText(code: string): string {
  const said = Object.hasOwn(words, code) ? words[code] : undefined;
  return `the certificate does not verify: ${said === undefined ? printable(code) : `${said} (${code})`}`;
}
