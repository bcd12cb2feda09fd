/** One attempt at one message as the log of messages has it: a row for each recipient. */
import { peerName } from '../evidence/peer_name';
import { causeOf } from '../evidence/held_note';
import type { Sighting } from '../evidence/sighting';
import type { TrackRow } from '../evidence/track';
import { textOf, type EnvelopeAddress } from './address';
import type { HMailItem, Recipient } from './haraka';
import { replyTo, type DeliverySummary } from './summary';

export interface Tracked {
  readonly hmail: HMailItem;
  readonly recipients: readonly Recipient[];
  readonly summary: DeliverySummary;
  readonly sighting: Sighting;
  readonly managed: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Under which name the Message-ID waits with a message: its queue file outlives the process that took the message. */
export const idNote = 'tls_peers_message_id';

export function trackRows({ hmail, recipients, summary, sighting, managed, at }: Tracked): TrackRow[] {
  const { uuid, mail_from, domain, notes } = hmail.todo;
  const { outcome, tls } = sighting;
  const isDelivered = outcome === 'delivered';
  const whose = { managed, peer: peerName(domain) };
  const cause = isDelivered ? { why: '', host: '', text: '' } : causeOf(summary, whose);
  // As failures name it: `mx.peer.example [192.0.2.1]`.
  const [host = '', address = ''] = cause.host.split(' ');
  const shared = {
    at,
    direction: 'out' as const,
    transaction: uuid ?? '',
    id: textIn(notes?.[idNote]),
    from: textOf(mail_from),
    ...whose,
    rule: summary.rule,
    level: summary.level,
    host: summary.host || host,
    address: summary.address || address.replace(/^\[|\]$/g, ''),
    tls: tls === 'unknown' ? summary.tls_version : tls,
    group: summary.group,
    verified: sighting.verified === 'unknown' ? '' : summary.verified || sighting.verified,
    outcome,
    reason: cause.why,
    ...(summary.requiretls === undefined ? {} : { requiretls: summary.requiretls }),
  };
  return recipients.map((recipient) => ({
    ...shared,
    to: textOf(recipient as unknown as EnvelopeAddress),
    // Each has its own answer.
    text: isDelivered ? '' : replyTo([recipient]) || cause.text,
  }));
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
