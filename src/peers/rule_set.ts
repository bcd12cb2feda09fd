/** All rules as they are written, as far as finding one goes. The settings are one of these. */
import type { Failure } from '../failure';
import type { PeerIndex } from './index';
import type { InboundSection, OutboundSection, Section, Scoped } from './section';
import type { InboundValues, OutboundValues } from './rule';

export interface RuleSet {
  /** `invalid`: `tls-peers.ini` was never valid; all mail is held back. */
  readonly validity: { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly failure: Failure };
  readonly global: GlobalRules;
  /** By canonical name. */
  readonly domains: ReadonlyMap<string, DomainRules | InvalidDomain>;
}

/** What `tls-peers.ini` says of peers. */
export interface GlobalRules {
  /** The default for unspecified domains, in each direction. */
  readonly outbound: OutboundSection;
  readonly inbound: InboundSection;
  /** The peers of domains that are not managed; those with `scope = all` stand for managed domains, too. */
  readonly outboundPeers: PeerIndex<SharedOutboundSection>;
  readonly inboundPeers: PeerIndex<SharedInboundSection>;
}

export type SharedOutboundSection = Section<OutboundValues & Scoped>;
export type SharedInboundSection = Section<InboundValues & Scoped>;

/** What the file of a managed domain says of its peers. */
export interface DomainRules {
  readonly kind: 'managed';
  /** In canonical form. */
  readonly domain: string;
  /** Relative to Haraka's config directory. */
  readonly file: string;
  readonly status: 'enabled' | 'disabled';
  /** The defaults for peers that are not listed. Their line is 0 where the section is not written. */
  readonly outbound: OutboundSection;
  readonly inbound: InboundSection;
  readonly outboundPeers: PeerIndex<OutboundSection>;
  readonly inboundPeers: PeerIndex<InboundSection>;
}

/** A managed domain whose file was never valid: its mail is held back, never sent under a weaker rule. */
export interface InvalidDomain {
  readonly kind: 'invalid';
  readonly failure: Failure;
}
