/** Certificates and keys in PEM files: which key belongs to which chain. Pure. */
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { messageOf } from '../text';

export interface PemFile {
  /** For people. */
  readonly name: string;
  readonly text: string;
}

/** A chain as a server sends it, with the key of its leaf. */
export interface KeyPair {
  readonly file: string;
  readonly leaf: X509Certificate;
  /** Leaf first. */
  readonly chainPem: string;
  readonly chainLength: number;
  readonly keyPem: string;
}

export interface PemContents {
  /** The certificates in the order in which they stand; the first one is taken for the leaf. */
  readonly chain: readonly { readonly pem: string; readonly certificate: X509Certificate }[];
  /** Names the public key of the leaf; empty without a chain. */
  readonly leafKey: string;
  readonly keys: readonly { readonly pem: string; readonly publicKey: string }[];
  /** What could not be read, for people. */
  readonly problems: readonly string[];
}

export type NamedContents = PemContents & Pick<PemFile, 'name'>;

const block = /-----BEGIN ((?:[A-Z0-9]+ )*(?:CERTIFICATE|PRIVATE KEY))-----[^-]+-----END \1-----/g;

/** Everything readable in one file; other kinds of blocks and text between them are passed over. */
export function readPem({ name, text }: PemFile): PemContents {
  const chain: { pem: string; certificate: X509Certificate }[] = [];
  const keys: { pem: string; publicKey: string }[] = [];
  const problems: string[] = [];
  let leafKey = '';
  for (const [pem, kind = ''] of text.matchAll(block)) {
    try {
      if (kind.endsWith('PRIVATE KEY')) keys.push({ pem, publicKey: spki(createPrivateKey(pem)) });
      else if (kind === 'CERTIFICATE') {
        const certificate = new X509Certificate(pem);
        // Throws where OpenSSL does not know the algorithm of the key.
        if (chain.length === 0) leafKey = spki(certificate.publicKey);
        chain.push({ pem, certificate });
      }
    } catch (error) {
      problems.push(`${name}: a ${kind} in it cannot be read: ${messageOf(error)}`);
    }
  }
  return { chain, leafKey, keys, problems };
}

export interface Paired {
  readonly pairs: readonly KeyPair[];
  /** Chains alone. */
  readonly keyless: readonly Pick<KeyPair, 'file' | 'leaf'>[];
  readonly problems: readonly string[];
}

export function pairKeys(files: readonly PemFile[]): Paired {
  return pairContents(files.map((file) => ({ name: file.name, ...readPem(file) })));
}

/** Every chain whose key is there too, wherever it stands. Keys alone, and chains alone, are no fault. */
export function pairContents(contents: readonly NamedContents[]): Paired {
  const keys = new Map(
    contents.flatMap(({ keys }) => keys.map(({ pem, publicKey }) => [publicKey, pem] as const)),
  );
  const pairs = contents.flatMap(({ name, chain, leafKey }): KeyPair[] => {
    const [leaf] = chain;
    const keyPem = keys.get(leafKey);
    if (leaf === undefined || keyPem === undefined) return [];
    const chainPem = chain.map(({ pem }) => `${pem}\n`).join('');
    return [{ file: name, leaf: leaf.certificate, chainPem, chainLength: chain.length, keyPem }];
  });
  const keyless = contents.flatMap(({ name, chain: [leaf], leafKey }) =>
    leaf === undefined || keys.has(leafKey) ? [] : [{ file: name, leaf: leaf.certificate }],
  );
  return { pairs, keyless, problems: contents.flatMap(({ problems }) => problems) };
}

/** Names a public key. */
function spki(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}

/**
 * The best of several pairs for the same name: one that is valid now, then the one that is valid longest, then the one
 * that sends most of its chain along.
 */
export function best(pairs: readonly KeyPair[], now: Date): KeyPair | undefined {
  const rank = (pair: KeyPair) => [isValid(pair, now) ? 1 : 0, endOf(pair), pair.chainLength] as const;
  return [...pairs].sort((a, b) => compare(rank(b), rank(a)))[0];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isValid({ leaf }: KeyPair, now: Date): boolean {
  return Date.parse(leaf.validFrom) <= now.getTime() && now.getTime() < Date.parse(leaf.validTo);
}

function endOf({ leaf }: KeyPair): number {
  return Date.parse(leaf.validTo);
}
