/** What one MX host must satisfy on one connection: the outcome of all decisions. Plain data. */
import type { DaneAuthentication } from '../dane/types';
import type { Failure } from '../failure';
import type { CleartextFallback } from '../peers/rule';
import type { TlsVersion } from '../tls/version';

/** PKIX authentication: a trusted chain, and a SAN DNS-ID that matches one of the names. */
export interface PkixAuthentication {
  /** Reference identifiers in canonical form. */
  readonly names: readonly string[];
  /** Domains of which any subdomain will do, at any depth. */
  readonly subdomains: readonly string[];
  /** PEM of roots trusted beside the default ones. */
  readonly extraRoots: string | undefined;
  /** A name that the certificate must bear as well, whichever of the others it bears. */
  readonly also?: string;
}

export type Authentication =
  | { readonly kind: 'none' }
  | { readonly kind: 'dane'; readonly dane: DaneAuthentication }
  | { readonly kind: 'pkix'; readonly pkix: PkixAuthentication }
  /** Both must pass: DANE over an insecure MX beside an `enforce` policy. */
  | { readonly kind: 'dane_and_pkix'; readonly dane: DaneAuthentication; readonly pkix: PkixAuthentication }
  /** SHA-256 of accepted leaf certificates, lower-case hex. Where `dane` or `pkix` is there, it must pass as well. */
  | {
      readonly kind: 'fingerprints';
      readonly sha256: readonly string[];
      readonly dane?: DaneAuthentication;
      readonly pkix?: PkixAuthentication;
    };

/** What asked for a requirement: a level, or what was found under it. */
export type Because =
  | 'opportunistic'
  | 'mandatory'
  | 'verify'
  | 'no-dane'
  | 'dane'
  | 'dane-unusable'
  | 'no-sts'
  | 'sts-testing'
  | 'sts-enforce'
  | 'dane+sts-enforce'
  | 'monitor'
  | 'force_tls_hosts'
  | 'requiretls';

/** Cleartext is forbidden: nothing of the envelope is sent unless this holds. */
export interface EncryptedRequirement {
  readonly kind: 'encrypted';
  readonly minVersion: TlsVersion;
  readonly authentication: Authentication;
  /** SNI; `undefined` for an address, which is never sent. */
  readonly serverName: string | undefined;
  /** What else would have been required, as in `OpportunisticRequirement`. */
  readonly observe: EncryptedRequirement | undefined;
  readonly because: Because;
}

export interface OpportunisticRequirement {
  readonly kind: 'opportunistic';
  readonly minVersion: TlsVersion;
  readonly cleartextFallback: CleartextFallback;
  /** As of `EncryptedRequirement`. */
  readonly serverName: string | undefined;
  /**
   * What would have been required, held against the connection and recorded but never enforced: a `testing` policy
   * (RFC 8461 section 5), or `enforcement = monitor`.
   */
  readonly observe: EncryptedRequirement | undefined;
  readonly because: Because;
}

/** One that a TLS session can meet. */
export type TlsRequirement = EncryptedRequirement | OpportunisticRequirement;

export type Requirement =
  /** Never STARTTLS. `because` is for people. */
  { readonly kind: 'cleartext'; readonly because: string } | OpportunisticRequirement | EncryptedRequirement;

/** One MX host that may be connected to, and on which terms. */
export interface HostPlan {
  readonly host: string;
  readonly preference: number;
  readonly port: number;
  /** Empty on a route: the routing has them. */
  readonly addresses: readonly string[];
  readonly requirement: Requirement;
  /** Failures seen while deciding that are recorded but do not stop delivery (`monitor`, `testing`). */
  readonly recorded: readonly Failure[];
  /** Whether REQUIRETLS is said at MAIL (RFC 8689): absent for mail that does not ask for it. */
  readonly requireTls?: 'where_offered' | 'required';
  /** What was found, for people: `dane secure-mx`, `sts enforce id=2026`, `no dane (insecure)`. */
  readonly discovered: string;
}

/** One MX host that is not connected to. */
export interface RefusedHost {
  readonly host: string;
  readonly failure: Failure;
  readonly discovered: string;
}

/** What to do with one message for one next-hop domain. */
export type Decision =
  /** `hosts` in the order to try them; may be empty where every host was refused. */
  | {
      readonly kind: 'deliver';
      readonly hosts: readonly HostPlan[];
      readonly refused: readonly RefusedHost[];
    }
  /** Keep the message and try later. */
  | { readonly kind: 'defer'; readonly failure: Failure }
  /** The domain takes no mail, under any rule. */
  | { readonly kind: 'undeliverable'; readonly domain: string; readonly cause: UndeliverableCause };

/** `no_address`: no MX records, and no address of its own either. */
export type UndeliverableCause = 'null_mx' | 'no_such_domain' | 'no_address';
