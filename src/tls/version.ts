/** Versions of TLS. Pure. */

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

const order: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

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

/** TLS 1.0 and 1.1 are only spoken at OpenSSL's security level 0. */
export function needsLoweredSecurityLevel(minVersion: TlsVersion): boolean {
  return compareVersions(minVersion, 'TLSv1.2') < 0;
}
