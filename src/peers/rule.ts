/**
 * What is asked of mail between one managed domain and one peer in one direction: as it is written in a section, what holds
 * where nobody has written anything, and the rule that comes of it with inheritance done. Plain data.
 */
import type { Day } from './day';

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

/** Whether the domains that mail goes to are told of the TLS sessions with them (RFC 8460). */
export const tlsReportsModes = ['on', 'off', 'failures_only'] as const;
export type TlsReports = (typeof tlsReportsModes)[number];

/** What becomes of REQUIRETLS (RFC 8689) at a peer, named as Postfix names it; `policy/require_tls.ts` says what each asks. */
export const requireTlsModes = ['enforce', 'opportunistic_tls', 'opportunistic'] as const;
export type RequireTlsMode = (typeof requireTlsModes)[number];

/** Levels at which a domain's own DANE or MTA-STS is looked at: there it is told of it, unless a rule says otherwise. */
export function asksWhatPeersPublish(level: SecurityLevel): boolean {
  switch (level) {
    case 'opportunistic_dane':
    case 'mandatory_dane':
    case 'mta_sts':
    case 'auto':
      return true;
    case 'none':
    case 'opportunistic':
    case 'mandatory':
    case 'verify':
      return false;
  }
}

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
  readonly tlsReports: TlsReports;
  readonly requireTls: RequireTlsMode;
}

/** What a connection from a peer must satisfy, for recipients of one managed domain. */
export interface InboundRule {
  /** For logs and replies, such as `example.com [inbound 203.0.113.0/24]`. */
  readonly name: string;
  /** The address or network that it is for, as `formatPeer` writes it; absent where it is for a domain, or a default. */
  readonly network?: string;
  readonly level: 'opportunistic' | 'mandatory';
  /** Where the key is not set: 1.2 at `mandatory`, `none` at `opportunistic`. */
  readonly minTlsVersion: MinTlsVersion;
  readonly actionOnFailure: 'defer' | 'bounce';
  readonly enforcement: 'enforce' | 'monitor';
}

// ---- as it is written

/** The keys of a section about mail that goes out; `OutboundRule` says what they mean. */
export interface OutboundValues {
  readonly security_level?: SecurityLevel;
  readonly min_tls_version?: MinTlsVersion;
  readonly match?: readonly NameMatch[];
  /** PEM. */
  readonly ca_file?: string;
  readonly fingerprints?: readonly string[];
  readonly action_on_failure?: OutboundRule['actionOnFailure'];
  readonly enforcement?: OutboundRule['enforcement'];
  readonly cleartext_fallback?: CleartextFallback;
  readonly insecure_mx?: OutboundRule['insecureMx'];
  readonly tls_reports?: TlsReports;
  readonly requiretls?: RequireTlsMode;
  /** The section applies through this day in UTC, `YYYY-MM-DD`. */
  readonly exempt_until?: Day;
  readonly comment?: string;
}

/** The keys of a section about mail that comes in; `InboundRule` says what they mean. */
export interface InboundValues {
  readonly security_level?: InboundRule['level'];
  readonly min_tls_version?: MinTlsVersion;
  readonly action_on_failure?: InboundRule['actionOnFailure'];
  readonly enforcement?: InboundRule['enforcement'];
  /** As of `OutboundValues`. */
  readonly exempt_until?: Day;
  readonly comment?: string;
}

// ---- where nobody has written anything

/** `undefined`: leaving the key out is a state of its own. */
type Shipped<V> = { readonly [K in keyof V]-?: V[K] | undefined };

export const shippedOutbound = {
  security_level: 'auto',
  min_tls_version: undefined,
  match: [{ kind: 'hostname' }],
  ca_file: undefined,
  fingerprints: [],
  action_on_failure: 'defer',
  enforcement: 'enforce',
  cleartext_fallback: 'handshake_failure',
  insecure_mx: 'dane',
  tls_reports: undefined,
  requiretls: 'enforce',
  exempt_until: undefined,
  comment: undefined,
} as const satisfies Shipped<OutboundValues>;

export const shippedInbound = {
  security_level: 'opportunistic',
  min_tls_version: undefined,
  action_on_failure: 'bounce',
  enforcement: 'enforce',
  exempt_until: undefined,
  comment: undefined,
} as const satisfies Shipped<InboundValues>;
