/**
 * Certificates that are trusted, read from PEM.
 *
 * OpenSSL tells neither which of them a chain ended at nor which it took on the way. Reading all of a system's roots would keep
 * a process busy for a tenth of a second, so each is read when something asks for it.
 */
import { X509Certificate } from 'node:crypto';
import { readCertificate } from './certificate';
import { mayConstrainNames } from './name_constraints';

export interface TrustedRoots {
  /** Those that bear the name which `certificate` gives for its issuer, octet for octet, and may have issued it. */
  issuersOf(certificate: X509Certificate): readonly X509Certificate[];
  /** All of them where one may constrain names, and none where none does, which is nearly always so. */
  constraining(): readonly X509Certificate[];
}

/** @param pems certificates in PEM, one or several in each; what cannot be read is passed over, as OpenSSL does */
export function rootsIn(pems: readonly string[]): TrustedRoots {
  const roots = pems.flatMap(encoded).map((der) => new Root(der));
  let constraining: readonly X509Certificate[] | undefined;
  return {
    issuersOf: (certificate) => {
      const read = readCertificate(certificate);
      if (read.kind === 'malformed') return [];
      const issuer = Buffer.from(read.fields.issuer);
      return certificatesOf(roots.filter(({ der }) => der.includes(issuer))).filter((root) =>
        certificate.checkIssued(root),
      );
    },
    constraining: () =>
      (constraining ??= roots.some(({ der }) => mayConstrainNames(der)) ? certificatesOf(roots) : []),
  };
}

function certificatesOf(roots: readonly Root[]): readonly X509Certificate[] {
  return roots.flatMap((root) => root.certificate ?? []);
}

class Root {
  #reading: { readonly certificate: X509Certificate | undefined } | undefined;

  constructor(readonly der: Buffer) {}

  /** The same object each time; `undefined` where it cannot be read. */
  get certificate(): X509Certificate | undefined {
    this.#reading ??= { certificate: certificateOf(this.der) };
    return this.#reading.certificate;
  }
}

function certificateOf(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function encoded(pem: string): Buffer[] {
  const bodies = pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  return [...bodies].map(([, body = '']) => Buffer.from(body, 'base64'));
}
