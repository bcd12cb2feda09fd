/**
 * What certificate verification reads from a certificate and `node:crypto` does not tell: the fields and extensions
 * of RFC 5280 sections 4.1 and 4.2.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  MalformedDer,
  children,
  expectTag,
  readAscii,
  readBoolean,
  readCount,
  readNamedBits,
  readOid,
  readText,
  readTime,
  soleElement,
  tags,
} from './der';
import type { DerElement } from './der';
import { judgeKey, signatureStrength } from './strength';
import type { KeyJudgement, Strength } from './strength';
import { messageOf } from '../text';

/** One name of a subjectAltName or of a name constraint. */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  /** An address; in a constraint, address and mask. */
  | { readonly kind: 'ip'; readonly value: Uint8Array }
  /** An RDNSequence, DER. */
  | { readonly kind: 'directory'; readonly value: Uint8Array }
  /** A kind that is not interpreted; `tag` tells kinds apart. */
  | { readonly kind: 'other'; readonly tag: number };

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Bits of `keyUsage` (RFC 5280 section 4.2.1.3). */
export const keyUsageBits = {
  digitalSignature: 1 << 0,
  keyEncipherment: 1 << 2,
  keyAgreement: 1 << 4,
  keyCertSign: 1 << 5,
} as const;

export interface CertificateFields {
  readonly version: 1 | 2 | 3;
  /** Names as RDNSequence, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Issuer and subject are the same name. */
  readonly selfIssued: boolean;
  /** The SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  readonly key: KeyJudgement;
  /** Ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Of the issuer's signature, as far as its algorithm goes. */
  readonly signature: Strength;
  readonly basicConstraints: 'absent' | { readonly ca: boolean; readonly pathLength: number };
  readonly keyUsage: 'absent' | number;
  readonly extendedKeyUsage: 'absent' | 'servers' | 'others';
  readonly subjectAltNames: readonly GeneralName[];
  readonly nameConstraints: 'absent' | NameConstraints;
  /** OIDs of critical extensions that this reader does not process. */
  readonly unknownCritical: readonly string[];
  /** Contents of the two extensions, unread; see `subjectKeyId` and `authorityKeyId`. Empty where there is none. */
  readonly subjectKeyIdentifier: Uint8Array;
  readonly authorityKeyIdentifier: Uint8Array;
}

export type ReadCertificate =
  | { readonly kind: 'fields'; readonly fields: CertificateFields }
  | { readonly kind: 'malformed'; readonly text: string };

/** What was found out about a certificate; Node makes the same things anew whenever it is asked. */
interface Known {
  der?: Uint8Array;
  fields?: ReadCertificate;
  key?: KeyObject | 'unsupported';
}

const known = new WeakMap<X509Certificate, Known>();

function knownOf(certificate: X509Certificate): Known {
  let entry = known.get(certificate);
  if (!entry) known.set(certificate, (entry = {}));
  return entry;
}

/** The certificate, DER. */
export function derOf(certificate: X509Certificate): Uint8Array {
  return (knownOf(certificate).der ??= certificate.raw);
}

/** The fields of `certificate`, parsed once for each object. Never throws. */
export function readCertificate(certificate: X509Certificate): ReadCertificate {
  return (knownOf(certificate).fields ??= readDer(derOf(certificate)));
}

/** The subject's key. `unsupported` where OpenSSL cannot read it. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | 'unsupported' {
  const entry = knownOf(certificate);
  if (entry.key !== undefined) return entry.key;
  try {
    entry.key = certificate.publicKey;
  } catch {
    entry.key = 'unsupported';
  }
  return entry.key;
}

/**
 * The SubjectPublicKeyInfo exactly as the certificate (DER) encodes it, which is what selector 1 covers (RFC 6698
 * section 2.1.2). `undefined` where the certificate cannot be read.
 */
export function publicKeyInfo(der: Uint8Array): Uint8Array | undefined {
  try {
    return expectTag(tbsElements(soleElement(der, tags.sequence)).rest[5], tags.sequence).raw;
  } catch {
    return undefined;
  }
}

function readDer(der: Uint8Array): ReadCertificate {
  try {
    return { kind: 'fields', fields: parseFields(der) };
  } catch (error) {
    return { kind: 'malformed', text: messageOf(error) };
  }
}

interface TbsParts {
  readonly version: 1 | 2 | 3;
  readonly signature: DerElement;
  readonly issuer: DerElement;
  readonly validity: DerElement;
  readonly subject: DerElement;
  readonly publicKey: DerElement;
  readonly extensions: readonly DerElement[];
}

/** RFC 5280 section 4.1: Certificate and TBSCertificate. */
function tbsParts(raw: Uint8Array): TbsParts {
  const { version, rest, outerAlgorithm } = tbsElements(soleElement(raw, tags.sequence));
  const [, signature, issuer, validity, subject, publicKey, ...optional] = rest;
  if (!sameAlgorithm(signature, outerAlgorithm)) throw new MalformedDer('two signature algorithms');
  return {
    version,
    signature: expectTag(signature, tags.sequence),
    issuer: expectTag(issuer, tags.sequence),
    validity: expectTag(validity, tags.sequence),
    subject: expectTag(subject, tags.sequence),
    publicKey: expectTag(publicKey, tags.sequence),
    extensions:
      optional
        .find(({ tag }) => tag === 0xa3)
        ?.onlyChild()
        .children() ?? [],
  };
}

/** `rest` begins with the serial number. */
function tbsElements(certificate: DerElement): {
  version: 1 | 2 | 3;
  rest: DerElement[];
  outerAlgorithm: DerElement | undefined;
} {
  const [tbs, outerAlgorithm] = certificate.children();
  const rest = expectTag(tbs, tags.sequence).children();
  const version = rest[0]?.tag === 0xa0 ? readVersion(rest.shift()) : 1;
  return { version, rest, outerAlgorithm };
}

/** RFC 5280 section 4.1.1.2: the algorithm is named twice and must be the same. */
function sameAlgorithm(inner: DerElement | undefined, outer: DerElement | undefined): boolean {
  return inner !== undefined && outer !== undefined && Buffer.compare(inner.raw, outer.raw) === 0;
}

function readVersion(element: DerElement | undefined): 1 | 2 | 3 {
  const number = readCount(element?.onlyChild());
  if (number > 2) throw new MalformedDer('unknown certificate version');
  return (number + 1) as 1 | 2 | 3;
}

function parseFields(raw: Uint8Array): CertificateFields {
  const parts = tbsParts(raw);
  const [notBefore, notAfter] = children(parts.validity);
  return {
    version: parts.version,
    issuer: parts.issuer.raw,
    subject: parts.subject.raw,
    selfIssued: Buffer.compare(parts.issuer.raw, parts.subject.raw) === 0,
    publicKeyInfo: parts.publicKey.raw,
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    key: judgeKey(parts.publicKey.raw),
    signature: signatureStrength(parts.signature.raw),
    ...parseExtensions(parts.extensions),
  };
}

/** The attributes of a name, as pairs of OID and value. */
export function nameAttributes(rdn: DerElement): readonly (readonly [oid: string, value: DerElement])[] {
  return children(rdn).map((attribute) => {
    const [oid, value] = children(attribute);
    if (!value) throw new MalformedDer('attribute without value');
    return [readOid(oid), value] as const;
  });
}

/** The common names in a name (RDNSequence, DER), in order. @throws MalformedDer */
export function commonNames(name: Uint8Array): string[] {
  return attributeTexts(name, '2.5.4.3');
}

/** The e-mail addresses that are attributes of a name (RDNSequence, DER). @throws MalformedDer */
export function emailAttributes(name: Uint8Array): string[] {
  return attributeTexts(name, '1.2.840.113549.1.9.1');
}

function attributeTexts(name: Uint8Array, wanted: string): string[] {
  return children(soleElement(name, tags.sequence))
    .flatMap(nameAttributes)
    .filter(([oid]) => oid === wanted)
    .map(([, value]) => readText(value))
    .filter((text) => text !== undefined);
}

type Extensions = Pick<
  CertificateFields,
  | 'basicConstraints'
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'subjectAltNames'
  | 'nameConstraints'
  | 'unknownCritical'
  | 'subjectKeyIdentifier'
  | 'authorityKeyIdentifier'
>;

/**
 * Policies need no processing unless an explicit policy is required, which nobody here does and which a critical
 * policyConstraints, not in this list, would do (RFC 5280 section 6.1.1).
 */
const ignorable = new Set(['2.5.29.32', '2.5.29.33', '2.5.29.54']);

function parseExtensions(list: readonly DerElement[]): Extensions {
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {
    basicConstraints: 'absent',
    keyUsage: 'absent',
    extendedKeyUsage: 'absent',
    subjectAltNames: [],
    nameConstraints: 'absent',
    unknownCritical: [],
    subjectKeyIdentifier: nothing,
    authorityKeyIdentifier: nothing,
  };
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const extension of list) {
    const { oid, critical, value } = parseExtension(extension);
    // RFC 5280 section 4.2: no extension twice. Which of two would count?
    if (seen.has(oid)) throw new MalformedDer(`extension ${oid} twice`);
    seen.add(oid);
    switch (oid) {
      case '2.5.29.15':
        found.keyUsage = readNamedBits(soleElement(value));
        break;
      case '2.5.29.17':
        found.subjectAltNames = parseGeneralNames(soleElement(value, tags.sequence));
        break;
      case '2.5.29.19':
        found.basicConstraints = parseBasicConstraints(soleElement(value, tags.sequence));
        break;
      case '2.5.29.30':
        found.nameConstraints = parseNameConstraints(soleElement(value, tags.sequence));
        break;
      case '2.5.29.37':
        found.extendedKeyUsage = children(soleElement(value, tags.sequence)).map(readOid).some(isForServers)
          ? 'servers'
          : 'others';
        break;
      case '2.5.29.14':
        found.subjectKeyIdentifier = value;
        if (critical) unknownCritical.push(oid);
        break;
      case '2.5.29.35':
        found.authorityKeyIdentifier = value;
        if (critical) unknownCritical.push(oid);
        break;
      default:
        if (critical && !ignorable.has(oid)) unknownCritical.push(oid);
    }
  }
  return { ...found, unknownCritical };
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
const anyPurpose = '2.5.29.37.0';

/** RFC 5280 section 4.2.1.12. */
function isForServers(purpose: string): boolean {
  return purpose === serverAuth || purpose === anyPurpose;
}

/** RFC 5280 section 4.2.1.2. Empty where there is none that can be read: it is a hint, and proves nothing. */
export function subjectKeyId({ subjectKeyIdentifier: value }: CertificateFields): Uint8Array {
  try {
    return value.length === 0 ? nothing : soleElement(value, tags.octetString).value;
  } catch {
    return nothing;
  }
}

/** RFC 5280 section 4.2.1.1: the key identifier of the issuer. Empty where there is none that can be read. */
export function authorityKeyId({ authorityKeyIdentifier: value }: CertificateFields): Uint8Array {
  try {
    const parts = value.length === 0 ? [] : children(soleElement(value, tags.sequence));
    return parts.find(({ tag }) => tag === 0x80)?.value ?? nothing;
  } catch {
    return nothing;
  }
}

const nothing = new Uint8Array();

function parseExtension(element: DerElement): { oid: string; critical: boolean; value: Uint8Array } {
  const [oid, ...rest] = children(expectTag(element, tags.sequence));
  const critical = rest[0]?.tag === tags.boolean ? readBoolean(rest[0]) : false;
  return { oid: readOid(oid), critical, value: expectTag(rest.at(-1), tags.octetString).value };
}

function parseBasicConstraints(element: DerElement): { ca: boolean; pathLength: number } {
  const parts = children(element);
  const ca = parts[0]?.tag === tags.boolean ? readBoolean(parts.shift() as DerElement) : false;
  return { ca, pathLength: parts[0] ? readCount(parts[0]) : Infinity };
}

/** Certificates with more names in one extension are refused; public CAs stop at two thousand. */
export const maximumNames = 4096;

function parseGeneralNames(list: DerElement): GeneralName[] {
  const elements = children(list);
  if (elements.length > maximumNames) throw new MalformedDer(`more than ${maximumNames} names`);
  return elements.map(parseGeneralName);
}

function parseGeneralName(element: DerElement): GeneralName {
  switch (element.tag) {
    case 0x81:
      return { kind: 'email', value: readAscii(element) };
    case 0x82:
      return { kind: 'dns', value: readAscii(element) };
    case 0x86:
      return { kind: 'uri', value: readAscii(element) };
    case 0x87:
      return { kind: 'ip', value: element.value };
    case 0xa4:
      return { kind: 'directory', value: soleElement(element.value, tags.sequence).raw };
    default:
      return { kind: 'other', tag: element.tag };
  }
}

/** RFC 5280 section 4.2.1.10. `minimum` must be its default and `maximum` absent, so a subtree is only its base. */
function parseNameConstraints(element: DerElement): NameConstraints {
  const subtrees = (tag: number) =>
    children(element)
      .filter((list) => list.tag === tag)
      .flatMap((list) => {
        const found = children(list);
        if (found.length > maximumNames) throw new MalformedDer(`more than ${maximumNames} name constraints`);
        return found;
      })
      .map((subtree) => {
        const [base, ...bounds] = children(expectTag(subtree, tags.sequence));
        if (!base || bounds.length > 0) throw new MalformedDer('bounded name constraint');
        return parseGeneralName(base);
      });
  return { permitted: subtrees(0xa0), excluded: subtrees(0xa1) };
}
