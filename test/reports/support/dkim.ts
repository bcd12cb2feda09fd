/** Keys that sign and records that vouch for them. */
import { createKey } from '../../../haraka-test-harness/pki';

export interface Signing {
  /** PEM. */
  readonly privateKey: string;
  /** The TXT record. */
  readonly record: string;
}

/** @param bits 1024 sign five times as fast, and are the least that counts (RFC 8301 section 3.2) */
export function signingKey(tags = '', bits: 1024 | 2048 = 2048): Signing {
  const { pem, spki } = createKey(bits === 1024 ? 'rsa-1024' : 'rsa');
  return { privateKey: pem, record: `v=DKIM1; k=rsa; ${tags}p=${spki.toString('base64')}` };
}

/** What Haraka's dkim plugin has in its configuration, for `domain`. */
export function dkimConfig(domain: string, { privateKey }: Signing): Record<string, string> {
  return { [`dkim/${domain}/private`]: privateKey, [`dkim/${domain}/selector`]: 'sel\n' };
}

/** A resolver for mailauth that knows these TXT records and no others. */
export function txtResolver(records: Readonly<Record<string, string>>) {
  return (name: string, type: string): Promise<string[][]> => {
    const record = records[name];
    if (type === 'TXT' && record !== undefined) return Promise.resolve([[record]]);
    return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  };
}
