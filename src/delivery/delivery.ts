/** What all parts of one guarded delivery share. */
import type { Sources } from '../discovery/discover';
import type { Found } from '../peers/rules';
import type { OutboundRule } from '../peers/rule';
import type { SessionCounter } from '../tlsrpt/session';
import type { ConnectionLimits, Connections } from '../session/connections';
import type { Timeouts } from '../smtp/timeouts';
import type { Attempt } from './attempt';
import type { HMailItem, OutboundConfigModule, OutboundTls, TlsSocketModule } from './haraka';
import type { About } from './kept_session';
import type { DeliverySummary } from './summary';

/** All in milliseconds. */
export interface DeliveryLimits {
  /** For the facts of one decision; below Haraka's plugin timeout. */
  readonly decision: number;
  /** For one attempt at one message, over all hosts. */
  readonly attempt: number;
  readonly session: Timeouts;
  readonly connections: ConnectionLimits;
}

export interface DeliveryOptions {
  /** `sender` is empty for the null sender. */
  findRule(sender: string, recipientDomain: string): Found<OutboundRule>;
  readonly sources: Sources;
  /** Hosts and plugins whose answers to `get_mx` are routes of the operator's. */
  readonly routes: readonly string[];
  readonly limits: DeliveryLimits;
  /** Whether Haraka's Redis memory of hosts with broken TLS counts, where cleartext is allowed. */
  readonly rememberBrokenTls: boolean;
  now(): Date;
}

/** What deliveries share. */
export interface DeliveryEnvironment {
  /** The options in force now; they change when the settings are reloaded. */
  options(): DeliveryOptions;
  readonly outboundConfig: OutboundConfigModule;
  readonly outboundTls: OutboundTls;
  readonly tlsSocket: TlsSocketModule;
  /** Those of this process, whichever message they were made for. */
  readonly connections: Connections<About>;
  /** Whether Haraka writes what is said to peers; for most lines of the wire nobody would see what it costs to make them printable. */
  logsProtocol(): boolean;
  /** Whether what happens is counted. */
  keepsEvidence(): boolean;
  /** Where sessions are counted for the reports to their peers. */
  sessions(): SessionCounter | 'uncounted';
  /** Whether Haraka's `no_tls_hosts` names this host or domain. */
  isExemptFromTls(name: string): boolean;
}

/** Haraka's own methods, which the guard overrides on the message. */
export type Originals = Pick<HMailItem, 'get_mx_respond' | 'found_mx' | 'get_force_tls' | 'try_deliver'>;

/** One message for one next-hop domain, over all its attempts. */
export interface Delivery {
  readonly hmail: HMailItem;
  readonly environment: DeliveryEnvironment;
  readonly original: Originals;
  /** The name of the plugin whose hook ran last. */
  readonly answerer: () => string | undefined;
  /** Told when recipients get a message of their own, with what happened so far. */
  readonly onSplit: (part: HMailItem, summary: DeliverySummary) => void;
  /** How often in a row it found its host busy. */
  givenBack: number;
  /** The one that is going on. */
  attempt: Attempt;
}
