/** Turns what a world says about certificates and TLSA records into the real ones. */
import { X509Certificate, createHash } from 'node:crypto';

import { chainPem, createCa, issue, selfSigned, type CertificateOptions, type Issued } from './pki';
import type { CertificateKind, CertificateSpec, DnsRecord, TlsaSpec } from './world';

export interface ServerCertificate {
  /** Leaf first, as the server sends it. */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly leaf: X509Certificate;
  /** The certificate that signed the leaf; the leaf itself where self-signed. */
  readonly issuer: X509Certificate;
}

export interface CertificateOffice {
  /** The CA that the lab's Haraka trusts. */
  readonly caPem: string;
  certificate(host: string, spec: CertificateKind | CertificateSpec): Promise<ServerCertificate>;
  tlsa(spec: TlsaSpec, certificate: ServerCertificate): Extract<DnsRecord, { type: 'TLSA' }>;
}

const day = 86_400_000;

/** Opens an office with its own CAs; everything it issues is gone with it. */
export async function openCertificateOffice(): Promise<CertificateOffice> {
  const [trusted, untrusted, another] = await Promise.all([
    createCa({ commonName: 'Lab CA' }),
    createCa({ commonName: 'Nobody CA' }),
    selfSigned({ dnsNames: ['another.example'] }),
  ]);
  const elsewhere = new X509Certificate(another.certPem);

  return {
    caPem: trusted.certPem,
    certificate: async (host, given) => {
      const spec = typeof given === 'string' ? { kind: given } : given;
      if (spec.kind === 'given') return fromPem(spec.chainPem, spec.keyPem);
      const options: CertificateOptions = {
        dnsNames: spec.names ?? [spec.kind === 'wrong-name' ? 'wrong.example' : host],
        ...('key' in spec ? { key: spec.key } : {}),
      };
      switch (spec.kind) {
        case 'trusted':
        case 'wrong-name':
          return issuedBy(trusted, await issue(trusted, options));
        case 'expired':
          return issuedBy(trusted, await issue(trusted, { ...options, ...validity(-60, -30) }));
        case 'not-yet-valid':
          return issuedBy(trusted, await issue(trusted, { ...options, ...validity(30, 60) }));
        case 'untrusted':
          return issuedBy(untrusted, await issue(untrusted, options));
        case 'private-ca':
          return issuedBy(untrusted, await issue(untrusted, options), untrusted);
        case 'self-signed': {
          const leaf = await selfSigned(options);
          return issuedBy(leaf, leaf);
        }
      }
    },
    tlsa: (spec, certificate) => {
      const form = typeof spec === 'string' ? named[spec] : spec;
      return {
        type: 'TLSA',
        usage: form.usage,
        selector: form.selector,
        matchingType: form.matchingType,
        data:
          'data' in form
            ? Buffer.from(form.data, 'hex')
            : associationData(
                { leaf: certificate.leaf, issuer: certificate.issuer, another: elsewhere }[form.of],
                form.selector,
                form.matchingType,
              ),
      };
    },
  };
}

const named = {
  match: { usage: 3, selector: 1, matchingType: 1, of: 'leaf' },
  'match-ta': { usage: 2, selector: 0, matchingType: 1, of: 'issuer' },
  mismatch: { usage: 3, selector: 1, matchingType: 1, of: 'another' },
  unusable: { usage: 1, selector: 0, matchingType: 1, of: 'leaf' },
} as const satisfies Record<string, TlsaSpec>;

/** The certificate association data of RFC 6698 section 2.1.4. */
function associationData(certificate: X509Certificate, selector: number, matchingType: number): Buffer {
  const selected =
    selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  if (matchingType === 0) return selected;
  return createHash(matchingType === 1 ? 'sha256' : 'sha512')
    .update(selected)
    .digest();
}

function validity(fromDays: number, toDays: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now + fromDays * day), notAfter: new Date(now + toDays * day) };
}

function issuedBy(ca: Issued, leaf: Issued, ...sentAlong: readonly Issued[]): ServerCertificate {
  return {
    chainPem: chainPem(leaf, ...sentAlong),
    keyPem: leaf.keyPem,
    leaf: new X509Certificate(leaf.certPem),
    issuer: new X509Certificate(ca.certPem),
  };
}

function fromPem(chain: string, keyPem: string): ServerCertificate {
  const [leaf, issuer] = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (leaf === undefined) throw new Error('a given certificate chain holds no certificate');
  return {
    chainPem: chain,
    keyPem,
    leaf: new X509Certificate(leaf),
    issuer: new X509Certificate(issuer ?? leaf),
  };
}
