/**
 * One session of an SMTP or LMTP client, from the greeting to QUIT, as a table of states and events (RFC 5321, RFC 2033,
 * RFC 2920, RFC 3207). It holds no socket, no timer and no message: it is told what happened and says what to do.
 *
 *     greeting -> hello -> [starttls -> handshake -> hello] -> [auth] -> [measuring] -> envelope -> message -> final_dot
 *                                                                             ^              \-> empty_dot        |
 *                                                                             +--- [resetting] <- idle <---------+
 *
 * and from every state to `leaving` (QUIT was sent) or `over`. What it promises, for any sequence of events:
 *
 * - The outcome is told once for each message, and says of every recipient exactly one thing.
 * - Where TLS is required, nothing but EHLO, LHLO, STARTTLS and QUIT is sent before it is there.
 * - What is said before TLS is unauthenticated: where TLS is required, none of it settles anything.
 * - A recipient whom the peer neither accepted nor refused is tried at the next host, or deferred; never dropped.
 * - The message goes only after 3yz (RFC 5321 section 4.3.2), and the final dot only after all of it.
 */
import { ahead, closing, disconnect, lose, nextHost, outOfStep } from './ending';
import { hello, injected, onAuth, onGreeting, onHello, onStartTls } from './opening';
import type { Reply } from './reply';
import type { Event, State, Terms } from './session';
import { dismiss, hangUp, leave, over, settled, stay, type Step } from './steps';
import {
  onEarlyReply,
  onEnvelope,
  onFinalReply,
  onMeasured,
  onMessageSent,
  onNext,
  onReset,
} from './transaction';

export const initial: State = { name: 'greeting' };

export function transition(terms: Terms, state: State, event: Event): Step {
  if (state.name === 'over') return { state, effects: [] };
  switch (event.kind) {
    case 'reply':
      return onReply(terms, state, event.reply, event.excess);
    case 'malformed':
      return state.name === 'handshake'
        ? injected()
        : lose(state, `the peer answered with ${event.text}`, 'none');
    case 'lost':
      return disconnect(state, event.by, event.text);
    case 'secured':
      return state.name === 'handshake' ? hello(terms, 'tls') : stay(state);
    case 'tls_failed':
      return state.name === 'leaving' || state.name === 'idle'
        ? over()
        : nextHost(state, { kind: 'tls', failure: event.failure, at: event.at });
    case 'measured':
      return state.name === 'measuring' ? onMeasured(state, event.octets) : stay(state);
    case 'message_sent':
      return state.name === 'message' ? onMessageSent(state) : stay(state);
    case 'message_unreadable':
      return onUnreadable(state, event.text);
    case 'next':
      return state.name === 'idle' ? onNext(terms, state) : stay(state);
    case 'dismissed':
      return state.name === 'idle' ? dismiss() : stay(state);
  }
}

/** Once all of it is sent, or nothing of it will be, the message is not needed any more. */
function onUnreadable(state: State, text: string): Step {
  switch (state.name) {
    case 'final_dot':
    case 'empty_dot':
    case 'idle':
    case 'leaving':
      return stay(state);
    default:
      return hangUp({ kind: 'own_fault', text: `the message cannot be read from the queue: ${text}` });
  }
}

/** What came behind a reply answers a command that was not sent yet: the peer is ahead of us, and would be to the end. */
function onReply(terms: Terms, state: State, reply: Reply, excess: number): Step {
  const step = afterReply(terms, state, reply, excess);
  if (excess === 0) return step;
  if (step.state.name === 'idle') return endWith(step, dismiss());
  return isOurTurn(state, step) ? ahead(state, reply) : step;
}

/**
 * Whether the step says something for which an answer would be due. Before TLS nobody knows who is speaking anyway; and behind
 * a 354 a refusal may come at once.
 */
function isOurTurn(before: State, { effects }: Step): boolean {
  if (before.name === 'greeting') return false;
  if (before.name === 'hello' && before.channel === 'cleartext') return false;
  return effects.some((effect) => effect.kind === 'send' && effect.text !== 'QUIT\r\n');
}

/** The same effects first, and then those of another step. */
function endWith({ effects }: Step, last: Step): Step {
  return { state: last.state, effects: [...effects, ...last.effects] };
}

function afterReply(terms: Terms, state: State, reply: Reply, excess: number): Step {
  switch (state.name) {
    case 'greeting':
      return onGreeting(terms, state, reply);
    case 'hello':
      return onHello(terms, state, reply);
    case 'starttls':
      return onStartTls(reply, excess);
    case 'handshake':
      // What comes now is for TLS to read; this was cleartext behind STARTTLS.
      return injected();
    case 'auth':
      return onAuth(terms, state, reply);
    case 'measuring':
      return reply.code === '421' ? closing(state, reply) : outOfStep(state, reply);
    case 'envelope':
      return onEnvelope(terms, state, reply);
    case 'message':
      return onEarlyReply(terms, state, reply);
    case 'final_dot':
      return onFinalReply(terms, state, reply);
    case 'empty_dot':
      return leave(settled(state.recipients));
    case 'resetting':
      return onReset(terms, state, reply);
    // Nothing was asked. It may be 421: the peer has waited long enough.
    case 'idle':
    case 'leaving':
    case 'over':
      return over();
  }
}
