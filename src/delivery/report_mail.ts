/**
 * TLS reports of our own on their way. They are known by a note that the queue file carries: plugins can set it, senders cannot,
 * whatever headers they write.
 */
import { asksWhatPeersPublish, type OutboundRule } from '../peers/rule';
import type { Todo } from './haraka';

/** In the notes of the message. */
export const reportNote = 'tls_peers_report';

export function isReport({ notes }: Pick<Todo, 'notes'>): boolean {
  return notes !== undefined && typeof (notes as Record<string, unknown>)[reportNote] === 'object';
}

/**
 * A report goes whatever the recipient publishes: it may be about just that being broken (RFC 8460 section 3). What the operator
 * demands of the peer by a rule of its own still holds.
 */
export function ruleForReport(rule: OutboundRule): OutboundRule {
  const isOwnDemand = !asksWhatPeersPublish(rule.level) || rule.level === 'mandatory_dane';
  if (isOwnDemand) return rule;
  return {
    ...rule,
    name: `${rule.name}, for a TLS report`,
    level: 'opportunistic',
    cleartextFallback: 'handshake_failure',
    minTlsVersion: 'none',
    tlsReports: 'off',
  };
}
