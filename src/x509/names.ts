/** Which names a certificate is for (RFC 6125, RFC 9525). Names are compared in canonical form. */
import type { X509Certificate } from 'node:crypto';
import { canonicalDomain } from '../names';
import { commonNames, readCertificate } from './certificate';
import { MalformedDer } from './der';

/** The dNSName entries of the subjectAltName in lower case, wildcards included; none where the certificate cannot be read. */
export function dnsIds(certificate: X509Certificate): readonly string[] {
  const result = readCertificate(certificate);
  if (result.kind === 'malformed') return [];
  const ids: string[] = [];
  for (const name of result.fields.subjectAltNames) {
    if (name.kind === 'dns') ids.push(name.value.toLowerCase());
  }
  return ids;
}

/** The subject's common names in lower case; none where the certificate cannot be read. */
export function commonNameIds(certificate: X509Certificate): readonly string[] {
  const result = readCertificate(certificate);
  if (result.kind === 'malformed') return [];
  try {
    return commonNames(result.fields.subject).map((name) => name.toLowerCase());
  } catch (error) {
    if (error instanceof MalformedDer) return [];
    throw error;
  }
}

export interface CertificateNames {
  readonly dnsIds: readonly string[];
  readonly commonNames: readonly string[];
}

/** Both kinds of name. */
export function dnsNames(certificate: X509Certificate): CertificateNames {
  return { dnsIds: dnsIds(certificate), commonNames: commonNameIds(certificate) };
}

/**
 * Whether a name from a certificate covers `name` (canonical form).
 *
 * A wildcard is the whole left-most label, stands for exactly one label, and needs two labels below it, so that no
 * certificate is good for a whole top-level domain.
 */
export function matchesDnsId(pattern: string, name: string): boolean {
  return dnsIdsFor(name).includes(pattern.toLowerCase());
}

/** The DNS-IDs, in lower case, that cover `name` by the rule of `matchesDnsId`. */
export function dnsIdsFor(name: string): readonly string[] {
  const dot = name.indexOf('.');
  const parent = name.slice(dot);
  return dot > 0 && parent.indexOf('.', 1) > 0 ? [name, `*${parent}`] : [name];
}

/** Whether a DNS-ID of the subjectAltName covers `name`. The common name never counts. */
export function sanMatches(certificate: X509Certificate, name: string): boolean {
  const covering = dnsIdsFor(name);
  return dnsIds(certificate).some((id) => covering.includes(id));
}

/** The DNS-IDs of the subjectAltName that lie below `domain`, at any depth; `*.domain` does. */
export function dnsIdsBelow(certificate: X509Certificate, domain: string): readonly string[] {
  const suffix = `.${domain}`;
  return dnsIds(certificate).filter((id) => id.endsWith(suffix) && isDnsId(id));
}

/** Why a certificate is of no use to the host `name`; `undefined` where it names it. Continues a sentence about the certificate. */
export function nameFault(certificate: X509Certificate, name: string): string | undefined {
  const result = readCertificate(certificate);
  if (result.kind === 'malformed') return `cannot be read (${result.text})`;
  return sanMatches(certificate, name) ? undefined : `does not name ${name}`;
}

/**
 * The names that usage 2 is held against: the DNS-IDs, or the common names where there is no DNS-ID at all (RFC 7672
 * section 3.2.3).
 */
export function presentedNames(certificate: X509Certificate): readonly string[] {
  const ids = dnsIds(certificate);
  return ids.length > 0 ? ids : commonNameIds(certificate);
}

function isDnsId(id: string): boolean {
  const bare = id.startsWith('*.') ? id.slice(2) : id;
  return /^[\x21-\x7e]+$/.test(bare) && !bare.endsWith('.') && canonicalDomain(bare) !== undefined;
}
