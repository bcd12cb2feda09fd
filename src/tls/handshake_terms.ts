/** What a handshake is begun for: as much as OpenSSL has to know of what it will be held to. Plain data. */
import type { TlsVersion } from './version';

export interface HandshakeTerms {
  readonly minVersion: TlsVersion;
  /** SNI; `undefined` for none. */
  readonly serverName: string | undefined;
  /** PEM of roots trusted beside the default ones. */
  readonly extraRoots: string | undefined;
  /** Whether OpenSSL's verdict on the chain is held against the peer. */
  readonly chain: 'enforced' | 'not_enforced';
  readonly certificate: CertificateUse;
}

/** How far a handshake depends on the peer's showing a certificate. */
export type CertificateUse =
  /** It fails without one. */
  | 'enforced'
  /** It is looked at, and stops nothing. */
  | 'observed'
  | 'none';
