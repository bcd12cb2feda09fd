/** The certificate authorities that a handshake trusts: Node's own, and those that a rule adds. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { LRUCache } from 'lru-cache';
import { rootsIn, type TrustedRoots } from '../x509/roots';

/** Names a set of added roots: what was authenticated under one set must not count under another. */
export function rootsDigest(extraRoots: string): string {
  return extraRoots === '' ? 'default' : createHash('sha256').update(extraRoots).digest('hex');
}

/**
 * For a context that trusts `extraRoots` (PEM, empty for none) beside the default roots. `ca` takes the place of the default
 * ones, so where any are added those are named again.
 */
export function trusting(extraRoots: string): Pick<tls.SecureContextOptions, 'ca'> {
  return extraRoots === '' ? {} : { ca: [...defaultRoots(), extraRoots] };
}

/** A set takes milliseconds to decode, and few sets are in use at a time. */
const sets = new LRUCache<string, TrustedRoots>({ max: 32 });

/** What a context trusts that was made with `trusting(extraRoots)`. */
export function trustedRoots(extraRoots: string): TrustedRoots {
  const key = rootsDigest(extraRoots);
  const found = sets.get(key) ?? rootsIn([...defaultRoots(), extraRoots]);
  sets.set(key, found);
  return found;
}

/** PEM. */
function defaultRoots(): readonly string[] {
  // Newer than the oldest Node that is supported; it knows of every way to configure roots.
  const get: unknown = Reflect.get(tls, 'getCACertificates');
  if (typeof get === 'function') return (get as (type: string) => string[])('default');
  return [...tls.rootCertificates, ...nodeExtraRoots()];
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
