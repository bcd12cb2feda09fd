/** The certificate authorities that are trusted: Node's own, and those that a rule adds. */
import { createHash, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { LRUCache } from 'lru-cache';
import { verifiedContext } from './verified';
import { constrainingCertificates } from '../x509/roots';

/** Names a set of added roots: what was authenticated under one set must not count under another. */
export function rootsDigest(extraRoots: string): string {
  return extraRoots === '' ? 'default' : createHash('sha256').update(extraRoots).digest('hex');
}

/** A context takes up to a hundred certificates to build, and few sets of roots are in use at a time. */
const contexts = new LRUCache<string, tls.SecureContext>({ max: 32 });

/**
 * What a policy host is held to: TLS 1.2 or later, and the default roots or those of `extraRoots` (PEM, empty for none).
 * Connections share it, sessions they do not.
 *
 * @throws where `extraRoots` holds no readable certificate.
 */
export function policyHostContext(extraRoots: string): tls.SecureContext {
  const digest = rootsDigest(extraRoots);
  const known = contexts.get(digest);
  if (known !== undefined) return known;
  const secureContext = tls.createSecureContext({
    // `ca` replaces the default roots, so these are named again.
    ...(extraRoots === '' ? {} : { ca: [...defaultRoots(), extraRoots] }),
    ...verifiedContext(),
  });
  contexts.set(digest, secureContext);
  return secureContext;
}

/** The PEM of the roots that are trusted by default: `ca` replaces them, so whoever adds one names these again. */
export function defaultRoots(): readonly string[] {
  // Newer than the oldest Node that is supported; it knows of every way to configure roots.
  const get: unknown = Reflect.get(tls, 'getCACertificates');
  if (typeof get === 'function') return (get as (type: string) => string[])('default');
  return [...tls.rootCertificates, ...nodeExtraRoots()];
}

const constraining = new LRUCache<string, { readonly certificates: readonly X509Certificate[] }>({ max: 32 });

/** Those that are trusted by default or by `extraRoots` (PEM), where any of them constrains names; else none. */
export function constrainingRoots(extraRoots: string): readonly X509Certificate[] {
  const known = constraining.get(extraRoots);
  if (known !== undefined) return known.certificates;
  const certificates = constrainingCertificates([...defaultRoots(), extraRoots]);
  constraining.set(extraRoots, { certificates });
  return certificates;
}

/** `NODE_EXTRA_CA_CERTS`. Node itself warns about a file that cannot be read and goes on without it. */
function nodeExtraRoots(): string[] {
  const path = process.env.NODE_EXTRA_CA_CERTS;
  if (path === undefined || path === '') return [];
  try {
    return [readFileSync(path, 'utf8')];
  } catch {
    return [];
  }
}
