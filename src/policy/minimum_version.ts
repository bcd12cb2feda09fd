import type { MinTlsVersion } from '../peers/rule';
import { compareVersions, type TlsVersion } from '../tls/version';
import type { Authentication } from './requirement';

const versionOf = {
  none: 'TLSv1',
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
} as const satisfies Record<MinTlsVersion, TlsVersion>;

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
