/**
 * What a TLS handshake with one MX host is asked for.
 *
 * In SMTP a connection begins in cleartext and turns to TLS by STARTTLS (RFC 3207). The client offers versions, ciphers and key
 * exchange groups, names the host (SNI, RFC 6066 section 3), and the server chooses and shows its certificates. A handshake
 * that comes about says nothing yet: `session` has the facts, and what they are worth is for `policy/session`.
 *
 * OpenSSL and Node would decide some of it by default, and not the same in each version. All of that is decided here:
 * docs/tls.md has the table.
 */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { cipherList, type CipherList } from './ciphers';
import { groupList, type Hello } from './groups';
import type { HandshakeTerms } from './handshake_terms';
import { rootsDigest, trusting } from './roots';
import { securityLevelOf } from './security_level';
import { compareVersions, tlsVersion, type TlsVersion, type VersionRange } from './version';

/** A client certificate of Haraka's, as `createSecureContext` takes it. */
export interface ClientCertificate {
  readonly key: SecureContextOptions['key'];
  readonly cert: SecureContextOptions['cert'];
}

export interface HandshakeRequest {
  readonly terms: HandshakeTerms;
  /** tls.ini for outbound connections, as Haraka hands it out: `minVersion`, `maxVersion`, `ciphers`, `key`, `cert`. */
  readonly haraka: Readonly<Record<string, unknown>>;
  /** One chosen for this host, in place of `key` and `cert` of tls.ini. */
  readonly certificate: ClientCertificate | 'none';
  /** `classic` after a handshake that stalled. */
  readonly hello: Hello;
  /**
   * Signature algorithms that are offered, as OpenSSL lists them, where not all: a host with several certificates shows the one
   * that they are good for.
   */
  readonly signatures?: string;
}

/** For `tls.connect`, beside the socket. */
export interface HandshakeOptions extends VersionRange {
  /** SNI; absent for none. */
  readonly servername?: string;
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: false;
  readonly checkServerIdentity: () => undefined;
  /** Bits. */
  readonly minDHSize: number;
}

/** OpenSSL's own limit at level 1, and Node's default. Below it anyone can listen in (Logjam). */
const minDHSize = 1024;

/**
 * The options for `tls.connect`, or for `upgrade` of Haraka's sockets.
 *
 * A ready context carries everything that Haraka would otherwise merge over it (`mutual_tls`, `mutual_auth_hosts`).
 * Chain and name are judged after the handshake, so none of it ends the handshake here. No session is ever offered for
 * resumption: each handshake shows its own certificate.
 *
 * @throws Error where tls.ini leaves no TLS version that the terms take, or has ciphers, a key or a certificate that
 *   OpenSSL does not take
 */
export function handshakeOptions(request: HandshakeRequest): HandshakeOptions {
  const { serverName } = request.terms;
  const context = contextTerms(request);
  return {
    ...(serverName === undefined ? {} : { servername: serverName }),
    secureContext: contextFor(context),
    // For the text of a handshake that fails: the context has them already.
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
    rejectUnauthorized: false,
    // The name is checked afterwards, by rules of our own; here it would only hide what the chain is worth.
    checkServerIdentity: () => undefined,
    minDHSize,
  };
}

/**
 * The same for handshakes that are asked for the same: the name, versions, ciphers, groups, roots, level, our certificate.
 *
 * @throws as `handshakeOptions`
 */
export function handshakeIdentity(request: HandshakeRequest): string {
  return `${identity(contextFor(contextTerms(request)))} ${request.terms.serverName ?? ''}`;
}

interface ContextTerms extends VersionRange {
  readonly ciphers: CipherList;
  readonly groups: string;
  readonly extraRoots: string;
  readonly own: ClientCertificate;
  /** Empty for all that OpenSSL offers. */
  readonly signatures: string;
}

function contextTerms({
  terms,
  haraka,
  certificate,
  hello,
  signatures = '',
}: HandshakeRequest): ContextTerms {
  const wanted = stricter(terms.minVersion, haraka.minVersion);
  const ciphers = cipherList(textOf(haraka.ciphers), {
    securityLevel: securityLevelOf(terms, wanted),
    certificate: terms.certificate,
  });
  const minVersion = ciphers.versions === 'only_1.3' ? 'TLSv1.3' : wanted;
  return {
    minVersion,
    maxVersion: newest(minVersion, haraka.maxVersion),
    ciphers,
    groups: groupList(hello),
    extraRoots: terms.extraRoots ?? '',
    own: certificate === 'none' ? configuredCertificate(haraka) : certificate,
    signatures,
  };
}

/** Building a context parses certificates; connections that ask for the same share it. */
const contexts = new LRUCache<string, SecureContext>({ max: 64 });

function contextFor(terms: ContextTerms): SecureContext {
  const { minVersion, maxVersion, ciphers, groups, extraRoots, own, signatures } = terms;
  const trust = [rootsDigest(extraRoots), identity(own.key), identity(own.cert)];
  const key = [minVersion, maxVersion, identity(ciphers), groups, signatures, ...trust].join('|');
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const context = createContext(terms);
  contexts.set(key, context);
  return context;
}

/** A client certificate that is too weak for the security level is not shown: few hosts ask for one. */
function createContext(terms: ContextTerms): SecureContext {
  try {
    return createSecureContext(contextOptions(terms));
  } catch (error) {
    if (!tooWeak.has(codeOf(error))) throw error;
    return createSecureContext(contextOptions({ ...terms, own: noCertificate }));
  }
}

const tooWeak = new Set(['ERR_SSL_EE_KEY_TOO_SMALL', 'ERR_SSL_CA_KEY_TOO_SMALL', 'ERR_SSL_CA_MD_TOO_WEAK']);

function contextOptions(terms: ContextTerms): SecureContextOptions {
  const { minVersion, maxVersion, ciphers, groups, extraRoots, own, signatures } = terms;
  return {
    minVersion,
    maxVersion,
    ciphers: ciphers.ciphers,
    ecdhCurve: groups,
    ...(signatures === '' ? {} : { sigalgs: signatures }),
    ...trusting(extraRoots),
    ...(own.key === undefined || own.cert === undefined ? {} : { key: own.key, cert: own.cert }),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Haraka's own minimum (tls.ini) stays in force where it is the higher one. */
function stricter(wanted: TlsVersion, configured: unknown): TlsVersion {
  const version = tlsVersion(textOf(configured));
  return version !== undefined && compareVersions(version, wanted) > 0 ? version : wanted;
}

/**
 * Haraka's own maximum (tls.ini), which nobody needs but for peers that break with newer versions.
 *
 * @throws Error where it is below what the rule wants
 */
function newest(minVersion: TlsVersion, configured: unknown): TlsVersion {
  const version = tlsVersion(textOf(configured));
  if (version === undefined) return 'TLSv1.3';
  if (compareVersions(version, minVersion) >= 0) return version;
  throw new Error(`maxVersion = ${version} is below ${minVersion}, which the rule or tls.ini wants`);
}

function configuredCertificate(haraka: Readonly<Record<string, unknown>>): ClientCertificate {
  const { key, cert } = haraka;
  return Buffer.isBuffer(key) && Buffer.isBuffer(cert) ? { key, cert } : noCertificate;
}

const noCertificate: ClientCertificate = { key: undefined, cert: undefined };

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
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
