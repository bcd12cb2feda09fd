/**
 * Certificates for tests and for the lab: roots, intermediates and leaves, sound or faulty in one chosen way.
 *
 * Keys may be shared between certificates, which is how renewals, cross-signed intermediates and reused keys are made.
 * RSA keys take long to generate: they are kept on disk, and come round again.
 */
import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  webcrypto,
  type KeyObject,
} from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';
import { keptKey } from './kept_keys';

type WebKey = webcrypto.CryptoKey;

// Where the library of the DOM is known as well, it has a type of its own for the same thing.
cryptoProvider.set(webcrypto as never);

export type KeyType = 'ec' | 'ec-p384' | 'ec-p521' | 'rsa' | 'rsa-1024' | 'ed25519';

/** A private key in the forms that certificates, servers and tests need. */
export interface Key {
  readonly type: KeyType;
  readonly pem: string;
  /** The SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** Extended key usages by their usual names. */
export const purposes = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  any: '2.5.29.37.0',
} as const;
export type Purpose = keyof typeof purposes;

/** Which certificates a CA may issue (RFC 5280 section 4.2.1.10), for the kinds of name that tests use. */
export interface NameConstraints {
  readonly permitted?: readonly ConstrainedName[];
  readonly excluded?: readonly ConstrainedName[];
  /** Default true. */
  readonly critical?: boolean;
}
export type ConstrainedName =
  | { readonly dns: string }
  | { readonly email: string }
  /** Address and mask, such as `c0000200ffffff00`. */
  | { readonly ipHex: string };

export interface CertificateOptions {
  /** The subject's common name. Default: the first DNS name, or `Test CA`; empty for an empty subject. */
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly emails?: readonly string[];
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in thirty days. */
  readonly notAfter?: Date;
  /** A type to generate, or a key to reuse. Default `ec` (P-256). */
  readonly key?: KeyType | Key;
  /** The digest of the issuer's signature on this certificate; Ed25519 has its own. Default `SHA-256`. */
  readonly digest?: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** basicConstraints. Default: `ca` for `createCa` and `intermediate`, `leaf` for `issue`. */
  readonly basicConstraints?: 'ca' | 'leaf' | 'absent';
  readonly pathLength?: number;
  /** Default: keyCertSign for a CA, digitalSignature for a leaf. */
  readonly keyUsage?: 'ca' | 'leaf' | 'absent';
  /** Default: serverAuth for a leaf, no extension for a CA. An empty list leaves the extension out. */
  readonly purposes?: readonly Purpose[];
  readonly nameConstraints?: NameConstraints;
  /** Leaves both key identifiers out. */
  readonly keyIdentifiers?: 'absent';
  /** Further extensions, for what is not foreseen here. `valueHex` is the DER inside the OCTET STRING. */
  readonly extensions?: readonly {
    readonly oid: string;
    readonly critical: boolean;
    readonly valueHex: string;
  }[];
}

/** A certificate with its private key. */
export interface Issued {
  readonly certPem: string;
  readonly certDer: Buffer;
  readonly keyPem: string;
  readonly key: Key;
  /** The distinguished name, as an issuer name for others. */
  readonly subject: string;
}

/** RSA keys take about 100 ms each, and come round again: no chain has as many. */
const ringSize = 8;
const rings: Partial<Record<KeyType, { readonly keys: Key[]; next: number }>> = {};

/** @returns a key that none of the seven before it was; where making one is cheap, a fresh one. */
export function createKey(type: KeyType): Key {
  if (type !== 'rsa' && type !== 'rsa-1024') return keyOf(type, pemOf(generate(type).privateKey));
  const ring = (rings[type] ??= { keys: [], next: 0 });
  const at = ring.next++ % ringSize;
  return (ring.keys[at] ??= keyOf(
    type,
    keptKey(`${type}-${at}`, () => pemOf(generate(type).privateKey)),
  ));
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function keyOf(type: KeyType, pem: string): Key {
  return { type, pem, spki: createPublicKey(pem).export({ type: 'spki', format: 'der' }) };
}

/** A self-signed root. */
export async function createCa(options: CertificateOptions = {}): Promise<Issued> {
  return build(undefined, { commonName: 'Test CA', ...caDefaults, ...options });
}

/** A CA certificate signed by `ca`. */
export async function intermediate(ca: Issued, options: CertificateOptions = {}): Promise<Issued> {
  return build(ca, { commonName: 'Test Intermediate', ...caDefaults, ...options });
}

/** A server certificate signed by `ca`. */
export async function issue(ca: Issued, options: CertificateOptions = {}): Promise<Issued> {
  return build(ca, { ...leafDefaults, ...options });
}

/** A server certificate signed by its own key. */
export async function selfSigned(options: CertificateOptions = {}): Promise<Issued> {
  return build(undefined, { ...leafDefaults, ...options });
}

/** The PEM of a chain in the order in which a server sends it. */
export function chainPem(...chain: readonly Issued[]): string {
  return chain.map(({ certPem }) => certPem).join('');
}

const caDefaults = { basicConstraints: 'ca', keyUsage: 'ca', purposes: [] } as const;
const leafDefaults = { basicConstraints: 'leaf', keyUsage: 'leaf', purposes: ['serverAuth'] } as const;

const hour = 3600_000;

async function build(issuer: Issued | undefined, options: CertificateOptions): Promise<Issued> {
  const key =
    typeof options.key === 'object' ? options.key : createKey(options.key ?? ('ec' satisfies KeyType));
  const digest = options.digest ?? 'SHA-256';
  const signer = issuer?.key ?? key;
  const commonName = options.commonName ?? options.dnsNames?.[0] ?? '';
  const subject = commonName === '' ? '' : `CN=${commonName.replace(/[,+"\\<>;=#]/g, '\\$&')}`;
  const publicKey = await webKey(key, digest, 'verify');
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: options.notBefore ?? new Date(Date.now() - hour),
    notAfter: options.notAfter ?? new Date(Date.now() + 30 * 24 * hour),
    publicKey,
    signingKey: await webKey(signer, digest, 'sign'),
    signingAlgorithm: algorithm(signer.type, digest),
    extensions: await extensions(options, publicKey, signer),
  });
  const certPem = `${certificate.toString('pem')}\n`;
  return { certPem, certDer: Buffer.from(certificate.rawData), keyPem: key.pem, key, subject };
}

async function extensions(options: CertificateOptions, publicKey: WebKey, signer: Key): Promise<Extension[]> {
  const list: Extension[] = [];
  if (options.basicConstraints !== 'absent') {
    list.push(new BasicConstraintsExtension(options.basicConstraints === 'ca', options.pathLength, true));
  }
  if (options.keyUsage !== 'absent') {
    const usage = options.keyUsage === 'ca' ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature;
    list.push(new KeyUsagesExtension(usage, true));
  }
  if (options.purposes !== undefined && options.purposes.length > 0) {
    list.push(new ExtendedKeyUsageExtension(options.purposes.map((name) => purposes[name])));
  }
  const names = [
    ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(options.emails ?? []).map((value) => ({ type: 'email' as const, value })),
  ];
  if (names.length > 0) list.push(new SubjectAlternativeNameExtension(names));
  if (options.nameConstraints) list.push(nameConstraints(options.nameConstraints));
  if (options.keyIdentifiers !== 'absent') {
    const issuerKey = await webKey(signer, 'SHA-256', 'verify');
    list.push(await SubjectKeyIdentifierExtension.create(publicKey));
    list.push(await AuthorityKeyIdentifierExtension.create(issuerKey));
  }
  for (const { oid, critical, valueHex } of options.extensions ?? []) {
    list.push(new Extension(oid, critical, Buffer.from(valueHex, 'hex')));
  }
  return list;
}

function nameConstraints({ permitted, excluded, critical = true }: NameConstraints): Extension {
  const subtrees = (tag: number, names: readonly ConstrainedName[] = []) =>
    names.length === 0
      ? Buffer.alloc(0)
      : tlv(tag, ...names.map((name) => tlv(0x30, tlv(...generalName(name)))));
  const value = tlv(0x30, subtrees(0xa0, permitted), subtrees(0xa1, excluded));
  return new Extension('2.5.29.30', critical, new Uint8Array(value));
}

function generalName(name: ConstrainedName): [tag: number, value: Buffer] {
  if ('dns' in name) return [0x82, Buffer.from(name.dns)];
  if ('email' in name) return [0x81, Buffer.from(name.email)];
  return [0x87, Buffer.from(name.ipHex, 'hex')];
}

/** One DER element. */
export function tlv(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function generate(type: KeyType): { privateKey: KeyObject } {
  switch (type) {
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ec-p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'rsa-1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
  }
}

function algorithm(type: KeyType, hash: string) {
  switch (type) {
    case 'ec':
      return { name: 'ECDSA', namedCurve: 'P-256', hash };
    case 'ec-p384':
      return { name: 'ECDSA', namedCurve: 'P-384', hash };
    case 'ec-p521':
      return { name: 'ECDSA', namedCurve: 'P-521', hash };
    case 'rsa':
    case 'rsa-1024':
      return { name: 'RSASSA-PKCS1-v1_5', hash };
    case 'ed25519':
      return { name: 'Ed25519' };
  }
}

/** In the form that certificates are made of, by digest and use. */
const webKeys = new WeakMap<Key, Map<string, Promise<WebKey>>>();

function webKey(key: Key, digest: string, use: 'sign' | 'verify'): Promise<WebKey> {
  const known = webKeys.get(key) ?? new Map<string, Promise<WebKey>>();
  webKeys.set(key, known);
  const name = `${use} ${digest}`;
  const made = known.get(name) ?? imported(key, algorithm(key.type, digest), use);
  known.set(name, made);
  return made;
}

function imported(key: Key, by: ReturnType<typeof algorithm>, use: 'sign' | 'verify'): Promise<WebKey> {
  if (use === 'verify') return webcrypto.subtle.importKey('spki', key.spki, by, true, [use]);
  const pkcs8 = createPrivateKey(key.pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, by, true, [use]);
}
