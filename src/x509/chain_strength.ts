/**
 * Whether a chain would also hold at OpenSSL's security level 2, read from the certificates: for handshakes below it, whose
 * chain is judged all the same. Pure.
 */
import type { X509Certificate } from 'node:crypto';
import { readCertificate } from './certificate';
import type { TrustedRoots } from './roots';
import type { Strength } from './strength';

export interface Weakness {
  /** 0 is the leaf. */
  readonly depth: number;
  readonly certificate: X509Certificate;
  /** Continues a sentence that begins with the certificate: `has an RSA key of only 1024 bits`. */
  readonly text: string;
}

/**
 * The first key or signature of less than 112 bits on the path that OpenSSL takes from `sent[0]` to one of `roots`. The
 * signature of the root proves nothing and does not count.
 *
 * That the path holds otherwise is for OpenSSL to say. Where the root is not among `roots` (`--use-openssl-ca`), its key
 * is not judged.
 *
 * @param sent as the peer sent them; what does not lead up from the leaf is passed over
 */
export function chainWeakness(
  sent: readonly X509Certificate[],
  roots: TrustedRoots,
  now: Date,
): Weakness | 'none' {
  const { path, anchored } = pathOf(sent, roots, now);
  for (const [depth, certificate] of path.entries()) {
    const isAnchor = anchored && depth === path.length - 1;
    const text = weaknessOf(certificate, isAnchor ? 'key' : 'key_and_signature');
    if (text !== undefined) return { depth, certificate, text };
  }
  return 'none';
}

function weaknessOf(certificate: X509Certificate, of: 'key' | 'key_and_signature'): string | undefined {
  const read = readCertificate(certificate);
  if (read.kind === 'malformed') return `cannot be read (${read.text})`;
  const { key, signature } = read.fields;
  const parts: readonly Strength[] = of === 'key' ? [key.strength] : [key.strength, signature];
  const weak = parts.find((strength) => strength.kind !== 'sound');
  return weak === undefined ? undefined : `has ${weak.text}`;
}

interface Path {
  readonly path: readonly X509Certificate[];
  /** The last certificate is the one that is trusted. */
  readonly anchored: boolean;
}

/** As OpenSSL builds it (X509_V_FLAG_TRUSTED_FIRST): at each step an issuer that is trusted, else one that was sent. */
function pathOf(sent: readonly X509Certificate[], roots: TrustedRoots, now: Date): Path {
  const path = sent.slice(0, 1);
  // Above a certificate that is trusted stand only others that are.
  let others = sent;
  for (let top = path[0]; top !== undefined;) {
    const child = top;
    if (child.checkIssued(child)) return { path, anchored: true };
    const trusted = likeliest(roots.issuersOf(child), path, now);
    if (trusted !== undefined) others = [];
    top =
      trusted ??
      likeliest(
        others.filter((one) => child.checkIssued(one)),
        path,
        now,
      );
    if (top !== undefined) path.push(top);
  }
  return { path, anchored: false };
}

/** One within its dates rather than another. */
function likeliest(
  issuers: readonly X509Certificate[],
  path: readonly X509Certificate[],
  now: Date,
): X509Certificate | undefined {
  const left = issuers.filter((one) => !path.includes(one));
  return left.find((one) => isInForce(one, now)) ?? left[0];
}

function isInForce({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);
}
