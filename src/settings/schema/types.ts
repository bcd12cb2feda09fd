import type { Failure } from '../../failure';
import type { PeerIndex } from '../../peers/index';
import type { InboundSection, OutboundSection, OutboundValues, Section } from '../../peers/section';
import type {
  cacheKeys,
  CamelValues,
  deliveryKeys,
  globalOutboundKeys,
  hostedPolicyKeys,
  hostingKeys,
  resolverKeys,
  stsKeys,
  timeoutKeys,
  Written,
} from './keys';

/** Keys that only this section has are no part of a rule, and are handed down to nobody. */
export type GlobalOutboundSection = Section<
  OutboundValues & Pick<Written<typeof globalOutboundKeys>, 'past_the_queue' | 'routes'>
>;

/** `tls-peers.ini`, complete with defaults. Every duration is in seconds. */
export interface GlobalSettings {
  /** The rules for domains that are not managed; managed domains inherit from them. */
  readonly outbound: GlobalOutboundSection;
  readonly inbound: InboundSection;
  readonly resolver: CamelValues<typeof resolverKeys>;
  readonly cache: CamelValues<typeof cacheKeys>;
  readonly mtaSts: CamelValues<typeof stsKeys>;
  readonly timeouts: CamelValues<typeof timeoutKeys>;
  readonly delivery: CamelValues<typeof deliveryKeys>;
  readonly hosting: CamelValues<typeof hostingKeys>;
}

export type HostedPolicy = CamelValues<typeof hostedPolicyKeys>;

export interface ManagedDomain {
  readonly kind: 'managed';
  /** In canonical form. */
  readonly domain: string;
  /** Relative to Haraka's config directory. */
  readonly file: string;
  readonly status: 'enabled' | 'disabled';
  readonly comment: string;
  /** The defaults for peers that are not listed, written or not. */
  readonly outbound: OutboundSection;
  readonly inbound: InboundSection;
  readonly outboundPeers: PeerIndex<OutboundSection>;
  readonly inboundPeers: PeerIndex<InboundSection>;
  readonly policy:
    | { readonly kind: 'none' }
    | (HostedPolicy & { readonly kind: 'hosted'; readonly line: number | undefined });
}

/** A managed domain whose file was never valid: its mail is held back, never sent under a weaker rule. */
export interface InvalidDomain {
  readonly kind: 'invalid';
  readonly domain: string;
  readonly file: string;
  readonly failure: Failure;
}

/** Everything that is configured, as plain frozen data. */
export interface Settings {
  /** `invalid`: the global file was never valid; all mail is held back and `global` holds the shipped defaults. */
  readonly validity: { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly failure: Failure };
  readonly global: GlobalSettings;
  /** By canonical name. */
  readonly domains: ReadonlyMap<string, ManagedDomain | InvalidDomain>;
}
