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
  type DerElement,
} from './der';
import { judgeKey, signatureStrength, type KeyJudgement, type Strength } from './strength';
import { messageOf, printable } from '../text';

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

/** Bits of Netscape's certificate type, as `readNamedBits` numbers them; old CAs still write it. */
export const netscapeBits = { sslServer: 1 << 1, sslCa: 1 << 5 } as const;

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
  /** See `netscapeBits`. */
  readonly netscapeType: 'absent' | number;
  /** A proxy certificate (RFC 3820): issued by the holder of a certificate, no CA, in the holder's name. */
  readonly isProxy: boolean;
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
  | 'netscapeType'
  | 'isProxy'
  | 'subjectAltNames'
  | 'nameConstraints'
  | 'unknownCritical'
  | 'subjectKeyIdentifier'
  | 'authorityKeyIdentifier'
>;

/**
 * Extensions that may be critical although nothing here heeds them, as OpenSSL by default does not either. Without policies
 * that the user asks for (RFC 5280 section 6.1.1) nothing rests on the first four: policyConstraints may demand that a path
 * has a policy, which RFC 5280 would have refused here and OpenSSL does only where it is told to check policies. The other two
 * are about revocation, which is not checked.
 */
const ignorable = new Set([
  '2.5.29.32', // certificatePolicies
  '2.5.29.33', // policyMappings
  '2.5.29.36', // policyConstraints
  '2.5.29.54', // inhibitAnyPolicy
  '2.5.29.31', // cRLDistributionPoints
  '1.3.6.1.5.5.7.48.1.5', // id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1)
]);

function parseExtensions(list: readonly DerElement[]): Extensions {
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {
    basicConstraints: 'absent',
    keyUsage: 'absent',
    extendedKeyUsage: 'absent',
    netscapeType: 'absent',
    isProxy: false,
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
        found.keyUsage = inside('keyUsage', () => readNamedBits(soleElement(value)));
        break;
      case '2.5.29.17':
        found.subjectAltNames = inside('subjectAltName', () =>
          parseGeneralNames(soleElement(value, tags.sequence)),
        );
        break;
      case '2.5.29.19':
        found.basicConstraints = inside('basicConstraints', () =>
          parseBasicConstraints(soleElement(value, tags.sequence)),
        );
        break;
      case '2.5.29.30':
        found.nameConstraints = inside('nameConstraints', () =>
          parseNameConstraints(soleElement(value, tags.sequence)),
        );
        break;
      case '2.5.29.37':
        found.extendedKeyUsage = inside('extendedKeyUsage', () => parsePurposes(value));
        break;
      case '2.16.840.1.113730.1.1':
        found.netscapeType = inside('nsCertType', () => readNamedBits(soleElement(value)));
        break;
      case '1.3.6.1.5.5.7.1.14':
        found.isProxy = true;
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

/** What `read` says of an extension; where it cannot, the error names the extension. @throws MalformedDer */
function inside<T>(extension: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedDer) throw new MalformedDer(`${extension}: ${error.message}`);
    throw error;
  }
}

/** RFC 5280 section 4.2.1.12, and what TLS servers had beside it in the days of export rules, as OpenSSL has it. */
const serverPurposes = new Set([
  '1.3.6.1.5.5.7.3.1', // serverAuth
  '2.5.29.37.0', // anyExtendedKeyUsage
  '2.16.840.1.113730.4.1', // Server Gated Cryptography, Netscape's
  '1.3.6.1.4.1.311.10.3.3', // ... Microsoft's
]);

function parsePurposes(value: Uint8Array): 'servers' | 'others' {
  const purposes = children(soleElement(value, tags.sequence)).map(readOid);
  return purposes.some((purpose) => serverPurposes.has(purpose)) ? 'servers' : 'others';
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
      return { kind: 'email', value: asciiName('rfc822Name', element) };
    case 0x82:
      return { kind: 'dns', value: asciiName('dNSName', element) };
    case 0x86:
      return { kind: 'uri', value: asciiName('uniformResourceIdentifier', element) };
    case 0x87:
      return { kind: 'ip', value: element.value };
    case 0xa4:
      return { kind: 'directory', value: soleElement(element.value, tags.sequence).raw };
    default:
      return { kind: 'other', tag: element.tag };
  }
}

/** International names have ASCII forms of their own (RFC 5280 section 7.2); raw text in their place could mean anything. */
function asciiName(kind: string, element: DerElement): string {
  try {
    return readAscii(element);
  } catch (error) {
    if (!(error instanceof MalformedDer)) throw error;
    const shown = printable(Buffer.from(element.value).toString(), 80);
    throw new MalformedDer(`a ${kind} with ${error.message} (${shown})`);
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
        if (!base || !bounds.every(isZeroMinimum)) throw new MalformedDer('a bounded name constraint');
        return parseGeneralName(base);
      });
  return { permitted: subtrees(0xa0), excluded: subtrees(0xa1) };
}

/** A default that is spelt out, which DER forbids and OpenSSL takes; it bounds nothing. */
function isZeroMinimum({ tag, value }: DerElement): boolean {
  return tag === 0x80 && value.length === 1 && value[0] === 0;
}
