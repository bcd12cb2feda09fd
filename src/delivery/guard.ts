/**
 * Guards the delivery of one message: every host that Haraka tries is held to the requirement that was decided for it,
 * and a delivery without a decision sends nothing.
 *
 * The guard overrides a handful of methods on the one HMailItem; no state of Haraka's is shared or changed. Haraka keeps
 * the queue, the retries, the bounces and the connecting; which hosts are tried and every word that is said to them is
 * ours. One guard lives as long as its HMailItem, over all retries; each attempt decides anew.
 */
import type { SeenOutcome, Sighting } from '../evidence/sighting';
import { tagOf } from '../peers/sender_tag';
import { rememberAnswerer } from './answerer';
import { Attempt } from './attempt';
import type { Delivery, DeliveryEnvironment } from './delivery';
import type { HarakaMx, HMailItem } from './haraka';
import { offerHosts, takeAnswer, takeHosts } from './host_choice';
import { requirementFor } from './host_queue';
import { forgetAttempts } from './recipients';
import { sightingOf } from './sighting';
import { summarize, type DeliverySummary } from './summary';
import { beginAnew } from './reaching';
import { onSocket, tryNextHost } from './trying';

export class DeliveryGuard {
  readonly #delivery: Delivery;

  /** @param onSplit told when recipients get a message of their own, with what happened so far */
  constructor(hmail: HMailItem, environment: DeliveryEnvironment, onSplit: Delivery['onSplit']) {
    forgetAttempts(hmail.todo.rcpt_to);
    const delivery: Delivery = {
      hmail,
      environment,
      original: {
        get_mx_respond: hmail.get_mx_respond.bind(hmail),
        found_mx: hmail.found_mx.bind(hmail),
        get_force_tls: hmail.get_force_tls.bind(hmail),
        try_deliver: hmail.try_deliver.bind(hmail),
      },
      answerer: rememberAnswerer(hmail),
      onSplit,
      givenBack: 0,
      attempt: new Attempt(environment.options().limits.attempt, hmail.num_failures),
    };
    this.#delivery = delivery;
    hmail.get_mx_respond = (retval, mx) => takeAnswer(delivery, retval, mx);
    hmail.found_mx = (mxs) => takeHosts(delivery, mxs);
    hmail.get_force_tls = (mx) => requirementFor(delivery, mx)?.kind === 'encrypted';
    hmail.try_deliver = () => tryNextHost(delivery);
    hmail.try_deliver_host_on_socket = (mx, _host, _port, socket) => void onSocket(delivery, mx, socket);
  }

  /** Forgets what the last attempt decided. To be called whenever the message passes `send_email`. */
  newAttempt(): void {
    beginAnew(this.#delivery);
  }

  /** The answer of the `get_mx` hook. Never rejects. */
  offer(): Promise<readonly HarakaMx[]> {
    return offerHosts(this.#delivery);
  }

  /** The attempt as the record counts it. */
  sighting(outcome: SeenOutcome): Sighting {
    const { attempt, hmail } = this.#delivery;
    return sightingOf(attempt, outcome, tagOf(hmail.todo.notes));
  }

  summary(): DeliverySummary {
    return summarize(this.#delivery.attempt, this.#delivery.hmail.todo);
  }
}
