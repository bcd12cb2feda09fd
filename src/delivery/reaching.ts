/** The way to one host: over a session that waits there, or over a new connection, as many as there may be. */
import type { Lease } from '../session/connections';
import { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { hookAnswer, type HarakaMx } from './haraka';
import { whereOf, type HostTry } from './host_try';
import { portOf } from './mx_entry';
import type { KeptSession } from './kept_session';
import { forgetAttempts } from './recipients';
import { fitnessFor, hostKeyOf, type Fitness } from './reuse';

export type Way =
  | {
      readonly kind: 'session';
      readonly kept: KeptSession;
      readonly fitness: Exclude<Fitness, { kind: 'unfit' }>;
    }
  | { readonly kind: 'connect'; readonly lease: Lease }
  | { readonly kind: 'busy' };

/** @param kept whether a session that waits will do, or one has just turned out to be over */
export async function wayTo(delivery: Delivery, tried: HostTry, kept: 'will_do' | 'was_stale'): Promise<Way> {
  const { connections } = delivery.environment;
  const fitnessOf = kept === 'will_do' ? fitnessFor(delivery, tried) : undefined;
  let fitness: Fitness = { kind: 'unfit' };
  const acquired = await connections.acquire(
    hostKeyOf(tried.mx),
    fitnessOf === undefined
      ? undefined
      : ({ about }) => {
          fitness = fitnessOf(about);
          return fitness.kind !== 'unfit';
        },
  );
  if (acquired.kind !== 'session') return acquired;
  const fit = fitness as Fitness;
  if (fit.kind === 'unfit') throw new Error('a session was taken that is not fit');
  return { kind: 'session', kept: acquired.kept, fitness: fit };
}

/** Nobody goes it. */
export function leaveWay({ environment }: Delivery, way: Way): void {
  const { connections } = environment;
  if (way.kind === 'session') connections.keep(way.kept);
  if (way.kind === 'connect') connections.release(way.lease);
}

/** Whatever was decided, or is still on its way, belongs to the attempt before. */
export function beginAnew(delivery: Delivery): void {
  const { hmail, environment, attempt } = delivery;
  letGo(delivery, attempt);
  delivery.attempt = new Attempt(environment.options().limits.attempt, hmail.num_failures);
  forgetAttempts(hmail.todo.rcpt_to);
}

/** The connection that was to be made is not. */
export function letGo({ environment }: Delivery, attempt: Attempt): void {
  const { lease } = attempt;
  attempt.lease = 'none';
  if (lease !== 'none') environment.connections.release(lease);
}

/** What Haraka does to an entry of its list before it connects; other plugins see the call of `get_force_tls`. */
export function prepareEntry({ hmail }: Delivery, mx: HarakaMx): void {
  const { notes } = hmail.todo;
  hmail.force_tls = hmail.get_force_tls(mx);
  if (notes?.outbound_ip && !mx.bind) mx.bind = notes.outbound_ip;
  if (notes?.outbound_helo) mx.bind_helo = notes.outbound_helo;
  if (!mx.port) mx.port = portOf(mx);
}

/** Seconds: longer each time, not all at once, and never so long that a host which recovers would be idle. */
const longestPause = 60;

/**
 * The host has all the connections that it may have. The message comes by again, and that counts as no failure: to wait here would
 * hold one of Haraka's slots, which mail for others needs.
 *
 * It goes on behind the `send_email` hooks then. They have seen it, and plugins that count there wait for what became of it.
 */
export function giveBack(delivery: Delivery, tried: HostTry): void {
  const { hmail } = delivery;
  delivery.givenBack += 1;
  const seconds = Math.min(longestPause, 2 ** Math.min(delivery.givenBack, 6)) * (0.5 + Math.random() / 2);
  hmail.loginfo(
    `tls-peers: host ${whereOf(tried)} has all the connections that it may have (connections_per_host); ` +
      `the message comes by again in ${seconds.toFixed(1)} s`,
  );
  hmail._send = () => {
    delete hmail._send;
    beginAnew(delivery);
    hmail.get_mx();
  };
  hmail.send_email_respond(hookAnswer.delay, seconds);
}
