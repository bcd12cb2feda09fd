/**
 * What is too weak to prove anything (below 112 bits, OpenSSL's security level 2 and its default since 3.2), and what a
 * signature check with a key costs, up to keys that are not worth one.
 */
import { MalformedDer, children, expectTag, readOid, soleElement, tags, type DerElement } from './der';

/** A key is sound, or one phrase says why it is not. */
export type Strength =
  | { readonly kind: 'sound' }
  | { readonly kind: 'weak'; readonly text: string }
  /** Of a kind that is not known here. OpenSSL may know it, and has judged the key of a handshake that succeeded. */
  | { readonly kind: 'unknown'; readonly text: string };

const sound: Strength = { kind: 'sound' };

/** A modulus of 2048 bits may begin with a few zero bits. */
const minimumModulus = 2040;

/** Curves of 112 bits and more, with what a check costs. The dear ones have no code of their own in OpenSSL. */
const strongCurves = new Map([
  ['1.3.132.0.33', 14], // P-224
  ['1.2.840.10045.3.1.7', 3], // P-256
  ['1.3.132.0.34', 32], // P-384
  ['1.3.132.0.35', 72], // P-521
  ['1.3.132.0.10', 16], // secp256k1
  ['1.3.36.3.3.2.8.1.1.7', 16], // brainpoolP256r1
  ['1.3.36.3.3.2.8.1.1.9', 20], // brainpoolP320r1
  ['1.3.36.3.3.2.8.1.1.11', 32], // brainpoolP384r1
  ['1.3.36.3.3.2.8.1.1.13', 40], // brainpoolP512r1
]);

const keyKinds = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

/** FIPS 204, for keys and signatures alike (RFC 9881). OpenSSL has these since 3.5. */
const mlDsa = new Set(['2.16.840.1.101.3.4.3.17', '2.16.840.1.101.3.4.3.18', '2.16.840.1.101.3.4.3.19']);

/** What checking one signature with a key takes. */
export type CheckCost =
  /** A unit is a check with RSA-2048 and the exponent 65537: 25 us on a machine of 2020. */
  | { readonly kind: 'units'; readonly units: number }
  /** Not checked at all: a check could take as long as a peer likes. The phrase says why. */
  | { readonly kind: 'excessive'; readonly text: string };

export interface KeyJudgement {
  readonly strength: Strength;
  readonly cost: CheckCost;
}

/**
 * What the key of this SubjectPublicKeyInfo (DER) is worth. Read here rather than from a `KeyObject`, which takes several
 * times as long. Never throws.
 */
export function judgeKey(publicKeyInfo: Uint8Array): KeyJudgement {
  try {
    const [algorithm, key] = children(soleElement(publicKeyInfo, tags.sequence));
    const [kind, parameters] = children(expectTag(algorithm, tags.sequence));
    const oid = readOid(kind);
    switch (oid) {
      case keyKinds.rsa:
      case keyKinds.rsaPss:
        return judgeRsa(expectTag(key, tags.bitString));
      case keyKinds.ec:
        return judgeCurve(parameters);
      case keyKinds.ed25519:
        return { strength: sound, cost: { kind: 'units', units: 5 } };
      case keyKinds.ed448:
        return { strength: sound, cost: { kind: 'units', units: 10 } };
      default:
        return mlDsa.has(oid) ? { strength: sound, cost: { kind: 'units', units: 16 } } : unknownKind(oid);
    }
  } catch (error) {
    if (error instanceof MalformedDer) return unfit('a key that is malformed');
    throw error;
  }
}

/** Whether signatures by the key of this SubjectPublicKeyInfo (DER) prove anything. */
export function keyStrength(publicKeyInfo: Uint8Array): Strength {
  return judgeKey(publicKeyInfo).strength;
}

function unknownKind(oid: string): KeyJudgement {
  const text = `a key of the unsupported kind ${oid}`;
  return { strength: { kind: 'unknown', text }, cost: { kind: 'excessive', text } };
}

function unfit(text: string): KeyJudgement {
  return { strength: { kind: 'weak', text }, cost: { kind: 'excessive', text } };
}

/** RFC 8017 appendix A.1.1: the modulus, then the exponent. */
function judgeRsa(key: DerElement): KeyJudgement {
  const [modulus, exponent] = children(soleElement(key.value.subarray(1), tags.sequence));
  const bits = bitLength(modulus);
  const strength: Strength =
    bits >= minimumModulus ? sound : { kind: 'weak', text: `an RSA key of only ${bits} bits` };
  return { strength, cost: rsaCost(bits, bitLength(exponent)) };
}

/** OpenSSL takes exponents as long as the modulus up to 3072 bits: a check of 10 ms (measured). */
function rsaCost(modulusBits: number, exponentBits: number): CheckCost {
  if (modulusBits > rsaLimits.modulusBits) {
    return excessive(`an RSA key of ${modulusBits} bits, more than ${rsaLimits.modulusBits}`);
  }
  if (exponentBits > rsaLimits.exponentBits) {
    return excessive(
      `an RSA key with an exponent of ${exponentBits} bits, more than ${rsaLimits.exponentBits}`,
    );
  }
  const squares = Math.ceil(modulusBits / 2048) ** 2;
  return { kind: 'units', units: squares * Math.max(1, Math.ceil(exponentBits / 17)) };
}

/** The largest RSA keys whose signatures are checked. */
export const rsaLimits = { modulusBits: 8192, exponentBits: 64 } as const;

function excessive(text: string): CheckCost {
  return { kind: 'excessive', text };
}

function bitLength(integer: DerElement | undefined): number {
  const octets = expectTag(integer, tags.integer).value;
  const leading = octets.findIndex((octet) => octet !== 0);
  return leading < 0 ? 0 : (octets.length - leading) * 8 - (Math.clz32(octets[leading] ?? 0) - 24);
}

/** RFC 5480 section 2.1.1: curves have names here; parameters spelt out are not allowed. */
function judgeCurve(parameters: DerElement | undefined): KeyJudgement {
  const curve = parameters?.tag === tags.oid ? readOid(parameters) : 'without a name';
  const units = strongCurves.get(curve);
  return units === undefined
    ? unfit(`a key on the curve ${curve}`)
    : { strength: sound, cost: { kind: 'units', units } };
}

/** Whether the key of this SubjectPublicKeyInfo (DER) is on a curve that it describes itself. Never throws. */
export function hasCurveSpeltOut(publicKeyInfo: Uint8Array): boolean {
  try {
    const [algorithm] = children(soleElement(publicKeyInfo, tags.sequence));
    const [kind, parameters] = children(expectTag(algorithm, tags.sequence));
    return readOid(kind) === keyKinds.ec && parameters !== undefined && parameters.tag !== tags.oid;
  } catch (error) {
    if (error instanceof MalformedDer) return false;
    throw error;
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
    if (strongSignatures.has(oid) || mlDsa.has(oid)) return sound;
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
