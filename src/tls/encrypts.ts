/** Everything that ever encrypted a TLS record, by the names of OpenSSL and IANA. */
const encrypting = /AES|CHACHA20|CAMELLIA|ARIA|SEED|IDEA|DES|RC4|RC2|SM4|GOST89|KUZNYECHIK|MAGMA|28147/i;

/**
 * Whether a cipher encrypts. One that is not known does not: those with integrity alone need not say NULL (RFC 9150:
 * `TLS_SHA256_SHA256`).
 *
 * @param name OpenSSL's or IANA's
 */
export function encrypts(name: string): boolean {
  return encrypting.test(name) && !/NULL/i.test(name);
}
