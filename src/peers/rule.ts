/** What is asked of mail between one managed domain and one peer in one direction, with inheritance done. Plain data. */

export const securityLevels = [
  'none',
  'opportunistic',
  'mandatory',
  'verify',
  'opportunistic_dane',
  'mandatory_dane',
  'mta_sts',
  'auto',
] as const;
export type SecurityLevel = (typeof securityLevels)[number];

/** `none` is any of TLS 1.0 to 1.3. */
export const minTlsVersions = ['none', '1.0', '1.1', '1.2', '1.3'] as const;
export type MinTlsVersion = (typeof minTlsVersions)[number];

/** When a level that allows cleartext may use it. */
export const cleartextFallbacks = ['handshake_failure', 'no_starttls', 'never'] as const;
export type CleartextFallback = (typeof cleartextFallbacks)[number];

/** What a name of `verify` is held against. */
export type NameMatch =
  /** The MX host name. */
  | { readonly kind: 'hostname' }
  /** The next-hop domain. */
  | { readonly kind: 'nexthop' }
  /** Any name below the next-hop domain. */
  | { readonly kind: 'dot-nexthop' }
  /** Exactly this name; `*.example.com` is written as `subdomains`. */
  | { readonly kind: 'name'; readonly name: string }
  /** Any name below `domain`. */
  | { readonly kind: 'subdomains'; readonly domain: string };

export interface OutboundRule {
  /** For logs and DSNs, such as `example.com [outbound partner.example]` or `tls-peers.ini [outbound]`. */
  readonly name: string;
  readonly level: SecurityLevel;
  /** `by_requirement`: 1.2 where the host's requirement forbids cleartext, `none` elsewhere. */
  readonly minTlsVersion: MinTlsVersion | 'by_requirement';
  /** Names accepted at `verify`. Never empty. */
  readonly match: readonly NameMatch[];
  /** PEM of roots trusted beside the default ones. */
  readonly extraRoots: string | undefined;
  /** SHA-256 of accepted leaf certificates, lower-case hex; where not empty they replace chain and name at `verify`. */
  readonly fingerprints: readonly string[];
  readonly actionOnFailure: 'defer' | 'bounce';
  readonly enforcement: 'enforce' | 'monitor';
  readonly cleartextFallback: CleartextFallback;
  /** What an unsigned MX RRset means for DANE (RFC 7672 section 2.2.1). */
  readonly insecureMx: 'may' | 'dane';
}

/** What a connection from a peer must satisfy, for recipients of one managed domain. */
export interface InboundRule {
  /** For logs and replies, such as `example.com [inbound 203.0.113.0/24]`. */
  readonly name: string;
  readonly level: 'opportunistic' | 'mandatory';
  /** Where the key is not set: 1.2 at `mandatory`, `none` at `opportunistic`. */
  readonly minTlsVersion: MinTlsVersion;
  readonly actionOnFailure: 'defer' | 'bounce';
  readonly enforcement: 'enforce' | 'monitor';
}
