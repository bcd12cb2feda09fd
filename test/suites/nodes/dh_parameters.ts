import { getDiffieHellman } from 'node:crypto';
import { tlv } from '../../../haraka-test-harness/pki';

/** The groups of RFC 2409 and RFC 3526, PEM as PKCS #3 has them: to make some up takes minutes. */
export function dhParameters(size: '1024 bits' | '2048 bits'): string {
  const prime = getDiffieHellman(size === '1024 bits' ? 'modp2' : 'modp14').getPrime();
  const der = tlv(0x30, tlv(0x02, Buffer.from([0]), prime), tlv(0x02, Buffer.from([2])));
  return `-----BEGIN DH PARAMETERS-----\n${der.toString('base64')}\n-----END DH PARAMETERS-----\n`;
}
