import type { MinTlsVersion } from '../peers/rule';
import type { Authentication, TlsVersion } from '../policy/requirement';

const order: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

const versionOf = {
  none: 'TLSv1',
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
} as const satisfies Record<MinTlsVersion, TlsVersion>;

/** Below zero where `a` is older than `b`, zero where they are the same. */
export function compareVersions(a: TlsVersion, b: TlsVersion): number {
  return order.indexOf(a) - order.indexOf(b);
}

/** The protocol name that a TLS socket reports, as a version; `undefined` for anything unknown (SSLv3). */
export function tlsVersion(protocol: string | null | undefined): TlsVersion | undefined {
  return order.find((version) => version === protocol);
}

/** The versions that a handshake offers. */
export interface VersionRange {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

export const anyVersion: VersionRange = { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' };

/** What the options of a TLS connection say of versions. */
export function versionRange(options: { minVersion?: unknown; maxVersion?: unknown }): VersionRange {
  return {
    minVersion: tlsVersion(textOf(options.minVersion)) ?? anyVersion.minVersion,
    maxVersion: tlsVersion(textOf(options.maxVersion)) ?? anyVersion.maxVersion,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * The minimum for one requirement: what the rule says; where it says nothing, 1.2 if cleartext is forbidden and no
 * minimum otherwise (old TLS beats no TLS). A requirement that verifies a PKIX chain never goes below 1.2: TLS 1.0 and
 * 1.1 need OpenSSL's security level lowered, and that would let weak certificates through the chain.
 */
export function minimumVersion(
  configured: MinTlsVersion | 'by_requirement',
  use: Authentication['kind'] | 'opportunistic',
): TlsVersion {
  const wanted = configured === 'by_requirement' ? (use === 'opportunistic' ? 'none' : '1.2') : configured;
  const version = versionOf[wanted];
  const verifiesChain = use === 'pkix' || use === 'dane_and_pkix';
  return verifiesChain && compareVersions(version, 'TLSv1.2') < 0 ? 'TLSv1.2' : version;
}

/** TLS 1.0 and 1.1 are only spoken at OpenSSL's security level 0. */
export function needsLoweredSecurityLevel(minVersion: TlsVersion): boolean {
  return compareVersions(minVersion, 'TLSv1.2') < 0;
}
