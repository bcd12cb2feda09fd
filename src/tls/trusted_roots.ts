/**
 * The certificates that a handshake trusts: OpenSSL does not tell which of them a chain ended at. Taking all of them apart
 * would keep a process busy for a tenth of a second, so that is done to those which are asked for.
 */
import { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { defaultRoots, rootsDigest } from './roots';
import { readCertificate } from '../x509/certificate';

export interface TrustedRoots {
  /** Those that bear the name which `certificate` gives for its issuer, octet for octet, and may have issued it. */
  issuersOf(certificate: X509Certificate): readonly X509Certificate[];
}

const sets = new LRUCache<string, TrustedRoots>({ max: 32 });

/**
 * What a context trusts that was made for these.
 *
 * @param extraRoots PEM, empty for none
 */
export function trustedRoots(extraRoots: string): TrustedRoots {
  const key = rootsDigest(extraRoots);
  const found = sets.get(key) ?? rootsIn([...defaultRoots(), extraRoots]);
  sets.set(key, found);
  return found;
}

/** @param pems certificates in PEM, one or several in each; what cannot be read is passed over, as OpenSSL does */
export function rootsIn(pems: readonly string[]): TrustedRoots {
  const roots = pems.flatMap(encoded).map((der) => new Root(der));
  return {
    issuersOf: (certificate) => {
      const read = readCertificate(certificate);
      if (read.kind === 'malformed') return [];
      const issuer = Buffer.from(read.fields.issuer);
      return roots
        .filter(({ der }) => der.includes(issuer))
        .flatMap((root) => root.certificate ?? [])
        .filter((root) => certificate.checkIssued(root));
    },
  };
}

class Root {
  #read: X509Certificate | undefined | 'not_yet' = 'not_yet';

  constructor(readonly der: Buffer) {}

  /** The same object each time; `undefined` where it cannot be read. */
  get certificate(): X509Certificate | undefined {
    if (this.#read === 'not_yet') this.#read = readOrNot(this.der);
    return this.#read;
  }
}

function readOrNot(der: Buffer): X509Certificate | undefined {
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
