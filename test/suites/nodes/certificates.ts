/** The certificates that peers show in the table: sound ones, and ones that are weak in one place. */
import { createHash } from 'node:crypto';
import {
  chainPem,
  createCa,
  createKey,
  intermediate,
  issue,
  type Issued,
} from '../../../haraka-test-harness/pki';

export interface Shown {
  /** Leaf first, as it is sent. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** What a sender is told to trust. */
  readonly rootPem: string;
  /** The data of `3 1 1`, hex. */
  readonly publicKeyDigest: string;
  /** The data of `2 0 1` for the certificate that issued the leaf, hex. It is sent. */
  readonly issuerDigest: string;
  /** SHA-256 of the leaf, hex. */
  readonly fingerprint: string;
}

export const certificateKinds = [
  'ec',
  'rsa-2048',
  'p521',
  'ed25519',
  'leaf-1024',
  'intermediate-1024',
  'root-1024',
  'leaf-sha1',
  'intermediate-sha1',
  'root-sha1',
] as const;
export type CertificateKind = (typeof certificateKinds)[number];

/** Root, intermediate, leaf; the intermediate is sent along. All are for the same hosts. */
export async function makeCertificates(hosts: readonly string[]): Promise<Record<CertificateKind, Shown>> {
  const strong = createKey('rsa');
  const weak = createKey('rsa-1024');
  const made: [CertificateKind, Shown][] = [];
  for (const kind of certificateKinds) {
    const sha1 = { digest: 'SHA-1' } as const;
    const root = await createCa({
      commonName: `Root ${kind}`,
      key: kind === 'root-1024' ? weak : strong,
      ...(kind === 'root-sha1' ? sha1 : {}),
    });
    const ca = await intermediate(root, {
      commonName: `Issuer ${kind}`,
      key: kind === 'intermediate-1024' ? weak : createKey('rsa'),
      ...(kind === 'intermediate-sha1' ? sha1 : {}),
    });
    const leaf = await issue(ca, {
      dnsNames: hosts,
      key: createKey(leafKeys[kind] ?? 'rsa'),
      ...(kind === 'leaf-sha1' ? sha1 : {}),
    });
    made.push([kind, shown(leaf, ca, root)]);
  }
  return Object.fromEntries(made) as Record<CertificateKind, Shown>;
}

const leafKeys = {
  ec: 'ec',
  p521: 'ec-p521',
  ed25519: 'ed25519',
  'leaf-1024': 'rsa-1024',
} as const satisfies Partial<Record<CertificateKind, string>> as Partial<
  Record<CertificateKind, 'ec' | 'ec-p521' | 'ed25519' | 'rsa-1024'>
>;

function shown(leaf: Issued, ca: Issued, root: Issued): Shown {
  return {
    chainPem: chainPem(leaf, ca),
    keyPem: leaf.keyPem,
    rootPem: root.certPem,
    publicKeyDigest: digest(leaf.key.spki),
    issuerDigest: digest(ca.certDer),
    fingerprint: digest(leaf.certDer),
  };
}

function digest(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}
