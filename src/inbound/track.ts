/** Incoming messages as the log of messages has them: one row for each recipient, refused or accepted. */
import { peerName } from '../evidence/peer_name';
import type { TrackRow } from '../evidence/track';
import { managedDomain } from '../peers/candidates';
import type { Protection } from './decide';
import type { Judged } from './sightings';

export interface JudgedRecipient extends Judged {
  /** Envelope addresses; the sender is empty for the null sender. */
  readonly sender: string;
  readonly recipient: string;
  /** Haraka's name for the message. */
  readonly transaction: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Recipients of one message that are remembered until it is accepted. */
const mostRecipients = 10_000;

export class InboundTrack {
  readonly #admitted = new WeakMap<object, Map<string, TrackRow>>();
  readonly #add: (row: TrackRow) => void;

  constructor(add: (row: TrackRow) => void) {
    this.#add = add;
  }

  judged(transaction: object, judged: JudgedRecipient): void {
    // No rule is meant for this client: one of our own users, whose mail is followed when it goes out.
    if (judged.found.kind === 'none') return;
    const row = rowOf(judged);
    if (row.outcome === 'refused') {
      this.#add(row);
      return;
    }
    const admitted = this.#admitted.get(transaction) ?? new Map<string, TrackRow>();
    this.#admitted.set(transaction, admitted);
    if (admitted.size < mostRecipients) admitted.set(judged.recipient, row);
  }

  /** The message was taken. @param recipients those that are left */
  accepted(transaction: object, recipients: readonly string[], id: string, at: number): void {
    const admitted = this.#admitted.get(transaction);
    if (admitted === undefined) return;
    this.#admitted.delete(transaction);
    for (const recipient of recipients) {
      const row = admitted.get(recipient);
      if (row !== undefined) this.#add({ ...row, id, at });
    }
  }
}

function rowOf(judged: JudgedRecipient): TrackRow {
  const { settings, client, recipientDomain, found, verdict, seen, sender, recipient, transaction, at } =
    judged;
  const failure = verdict.kind === 'admitted' ? { reason: '', text: '' } : verdict.failure;
  return {
    at,
    direction: 'in',
    transaction,
    id: '',
    from: sender,
    to: recipient,
    managed: managedDomain(settings, recipientDomain),
    peer: peerName(client.senderDomain),
    rule: verdict.rule,
    level: found.kind === 'rule' ? found.rule.level : '',
    host: '',
    address: client.ip,
    tls: tlsOf(seen),
    group: '',
    verified: seen.kind === 'tls' ? 'unauthenticated' : 'none',
    outcome: verdict.kind === 'refused' ? 'refused' : 'accepted',
    reason: failure.reason,
    text: failure.text,
  };
}

/** A cipher that does not encrypt counts as none. */
function tlsOf(seen: Protection): string {
  return seen.kind === 'tls' ? seen.protocol : 'none';
}
