/** What is too weak to prove anything: below 112 bits, OpenSSL's security level 2 and its default since 3.2. */
import type { KeyObject } from 'node:crypto';
import { MalformedDer, children, readOid, soleElement, tags } from './der';

/** A key is sound, or one phrase says why it is not. */
export type Strength = { readonly kind: 'sound' } | { readonly kind: 'weak'; readonly text: string };

const sound: Strength = { kind: 'sound' };

/** A modulus of 2048 bits may begin with a few zero bits. */
const minimumModulus = 2040;

const strongCurves = new Set([
  'prime256v1',
  'secp384r1',
  'secp521r1',
  'secp224r1',
  'secp256k1',
  'brainpoolP256r1',
  'brainpoolP320r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
]);

/** Whether signatures of `key` prove anything. */
export function keyStrength(key: KeyObject | 'unsupported'): Strength {
  if (key === 'unsupported') return { kind: 'weak', text: 'a key of an unsupported kind' };
  const type = key.asymmetricKeyType ?? 'unknown';
  const details = key.asymmetricKeyDetails;
  switch (type) {
    case 'rsa':
    case 'rsa-pss':
    case 'dsa': {
      const bits = details?.modulusLength ?? 0;
      return bits >= minimumModulus
        ? sound
        : { kind: 'weak', text: `a key of only ${bits} bits (${type.toUpperCase()})` };
    }
    case 'ec': {
      const curve = details?.namedCurve ?? 'without a name';
      return strongCurves.has(curve) ? sound : { kind: 'weak', text: `a key on the curve ${curve}` };
    }
    case 'ed25519':
    case 'ed448':
      return sound;
    default:
      return { kind: 'weak', text: `a key of the unsupported kind ${type}` };
  }
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
