/** What is too weak to prove anything: below 112 bits, OpenSSL's security level 2 and its default since 3.2. */
import { MalformedDer, children, expectTag, readOid, soleElement, tags } from './der';
import type { DerElement } from './der';

/** A key is sound, or one phrase says why it is not. */
export type Strength = { readonly kind: 'sound' } | { readonly kind: 'weak'; readonly text: string };

const sound: Strength = { kind: 'sound' };

/** A modulus of 2048 bits may begin with a few zero bits. */
const minimumModulus = 2040;

const strongCurves = new Set([
  '1.3.132.0.33', // P-224
  '1.2.840.10045.3.1.7', // P-256
  '1.3.132.0.34', // P-384
  '1.3.132.0.35', // P-521
  '1.3.132.0.10', // secp256k1
  '1.3.36.3.3.2.8.1.1.7', // brainpoolP256r1
  '1.3.36.3.3.2.8.1.1.9', // brainpoolP320r1
  '1.3.36.3.3.2.8.1.1.11', // brainpoolP384r1
  '1.3.36.3.3.2.8.1.1.13', // brainpoolP512r1
]);

const keyKinds = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

/**
 * Whether signatures by the key of this SubjectPublicKeyInfo (DER) prove anything. Read here rather than from a
 * `KeyObject`, which takes several times as long.
 */
export function keyStrength(publicKeyInfo: Uint8Array): Strength {
  try {
    const [algorithm, key] = children(soleElement(publicKeyInfo, tags.sequence));
    const [kind, parameters] = children(expectTag(algorithm, tags.sequence));
    const oid = readOid(kind);
    switch (oid) {
      case keyKinds.rsa:
      case keyKinds.rsaPss:
        return modulusStrength(expectTag(key, tags.bitString));
      case keyKinds.ec:
        return curveStrength(parameters);
      case keyKinds.ed25519:
      case keyKinds.ed448:
        return sound;
      default:
        return { kind: 'weak', text: `a key of the unsupported kind ${oid}` };
    }
  } catch (error) {
    if (error instanceof MalformedDer) return { kind: 'weak', text: 'a key that is malformed' };
    throw error;
  }
}

/** RFC 8017 appendix A.1.1: the modulus comes first. */
function modulusStrength(key: DerElement): Strength {
  const [modulus] = children(soleElement(key.value.subarray(1), tags.sequence));
  const octets = expectTag(modulus, tags.integer).value;
  const leading = octets.findIndex((octet) => octet !== 0);
  const bits = leading < 0 ? 0 : (octets.length - leading) * 8 - (Math.clz32(octets[leading] ?? 0) - 24);
  return bits >= minimumModulus ? sound : { kind: 'weak', text: `an RSA key of only ${bits} bits` };
}

/** RFC 5480 section 2.1.1: curves have names here; parameters spelt out are not allowed. */
function curveStrength(parameters: DerElement | undefined): Strength {
  const curve = parameters?.tag === tags.oid ? readOid(parameters) : 'without a name';
  return strongCurves.has(curve) ? sound : { kind: 'weak', text: `a key on the curve ${curve}` };
}

const strongSignatures = new Set([
  '1.2.840.113549.1.1.14', // RSA with SHA-224
  '1.2.840.113549.1.1.11', // ... SHA-256
  '1.2.840.113549.1.1.12', // ... SHA-384
  '1.2.840.113549.1.1.13', // ... SHA-512
  '1.2.840.10045.4.3.1', // ECDSA with SHA-224
  '1.2.840.10045.4.3.2', // ... SHA-256
  '1.2.840.10045.4.3.3', // ... SHA-384
  '1.2.840.10045.4.3.4', // ... SHA-512
  '2.16.840.1.101.3.4.3.1', // DSA with SHA-224
  '2.16.840.1.101.3.4.3.2', // ... SHA-256
  '1.3.101.112', // Ed25519
  '1.3.101.113', // Ed448
]);

const weakSignatureNames = new Map([
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
]);

const rsaPss = '1.2.840.113549.1.1.10';
const strongDigests = new Set([
  '2.16.840.1.101.3.4.2.1',
  '2.16.840.1.101.3.4.2.2',
  '2.16.840.1.101.3.4.2.3',
  '2.16.840.1.101.3.4.2.4',
]);

/** Whether a signature with this AlgorithmIdentifier (DER) proves anything. */
export function signatureStrength(algorithm: Uint8Array): Strength {
  try {
    const [oidElement, parameters] = children(soleElement(algorithm, tags.sequence));
    const oid = readOid(oidElement);
    if (oid === rsaPss) return pssStrength(parameters?.raw);
    if (strongSignatures.has(oid)) return sound;
    return { kind: 'weak', text: `a signature with ${weakSignatureNames.get(oid) ?? `algorithm ${oid}`}` };
  } catch (error) {
    if (error instanceof MalformedDer)
      return { kind: 'weak', text: 'a signature algorithm that is malformed' };
    throw error;
  }
}

/** RFC 4055 section 3.1: the digest is the first parameter, SHA-1 where it is left out. */
function pssStrength(parameters: Uint8Array | undefined): Strength {
  const list = parameters ? children(soleElement(parameters, tags.sequence)) : [];
  const digest = list.find(({ tag }) => tag === 0xa0);
  const oid = digest ? readOid(children(soleElement(digest.value, tags.sequence))[0]) : 'SHA-1';
  return strongDigests.has(oid) ? sound : { kind: 'weak', text: `an RSA-PSS signature with ${oid}` };
}
