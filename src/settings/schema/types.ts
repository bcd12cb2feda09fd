import type { InboundValues, OutboundValues } from '../../peers/rule';
import type { DomainRules, GlobalRules, InvalidDomain as InvalidRules, RuleSet } from '../../peers/rule_set';
import type { Section } from '../../peers/section';
import type {
  cacheKeys,
  CamelValues,
  deliveryKeys,
  evidenceKeys,
  fleetKeys,
  globalInboundKeys,
  globalOutboundKeys,
  hostedPolicyKeys,
  hostingKeys,
  resolverKeys,
  stsKeys,
  timeoutKeys,
  webKeys,
  tlsReportsKeys,
  Written,
} from './keys';

/** Keys that only this section has are no part of a rule, and are handed down to nobody. */
export type GlobalOutboundSection = Section<
  OutboundValues & Pick<Written<typeof globalOutboundKeys>, 'past_the_queue' | 'routes'>
>;

/** As of `GlobalOutboundSection`. */
export type GlobalInboundSection = Section<
  InboundValues & Pick<Written<typeof globalInboundKeys>, 'requiretls'>
>;

/** `tls-peers.ini`, complete with defaults. Every duration is in seconds. */
export interface GlobalSettings extends GlobalRules {
  readonly outbound: GlobalOutboundSection;
  readonly inbound: GlobalInboundSection;
  readonly resolver: CamelValues<typeof resolverKeys>;
  readonly cache: CamelValues<typeof cacheKeys>;
  readonly mtaSts: CamelValues<typeof stsKeys>;
  readonly timeouts: CamelValues<typeof timeoutKeys>;
  readonly delivery: CamelValues<typeof deliveryKeys>;
  readonly evidence: CamelValues<typeof evidenceKeys>;
  readonly tlsReports: CamelValues<typeof tlsReportsKeys>;
  readonly fleet: CamelValues<typeof fleetKeys>;
  readonly hosting: CamelValues<typeof hostingKeys>;
  readonly web: CamelValues<typeof webKeys>;
}

export type HostedPolicy = CamelValues<typeof hostedPolicyKeys>;

/** The file of a managed domain: its rules, and the policy that it publishes. */
export interface ManagedDomain extends DomainRules {
  readonly comment: string;
  readonly policy:
    | { readonly kind: 'none' }
    | (HostedPolicy & { readonly kind: 'hosted'; readonly line: number | undefined });
}

export interface InvalidDomain extends InvalidRules {
  readonly domain: string;
  /** Relative to Haraka's config directory. */
  readonly file: string;
}

/**
 * Everything that is configured, as plain frozen data. Where it is `invalid`, `global` holds what this suite is shipped with.
 */
export interface Settings extends RuleSet {
  readonly global: GlobalSettings;
  /** By canonical name. */
  readonly domains: ReadonlyMap<string, ManagedDomain | InvalidDomain>;
}
