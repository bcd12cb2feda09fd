/**
 * Whether one certification path holds, from the leaf up to a trust anchor (RFC 5280 section 6.1).
 *
 * A certificate binds a key to names, and is signed with the key of its issuer. A path is a list of certificates of which each
 * was issued by the next. It holds where every signature is good and every certificate within its dates, where each one above
 * the leaf may issue certificates (CA flag, key usage, path length), and where the names below fit the constraints above.
 *
 * OpenSSL judges the paths to the system's roots. It offers Node no way to judge one to an anchor of a TLSA record, so that is
 * done here. What the certificates say is judged; what may be an anchor and which name is wanted is the caller's business.
 * Revocation is not checked.
 */
import type { X509Certificate } from 'node:crypto';
import {
  authorityKeyId,
  keyUsageBits,
  netscapeBits,
  readCertificate,
  subjectKeyId,
  type CertificateFields,
} from './certificate';
import { sameDistinguishedName } from './distinguished_name';
import { issuerKeyOf, type WorkBudget, type IssuerKey } from './work_budget';
import { checkNameConstraints, permitsReference } from './name_constraints';
import { keyStrength } from './strength';

/** Who vouches for the last certificate of a path. */
export type PathAnchor =
  /** The last certificate is itself the anchor: its signature is not checked, all else is. */
  | { readonly kind: 'last' }
  /** A bare key signed the last certificate. */
  | { readonly kind: 'key'; readonly key: IssuerKey };

/** `depth`: 0 is the leaf. `text` continues a sentence that begins with the certificate. */
export interface PathFault {
  readonly kind: 'malformed' | 'untrusted' | 'forbidden' | 'weak' | 'dates';
  readonly depth: number;
  readonly text: string;
}

export type PathResult = { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly fault: PathFault };

/**
 * Judges `path`, leaf first, each certificate issued by the next. Dates come last, so that a path that is only expired
 * is reported as such.
 *
 * @throws WorkBudgetSpent
 */
export function checkPath(
  path: readonly X509Certificate[],
  anchor: PathAnchor,
  now: Date,
  budget: WorkBudget,
): PathResult {
  const all: CertificateFields[] = [];
  for (const [depth, certificate] of path.entries()) {
    const result = readCertificate(certificate);
    if (result.kind === 'malformed') {
      return invalid('malformed', depth, `cannot be read (${result.text})`);
    }
    all.push(result.fields);
  }
  return (
    checkSignatures(path, anchor, budget) ??
    checkExtensions(all) ??
    checkPathLength(all) ??
    checkStrength(all, anchor) ??
    checkConstraints(all, budget) ??
    checkDates(all, now) ?? { kind: 'valid' }
  );
}

/**
 * Whether the constraints of a path, valid otherwise, keep its leaf from standing for `reference`, a name in canonical form that
 * a name of the leaf matches.
 *
 * @throws WorkBudgetSpent
 */
export function referenceFault(
  path: readonly X509Certificate[],
  reference: string,
  budget: WorkBudget,
): PathFault | undefined {
  for (const [depth, certificate] of path.entries()) {
    const result = readCertificate(certificate);
    if (depth === 0 || result.kind === 'malformed' || result.fields.nameConstraints === 'absent') continue;
    if (!permitsReference(result.fields.nameConstraints, reference, budget)) {
      const text = `may not stand for ${reference}: the certificate at depth ${depth} does not permit that name`;
      return { kind: 'forbidden', depth: 0, text };
    }
  }
  return undefined;
}

/** Whether `issuer` bears, octet for octet, the name that `certificate` gives for its issuer. Proves nothing. */
export function bearsName(issuer: X509Certificate, certificate: X509Certificate): boolean {
  const [above, below] = [readCertificate(issuer), readCertificate(certificate)];
  if (above.kind === 'malformed' || below.kind === 'malformed') return false;
  return Buffer.compare(above.fields.subject, below.fields.issuer) === 0;
}

/** Whether `issuer` bears the name that `certificate` gives for its issuer. Proves nothing. */
export function mayHaveIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  const [above, below] = [readCertificate(issuer), readCertificate(certificate)];
  // What cannot be read here may still be linked, so that the path is refused for what is wrong with it.
  if (above.kind === 'malformed' || below.kind === 'malformed') return certificate.checkIssued(issuer);
  return sameDistinguishedName(above.fields.subject, below.fields.issuer);
}

/** Whether the certificate says by key identifiers that `issuer` issued it: likelier than another of the same name. */
export function pointsTo(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const [below, above] = [readCertificate(certificate), readCertificate(issuer)];
  if (above.kind === 'malformed' || below.kind === 'malformed') return false;
  const wanted = authorityKeyId(below.fields);
  return wanted.length > 0 && Buffer.compare(wanted, subjectKeyId(above.fields)) === 0;
}

function checkSignatures(
  path: readonly X509Certificate[],
  anchor: PathAnchor,
  budget: WorkBudget,
): PathResult | undefined {
  for (const [depth, certificate] of path.entries()) {
    const issuer = path[depth + 1];
    const above = issuer ? issuerKeyOf(issuer) : anchor.kind === 'key' ? anchor.key : undefined;
    if (above === undefined) return undefined;
    const signature = budget.signature(certificate, above);
    if (signature === 'not_signed') {
      return invalid('untrusted', depth, 'is not signed by the certificate above it');
    }
    if (signature === 'unchecked' && above.cost.kind === 'excessive') {
      return invalid('weak', depth, `is signed by ${above.cost.text}, which is not checked`);
    }
  }
  return undefined;
}

function checkExtensions(all: readonly CertificateFields[]): PathResult | undefined {
  for (const [depth, fields] of all.entries()) {
    const position = depth === 0 ? 'leaf' : depth === all.length - 1 ? 'top' : 'between';
    const text = extensionFault(fields, position);
    if (text !== undefined) return invalid('forbidden', depth, text);
  }
  return undefined;
}

/** `top`: the last certificate of the path, which is the anchor, or is signed by an anchor that is a bare key. */
function extensionFault(fields: CertificateFields, position: 'leaf' | 'between' | 'top'): string | undefined {
  if (fields.unknownCritical.length > 0) {
    return `has a critical extension that is not understood (${fields.unknownCritical.slice(0, 4).join(', ')})`;
  }
  if (fields.isProxy) return 'is a proxy certificate (RFC 3820)';
  const fault = position === 'leaf' ? leafFault(fields) : caFault(fields, position);
  if (fault !== undefined) return fault;
  return allowsServers(fields) ? undefined : 'is not meant for TLS servers (extended key usage)';
}

function leafFault(fields: CertificateFields): string | undefined {
  const { digitalSignature, keyEncipherment, keyAgreement } = keyUsageBits;
  if (!allowsUsage(fields, digitalSignature | keyEncipherment | keyAgreement)) {
    return 'has a key usage that does not allow TLS';
  }
  return allowsNetscape(fields, netscapeBits.sslServer)
    ? undefined
    : "is not meant for TLS servers (Netscape's certificate type)";
}

function caFault(fields: CertificateFields, position: 'between' | 'top'): string | undefined {
  const isCa = fields.basicConstraints === 'absent' ? isOldCa(fields, position) : fields.basicConstraints.ca;
  if (!isCa) return 'is not a CA certificate';
  return allowsUsage(fields, keyUsageBits.keyCertSign)
    ? undefined
    : 'has a key usage that does not allow it to sign certificates';
}

/**
 * RFC 5280 section 4.2.1.9 asks basicConstraints of issuers, but not of an anchor (section 6.1.1(d)), and
 * roots that came before it are CAs by being self-issued or by what older extensions say. As OpenSSL has it.
 */
function isOldCa(fields: CertificateFields, position: 'between' | 'top'): boolean {
  if (position === 'between') return false;
  const { version, selfIssued, keyUsage, netscapeType } = fields;
  if (version < 3 && selfIssued) return true;
  return keyUsage !== 'absent' || (netscapeType !== 'absent' && allowsNetscape(fields, netscapeBits.sslCa));
}

/** Without the extension every use is allowed. */
function allowsNetscape({ netscapeType }: CertificateFields, bit: number): boolean {
  return netscapeType === 'absent' || (netscapeType & bit) !== 0;
}

/** RFC 5280 section 4.2.1.3: without the extension every use is allowed. */
function allowsUsage({ keyUsage }: CertificateFields, anyOf: number): boolean {
  return keyUsage === 'absent' || (keyUsage & anyOf) !== 0;
}

/** RFC 5280 section 4.2.1.12, for the certificate itself and, as everybody does it, for what a CA may issue. */
function allowsServers({ extendedKeyUsage }: CertificateFields): boolean {
  return extendedKeyUsage !== 'others';
}

/** RFC 5280 section 4.2.1.9: how many intermediates that are not self-issued may stand between a CA and the leaf. */
function checkPathLength(all: readonly CertificateFields[]): PathResult | undefined {
  let between = 0;
  for (const [depth, { basicConstraints, selfIssued }] of all.entries()) {
    if (depth === 0) continue;
    const limit = basicConstraints === 'absent' ? Infinity : basicConstraints.pathLength;
    if (between > limit) {
      return invalid(
        'forbidden',
        depth,
        `allows ${limit} CA certificates below it, and there are ${between}`,
      );
    }
    if (!selfIssued) between += 1;
  }
  return undefined;
}

/** The signature of an anchor proves nothing, so its digest does not matter; its key does. */
function checkStrength(all: readonly CertificateFields[], anchor: PathAnchor): PathResult | undefined {
  for (const [depth, { key, signature }] of all.entries()) {
    if (key.strength.kind !== 'sound') return invalid('weak', depth, `has ${key.strength.text}`);
    if (depth === all.length - 1 && anchor.kind === 'last') continue;
    if (signature.kind !== 'sound') return invalid('weak', depth, `has ${signature.text}`);
  }
  const bare = anchor.kind === 'key' ? keyStrength(anchor.key.info) : undefined;
  if (bare === undefined || bare.kind === 'sound') return undefined;
  return invalid('weak', all.length - 1, `is signed by ${bare.text}`);
}

/** RFC 5280 section 6.1.4(g) and 6.1.3(b): self-issued intermediates are exempt, the leaf never is. */
function checkConstraints(all: readonly CertificateFields[], budget: WorkBudget): PathResult | undefined {
  for (const [depth, { nameConstraints }] of all.entries()) {
    if (nameConstraints === 'absent') continue;
    for (const [below, fields] of all.slice(0, depth).entries()) {
      if (below > 0 && fields.selfIssued) continue;
      const result = checkNameConstraints(nameConstraints, fields, below === 0 ? 'leaf' : 'ca', budget);
      if (result.kind === 'violated') {
        const text = `has a name (${result.name}) that the certificate at depth ${depth} does not permit`;
        return invalid('forbidden', below, text);
      }
      if (result.kind === 'malformed') {
        return invalid('malformed', below, `has a name that cannot be read (${result.text})`);
      }
    }
  }
  return undefined;
}

function checkDates(all: readonly CertificateFields[], now: Date): PathResult | undefined {
  for (const [depth, { notBefore, notAfter }] of all.entries()) {
    if (now.getTime() < notBefore) return invalid('dates', depth, `is not valid before ${day(notBefore)}`);
    if (now.getTime() > notAfter) return invalid('dates', depth, `expired on ${day(notAfter)}`);
  }
  return undefined;
}

function day(ms: number): string {
  return new Date(ms).toISOString();
}

function invalid(kind: PathFault['kind'], depth: number, text: string): PathResult {
  return { kind: 'invalid', fault: { kind, depth, text } };
}
