/** A policy, and what is known of the one that governs a domain. Plain data. */
import type { Failure } from '../failure';

/** An MTA-STS policy (RFC 8461 section 3.2). */
export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /**
   * Patterns in canonical form: a host name, or `*.` and a domain. Beside them, as they stand, values that match no host.
   * Empty only where the mode is `none`.
   */
  readonly mx: readonly string[];
  /** Seconds. */
  readonly maxAge: number;
  /** Keys that this version does not know, in order. */
  readonly extensions: readonly (readonly [key: string, value: string])[];
}

/** What is known of a domain's policy at the moment of a decision. */
export type StsFacts =
  /** The rule does not ask, or the route is not MX resolution. */
  | { readonly kind: 'not_asked' }
  /** Nothing is published, or nothing was ever obtained and nothing is cached. `failure`: what stood in the way. */
  | { readonly kind: 'no_policy'; readonly failure: Failure | 'not_published' }
  /**
   * A policy may be in force, and nobody can tell: what is stored cannot be read, something is published, and it could
   * not be fetched. Mail waits.
   */
  | { readonly kind: 'unknown'; readonly failure: Failure }
  | {
      readonly kind: 'policy';
      readonly policy: StsPolicy;
      /** The id of the TXT record with which the policy was fetched. */
      readonly id: string;
      /** A problem in refreshing it, which does not weaken the policy in force. */
      readonly refreshFailure: Failure | 'none';
    };
