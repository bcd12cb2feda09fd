/** One message on a session with one host: a new one, or one that was opened for another message. */
import type { Lease } from '../session/connections';
import type { SessionMessage } from '../session/options';
import { Session } from '../session/session';
import type { Outcome } from '../smtp/session';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import type { PluggableSocket } from './haraka';
import { termsOf, tlsPartOf } from './host_terms';
import type { HostTry } from './host_try';
import type { KeptSession } from './kept_session';
import { wayOf, type Fitness } from './reuse';
import { SessionCount } from './session_count';
import { Watcher } from './watcher';

/** What came of a session, and what Haraka wants to know of it. */
export interface HostSession {
  readonly outcome: Outcome;
  readonly secured: boolean;
  readonly authenticated: boolean;
}

/** On a new connection, which is given back when it is closed. Rejects only before anything was said. */
export async function openSession(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  { socket, lease }: { readonly socket: PluggableSocket; readonly lease: Lease },
): Promise<HostSession> {
  const { environment, hmail } = delivery;
  const { connections } = environment;
  const sendingIp = socket.targetsocket.localAddress ?? '';
  const count = SessionCount.of(delivery, attempt, tried, sendingIp);
  const watcher = new Watcher(delivery, attempt, tried, count);
  const way = wayOf(tried.mx, hmail.todo);
  const session = new Session({
    socket: socket.targetsocket,
    timeouts: environment.options().limits.session,
    tls: tlsPartOf(delivery, tried, (request) => watcher.asks(request)),
    message: messageOf(delivery, attempt, tried, watcher),
    // What was opened because TLS failed is for that message alone.
    afterwards: () => (tried.tls.kind === 'as_required' && connections.isWanted(lease) ? 'keep' : 'quit'),
  });
  lease.messages = 1;
  const running = session.run();
  void session.closed().then(() => connections.release(lease));
  const outcome = await running;
  watcher.conclude(outcome);
  if (session.isIdle()) {
    const { channel, authenticated } = watcher;
    connections.keep({ session, lease, about: { way, channel, authenticated } });
  } else session.dismiss();
  return resultOf(outcome, watcher);
}

/** On a session that waited for it. Never rejects; `stale` where a new connection has it all to do. */
export async function resumeSession(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  { kept, fitness }: { readonly kept: KeptSession; readonly fitness: Exclude<Fitness, { kind: 'unfit' }> },
): Promise<HostSession> {
  const { session, lease, about } = kept;
  const watcher = new Watcher(delivery, attempt, tried);
  watcher.taken(about, fitness, lease.messages);
  lease.messages += 1;
  const outcome = await session.next(messageOf(delivery, attempt, tried, watcher));
  watcher.conclude(outcome);
  if (session.isIdle()) delivery.environment.connections.keep(kept);
  else session.dismiss();
  return resultOf(outcome, watcher);
}

function messageOf(delivery: Delivery, attempt: Attempt, tried: HostTry, observer: Watcher): SessionMessage {
  return {
    terms: termsOf(delivery, tried),
    budget: attempt.budget,
    content: () => delivery.hmail.data_stream(),
    observer,
  };
}

function resultOf(outcome: Outcome, { channel, authenticated }: Watcher): HostSession {
  return { outcome, secured: channel.kind === 'tls', authenticated };
}
