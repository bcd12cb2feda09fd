/** What is kept of each delivery beside the counts: why it waits, and, where that is asked for, a line for each recipient. */
import { domainOf } from '../src/delivery/address';
import type { HMailItem, Recipient } from '../src/delivery/haraka';
import type { DeliverySummary } from '../src/delivery/summary';
import { idNote, trackRows } from '../src/delivery/track_rows';
import type { Engine } from '../src/engine';
import { peerName } from '../src/evidence/peer_name';
import type { Sighting } from '../src/evidence/sighting';
import { managedDomain } from '../src/peers/candidates';
import { messageOf } from '../src/text';
import type { HarakaPlugin, Next } from './haraka_plugin';

/** What Haraka knows of a message that it takes. */
export interface MessageTaken {
  readonly notes: Record<string, unknown>;
  readonly header: { get_all(name: string): readonly unknown[] };
}

/** Characters: RFC 5322 section 2.1.1 has 998 for a line. */
const longestId = 998;

/** What the Message-ID header says; empty where there is none. What it holds is anybody's. */
export function messageIdOf({ header }: Pick<MessageTaken, 'header'>): string {
  const [id] = header.get_all('Message-ID');
  return typeof id === 'string' ? id.trim().slice(0, longestId) : '';
}

export class OutcomeNotes {
  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
  }

  /** `pre_send_trans_email`: Haraka's notes go into the queue file, where the Message-ID is still known in days. */
  remember(next: Next, transaction: MessageTaken): void {
    try {
      if (this.#engine.track() !== 'nowhere') transaction.notes[idNote] = messageIdOf(transaction);
    } catch (error) {
      this.#plugin.logerror(`the Message-ID could not be noted: ${messageOf(error)}`);
    }
    next();
  }

  /** @param delivered the recipients who have it now */
  concluded(
    hmail: HMailItem,
    summary: DeliverySummary,
    sighting: Sighting,
    delivered: readonly Recipient[] | undefined,
  ): void {
    const { todo } = hmail;
    const managed = managedDomain(this.#engine.settings(), domainOf(todo.mail_from));
    this.#hold(hmail, summary, sighting, managed);
    const track = this.#engine.track();
    if (track === 'nowhere') return;
    const recipients = (sighting.outcome === 'delivered' ? delivered : undefined) ?? todo.rcpt_to;
    const rows = trackRows({ hmail, recipients, summary, sighting, managed, at: Date.now() });
    for (const row of rows) track.add(row);
  }

  #hold(
    { filename, num_failures: attempts, todo }: HMailItem,
    summary: DeliverySummary,
    { outcome }: Sighting,
    managed: string,
  ): void {
    const isDeferred = outcome === 'deferred';
    // What is settled at its first attempt was never noted.
    if (!isDeferred && attempts === 0) return;
    const held = this.#engine.held(() => this.#queue());
    if (held === 'nowhere') return;
    if (isDeferred) held.deferred(filename, attempts, { managed, peer: peerName(todo.domain) }, summary);
    else held.settled(filename);
  }

  #queue(): string {
    return (this.#plugin.haraka_require('outbound/queue') as { readonly queue_dir: string }).queue_dir;
  }
}
