/** What is kept of each delivery beside the counts: why it waits. */
import { domainOf } from '../src/delivery/address';
import type { HMailItem } from '../src/delivery/haraka';
import type { DeliverySummary } from '../src/delivery/summary';
import type { Engine } from '../src/engine';
import { peerName } from '../src/evidence/peer_name';
import type { SeenOutcome } from '../src/evidence/sighting';
import { managedDomain } from '../src/peers/candidates';
import type { HarakaPlugin } from './haraka_plugin';

export class OutcomeNotes {
  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
  }

  concluded(outcome: SeenOutcome, hmail: HMailItem, summary: DeliverySummary): void {
    const { filename, num_failures: attempts, todo } = hmail;
    const isDeferred = outcome === 'deferred';
    // What is settled at its first attempt was never noted.
    if (!isDeferred && attempts === 0) return;
    const held = this.#engine.held(() => this.#queue());
    if (held === 'nowhere') return;
    if (!isDeferred) {
      held.settled(filename);
      return;
    }
    const managed = managedDomain(this.#engine.settings(), domainOf(todo.mail_from));
    held.deferred(filename, attempts, { managed, peer: peerName(todo.domain) }, summary);
  }

  #queue(): string {
    return (this.#plugin.haraka_require('outbound/queue') as { readonly queue_dir: string }).queue_dir;
  }
}
