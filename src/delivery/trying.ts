/** Tries the hosts of one attempt in turn, until one of them has spoken for every recipient or none is left. */
import type { Lease } from '../session/connections';
import { outOfTime } from '../session/patience';
import type { Outcome } from '../smtp/session';
import { messageOf, printable } from '../text';
import { allowsBrokenTls } from '../policy/cleartext';
import type { Attempt } from './attempt';
import { deliveryCounters } from './counters';
import type { Delivery } from './delivery';
import { deferFor, giveUp } from './giving_up';
import type { HarakaMx, PluggableSocket } from './haraka';
import { decideAnew } from './host_choice';
import { noteFault } from './host_fault';
import { queueOf, refuseUndecided } from './host_queue';
import { openSession, resumeSession, type HostSession } from './host_session';
import { rememberedBroken, whereOf, withoutTls, type HostTry } from './host_try';
import { hostOf } from './mx_entry';
import { ownAddress } from './own_address';
import { tellHaraka } from './outcome';
import { forgetAttempts, noteUndeliverable } from './recipients';
import { giveBack, leaveWay, letGo, prepareEntry, wayTo } from './reaching';
import { recallBroken } from './redis_memory';
import { countRefused } from './session_count';

/** Haraka calls this for the first host and after each host that failed; so do we. Never rejects. */
export async function tryNextHost(delivery: Delivery): Promise<void> {
  const { attempt } = delivery;
  try {
    noteUnreached(delivery, attempt);
    await nextStep(delivery, attempt);
  } catch (error) {
    letGo(delivery, attempt);
    attempt.connecting = 'none';
    deferBroken(delivery, attempt, error);
  }
}

function deferBroken(delivery: Delivery, attempt: Attempt, error: unknown): void {
  const text = `the delivery broke: ${printable(messageOf(error))}`;
  delivery.hmail.logerror(`tls-peers: ${text}`);
  deferFor(delivery, attempt, { reason: 'internal-error', text });
}

async function nextStep(delivery: Delivery, attempt: Attempt): Promise<void> {
  const { hmail } = delivery;
  if (attempt.phase.kind !== 'decided') {
    deferFor(delivery, attempt, { reason: 'internal-error', text: 'nothing was decided for this message' });
    return;
  }
  const { decision } = attempt.phase;
  switch (decision.kind) {
    case 'defer':
      countRefused(delivery, attempt);
      deferFor(delivery, attempt, decision.failure);
      return;
    case 'undeliverable':
      hmail.bounce(noteUndeliverable(hmail, decision));
      return;
    case 'deliver':
      await connect(delivery, attempt);
  }
}

async function connect(delivery: Delivery, attempt: Attempt): Promise<void> {
  const { hmail } = delivery;
  if (attempt.queue === 'unread') attempt.queue = queueOf(delivery, attempt);
  const { queue, budget } = attempt;
  if (queue.length > 0 && budget.left() <= 0) noteOutOfTime(attempt, queue.splice(0));
  const next = queue.shift();
  if (next === undefined) {
    if ((await giveUp(delivery, attempt)) === 'again') await decideAnew(delivery, attempt);
    return;
  }
  const tried = await recalled(delivery, next);
  hmail.mxlist = queue.map(({ mx }) => mx);
  await reach(delivery, attempt, tried, reusable(delivery, tried) ? 'will_do' : 'was_stale');
}

/** Haraka passes some hosts over, and asks for more before it connects to others: those are for Haraka to reach. */
function reusable(delivery: Delivery, { mx }: HostTry): boolean {
  return passedOverAs(delivery, mx) === undefined;
}

async function reach(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  kept: 'will_do' | 'was_stale',
): Promise<void> {
  const { hmail, original } = delivery;
  attempt.budget.pause();
  const way = await wayTo(delivery, tried, kept);
  // Haraka has begun anew with the message meanwhile; whoever is at it now finds a way of its own.
  if (delivery.attempt !== attempt) {
    leaveWay(delivery, way);
    return;
  }
  switch (way.kind) {
    case 'busy':
      giveBack(delivery, tried);
      return;
    case 'session': {
      prepareEntry(delivery, tried.mx);
      forgetAttempts(hmail.todo.rcpt_to);
      const { outcome, ...session } = await resumeSession(delivery, attempt, tried, way);
      if (outcome.kind !== 'stale') {
        deliveryCounters.countMessage('reused');
        await conclude(delivery, attempt, tried, outcome, session);
        return;
      }
      hmail.logdebug(
        `tls-peers: the session with ${whereOf(tried)} was over (${outcome.text}); connecting anew`,
      );
      attempt.connected = 'not_yet';
      await reach(delivery, attempt, tried, 'was_stale');
      return;
    }
    case 'connect':
      attempt.lease = way.lease;
      attempt.connecting = tried;
      // Haraka takes the first one, and connects to it.
      hmail.mxlist.unshift(tried.mx);
      attempt.budget.resume();
      await original.try_deliver();
  }
}

function noteOutOfTime(attempt: Attempt, untried: readonly HostTry[]): void {
  const [first, ...others] = untried;
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  const text = `${outOfTime}; it waits for the next one${more}`;
  attempt.failures.push({ kind: 'network', host: whereOf(first), text });
}

// --- what Haraka remembers of hosts whose TLS is broken -------------------------------------------------------------

async function recalled({ hmail, environment }: Delivery, tried: HostTry): Promise<HostTry> {
  const { mx, plan, tls } = tried;
  // What was just seen of the host counts, not what is remembered.
  if (tls.kind !== 'as_required' || tls.memory === 'ignored' || mx.exchange === undefined) return tried;
  if (!allowsBrokenTls(plan.requirement) || !environment.options().rememberBrokenTls) return tried;
  if ((await recallBroken(environment.outboundTls, mx.exchange)) !== 'broken') return tried;
  hmail.loginfo(`tls-peers: host ${hostOf(mx)} is remembered for broken TLS; trying without`);
  return withoutTls(tried, rememberedBroken, 'before');
}

// --- connections ---------------------------------------------------------------------------------------------------

function noteUnreached(delivery: Delivery, attempt: Attempt): void {
  const { connecting } = attempt;
  if (connecting === 'none') return;
  attempt.connecting = 'none';
  letGo(delivery, attempt);
  const { mx } = connecting;
  const own = passedOverAs(delivery, mx);
  const text =
    own === undefined
      ? `no connection to ${mx.exchange ?? mx.path ?? 'the host'}`
      : `${mx.exchange} is ${own}; Haraka passes it over (local_mx_ok in outbound.ini)`;
  attempt.failures.push({ kind: 'network', host: hostOf(mx), text });
}

/** Haraka does not say so: it goes on to the next host as if this one had failed. */
function passedOverAs({ environment }: Delivery, { exchange, from_dns }: HarakaMx): string | undefined {
  if (environment.outboundConfig.cfg.local_mx_ok === true) return undefined;
  return exchange === undefined || from_dns === undefined ? undefined : ownAddress(exchange);
}

/** Haraka has connected. What happens from here on is ours. Never rejects. */
export async function onSocket(delivery: Delivery, mx: HarakaMx, socket: PluggableSocket): Promise<void> {
  const { attempt, hmail } = delivery;
  const tried = attempt.connecting;
  attempt.connecting = 'none';
  // What a host said of recipients before its connection broke is not what became of them.
  forgetAttempts(hmail.todo.rcpt_to);
  const { lease } = attempt;
  if (tried === 'none' || tried.mx !== mx || lease === 'none') {
    abandon(socket);
    letGo(delivery, attempt);
    refuseUndecided(delivery, attempt, mx);
    await tryNextHost(delivery);
    return;
  }
  attempt.lease = 'none';
  try {
    const { outcome, ...session } = await opened(delivery, attempt, tried, { socket, lease });
    await conclude(delivery, attempt, tried, outcome, session);
  } catch (error) {
    // not covered: a second line of defence. A session never rejects.
    deferBroken(delivery, attempt, error);
  }
}

/** Once a session stands it may be another message's: it is torn down only where none came of the connection. */
async function opened(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  on: { readonly socket: PluggableSocket; readonly lease: Lease },
): Promise<HostSession> {
  try {
    return await openSession(delivery, attempt, tried, on);
  } catch (error) {
    // not covered: the same.
    abandon(on.socket);
    delivery.environment.connections.release(on.lease);
    throw error;
  }
}

/** Before anything was said. */
function abandon(socket: PluggableSocket): void {
  socket.removeAllListeners();
  socket.on('error', () => undefined);
  socket.destroy();
}

async function conclude(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  outcome: Outcome,
  session: Omit<HostSession, 'outcome'>,
): Promise<void> {
  switch (outcome.kind) {
    case 'settled':
      delivery.givenBack = 0;
      await tellHaraka(delivery, attempt, tried, session, outcome.recipients);
      return;
    case 'own_fault':
      // not covered: no session breaks of itself, and no message goes missing from the queue.
      deferFor(delivery, attempt, { reason: 'internal-error', text: outcome.text });
      return;
    case 'next_host':
    case 'probed':
    case 'stale':
      attempt.connected = 'not_yet';
      if (outcome.kind === 'next_host') noteFault(delivery, attempt, tried, outcome.fault);
      await tryNextHost(delivery);
  }
}
