/** What a handshake with one host is to be like. `policy/handshake_terms` makes it of a requirement. Plain data. */
import type { TlsVersion } from './version';

export interface HandshakeTerms {
  readonly minVersion: TlsVersion;
  /** SNI; empty for none. */
  readonly serverName: string;
  /** PEM of the roots that are trusted beside the default ones; empty for none. */
  readonly extraRoots: string;
  readonly certificate: CertificateCheck;
}

/** What the certificate that the peer shows is there for. */
export type CertificateCheck =
  /** OpenSSL's verdict on its chain is enforced. */
  | 'chain'
  /** It is held to something else, such as TLSA records. Without one the connection fails. */
  | 'other'
  /** It is looked at, and stops nothing. */
  | 'observed'
  | 'none';
