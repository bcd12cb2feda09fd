/** Keys that sign and records that vouch for them. */
import { generateKeyPairSync } from 'node:crypto';

export interface Signing {
  /** PEM. */
  readonly privateKey: string;
  /** The TXT record. */
  readonly record: string;
}

export function signingKey(tags = ''): Signing {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    record: `v=DKIM1; k=rsa; ${tags}p=${spki}`,
  };
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
