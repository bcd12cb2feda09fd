/**
 * TLS reports of our own on their way. They are known by a note that the queue file carries: plugins can set it, senders cannot,
 * whatever headers they write.
 */
import { parseDay, type Day } from '../peers/day';
import { asksWhatPeersPublish, type OutboundRule } from '../peers/rule';
import type { Todo } from './haraka';

/** In the notes of the message. */
export const reportNote = 'tls_peers_report';

/** Which report a message is: of which day, about which domain, to which destination, and when it was queued (milliseconds since 1970). */
export interface ReportNote {
  readonly day: Day;
  readonly domain: string;
  readonly uri: string;
  readonly at: number;
}

/** @returns `undefined` where it is no report */
export function reportNoteOf({ notes }: Pick<Todo, 'notes'>): ReportNote | undefined {
  const note: unknown = notes?.[reportNote];
  if (typeof note !== 'object' || note === null) return undefined;
  const { day, domain, uri, at } = note as Record<string, unknown>;
  const parsed = typeof day === 'string' ? parseDay(day) : undefined;
  if (parsed === undefined || typeof domain !== 'string' || typeof uri !== 'string') return undefined;
  return { day: parsed, domain, uri, at: typeof at === 'number' ? at : 0 };
}

export function isReport(todo: Pick<Todo, 'notes'>): boolean {
  return reportNoteOf(todo) !== undefined;
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
