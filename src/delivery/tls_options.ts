/** What a TLS handshake with one MX host is asked for. The requirement is held against the result all the same. */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { defaultRoots, rootsDigest } from '../mta_sts/roots';
import type { EncryptedRequirement, OpportunisticRequirement, TlsVersion } from '../policy/requirement';
import { extraRootsOf } from '../policy/observed';
import { compareVersions, needsLoweredSecurityLevel, tlsVersion, type VersionRange } from '../policy/version';

type TlsRequirement = EncryptedRequirement | OpportunisticRequirement;

/** A client certificate of Haraka's, as `createSecureContext` takes it. */
export interface ClientCertificate {
  readonly key: SecureContextOptions['key'];
  readonly cert: SecureContextOptions['cert'];
}

/**
 * The options for `socket.upgrade`.
 *
 * A ready context carries everything that Haraka would otherwise merge over it (`mutual_tls`, `mutual_auth_hosts`).
 * Chain and name are judged after the handshake, so none of it ends the handshake here. No session is ever offered for
 * resumption: each handshake shows its own certificate.
 */
export function upgradeOptions(
  requirement: TlsRequirement,
  haraka: Record<string, unknown>,
  certificate: ClientCertificate | 'none',
): Record<string, unknown> {
  const minVersion = stricter(requirement.minVersion, haraka.minVersion);
  const versions = { minVersion, maxVersion: newest(minVersion, haraka.maxVersion) };
  return {
    ...(requirement.serverName === '' ? {} : { servername: requirement.serverName }),
    secureContext: contextFor(requirement, versions, haraka, certificate),
    // For the text of a handshake that fails: the context has them already.
    ...versions,
    rejectUnauthorized: false,
    // The name is checked by the requirement's own rules; here it would only hide what the chain is worth.
    checkServerIdentity: () => undefined,
  };
}

/** Building a context parses certificates; connections that ask for the same share it. */
const contexts = new LRUCache<string, SecureContext>({ max: 64 });

function contextFor(
  requirement: TlsRequirement,
  versions: VersionRange,
  haraka: Record<string, unknown>,
  certificate: ClientCertificate | 'none',
): SecureContext {
  const { minVersion, maxVersion } = versions;
  const ciphers = cipherList(minVersion, haraka.ciphers);
  const extraRoots = extraRootsOf(requirement);
  const own = certificate === 'none' ? configuredCertificate(haraka) : certificate;
  const trust = [rootsDigest(extraRoots), identity(own.key), identity(own.cert)];
  const key = [minVersion, maxVersion, ciphers, ...trust].join('|');
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const context = createSecureContext({
    minVersion,
    maxVersion,
    ...(ciphers === '' ? {} : { ciphers }),
    ...(extraRoots === '' ? {} : { ca: [...defaultRoots(), extraRoots] }),
    ...(own.key === undefined || own.cert === undefined ? {} : { key: own.key, cert: own.cert }),
  });
  contexts.set(key, context);
  return context;
}

/** Haraka's own minimum (tls.ini) stays in force where it is the higher one. */
function stricter(wanted: TlsVersion, configured: unknown): TlsVersion {
  const version = typeof configured === 'string' ? tlsVersion(configured) : undefined;
  return version !== undefined && compareVersions(version, wanted) > 0 ? version : wanted;
}

/**
 * Haraka's own maximum (tls.ini), which nobody needs but for peers that break with newer versions.
 *
 * @throws Error where it is below what the rule wants
 */
function newest(minVersion: TlsVersion, configured: unknown): TlsVersion {
  const version = typeof configured === 'string' ? tlsVersion(configured) : undefined;
  if (version === undefined) return 'TLSv1.3';
  if (compareVersions(version, minVersion) >= 0) return version;
  throw new Error(`maxVersion = ${version} is below ${minVersion}, which the rule or minVersion wants`);
}

/**
 * At security level 0 OpenSSL takes weak certificates, too. tls.ini may say it for the sake of old clients of Haraka's own
 * server; a connection that does not need it must not inherit it.
 */
export function cipherList(minVersion: TlsVersion, configured: unknown): string {
  const ciphers = typeof configured === 'string' ? configured.replace(/:?@SECLEVEL=0/g, '') : '';
  if (!needsLoweredSecurityLevel(minVersion) || ciphers.includes('@SECLEVEL')) return ciphers;
  return ciphers === '' ? 'DEFAULT@SECLEVEL=0' : `${ciphers}:@SECLEVEL=0`;
}

function configuredCertificate(haraka: Record<string, unknown>): ClientCertificate {
  const { key, cert } = haraka;
  return Buffer.isBuffer(key) && Buffer.isBuffer(cert) ? { key, cert } : { key: undefined, cert: undefined };
}

const identities = new WeakMap<object, number>();
let lastIdentity = 0;

/** Haraka hands out the same key objects until it reloads them. */
function identity(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : '';
  const known = identities.get(value);
  if (known !== undefined) return String(known);
  lastIdentity += 1;
  identities.set(value, lastIdentity);
  return String(lastIdentity);
}
