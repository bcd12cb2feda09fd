/**
 * What became of messages, counted since this process began. Every label comes from a closed set, so that no peer can
 * make the counters grow.
 */
import { failureStatus } from '../failure';
import { Counters, type Figure } from '../figures';
import { securityLevels } from '../peers/rule';
import { groupOf } from './sighting';
import type { DeliverySummary, ReasonSummary } from './summary';

export const outcomes = ['delivered', 'deferred', 'bounced'] as const;
export type DeliveryOutcome = (typeof outcomes)[number];

type CountName =
  /** Attempts to deliver one message to one domain, by `level` and `outcome`. */
  | 'deliveries'
  /** Delivered messages by `tls` (version, or `none`), `group` (key exchange) and `verified` (how the peer was authenticated). */
  | 'protection'
  /** Hosts that did not get a message, by `reason`; `connection-failed` is the network's. */
  | 'host_failures'
  /** What would have been refused had it been enforced, and broken TLS that cleartext made up for, by `reason`. */
  | 'observed_failures'
  /** TLS handshakes that were made with hosts and met what was required, by `tls`. */
  | 'handshakes'
  /** Messages that came to a session which could carry them, by whether the `session` was `new` or `reused`. */
  | 'session_messages'
  /** Attempts with messages whose sender asked for something (RFC 8689), by `asked` (`required`, `no`) and `outcome`. */
  | 'requiretls'
  /** Peers by what they `began` to do: `failing`, `recovering`. */
  | 'peer_changes';

export type Count = Figure & { readonly name: CountName };

const reasons: ReadonlySet<string> = new Set([...Object.keys(failureStatus), 'connection-failed']);
const levels: ReadonlySet<string> = new Set(securityLevels);
const versions: ReadonlySet<string> = new Set(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']);

export class DeliveryCounters {
  readonly #counts = new Counters<CountName>();

  /** @param summary of an attempt that ended so */
  count(outcome: DeliveryOutcome, summary: DeliverySummary): void {
    this.#counts.add('deliveries', { level: among(levels, summary.level), outcome });
    if (summary.requiretls !== undefined)
      this.#counts.add('requiretls', { asked: summary.requiretls, outcome });
    if (outcome === 'delivered') {
      const tls = summary.tls_version === '' ? 'none' : among(versions, summary.tls_version);
      const group = tls === 'none' ? 'none' : groupOf(summary.group);
      this.#counts.add('protection', { tls, group, verified: kindOf(summary.verified) });
    }
    for (const { reason } of perHost(summary.reasons))
      this.#counts.add('host_failures', { reason: among(reasons, reason) });
    for (const { reason } of summary.recorded)
      this.#counts.add('observed_failures', { reason: among(reasons, reason) });
  }

  countHandshake(version: string): void {
    this.#counts.add('handshakes', { tls: among(versions, version) });
  }

  countMessage(session: 'new' | 'reused'): void {
    this.#counts.add('session_messages', { session });
  }

  peerChanged(began: 'failing' | 'recovering'): void {
    this.#counts.add('peer_changes', { began });
  }

  /** In the order in which they were first counted. */
  snapshot(): Count[] {
    return this.#counts.snapshot();
  }
}

/** Those of this process; metrics read them. */
export const deliveryCounters = new DeliveryCounters();

/** One failure per host and reason: a host with many addresses is one host. */
function perHost(failures: readonly ReasonSummary[]): readonly ReasonSummary[] {
  const seen = new Set<string>();
  return failures.filter(({ host, reason }) => {
    const key = `${host.split(' ')[0] ?? ''} ${reason}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function among(known: ReadonlySet<string>, text: string): string {
  return known.has(text) ? text : 'other';
}

/** `dane 3 1 1` and its like are all `dane`. */
function kindOf(verified: string): string {
  if (verified.startsWith('dane')) return verified.endsWith(' and pkix') ? 'dane+pkix' : 'dane';
  return ['pkix', 'fingerprint', 'unauthenticated', 'none'].includes(verified) ? verified : 'other';
}
