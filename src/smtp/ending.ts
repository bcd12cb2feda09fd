/** How a session ends before its time, and what that means for the recipients. Pure. */
import { answerOf, answerText, classOf, type Answer, type Reply } from './reply';
import { areAllRejected, statesOf } from './roll';
import { outcomesOf } from './waiting';
import type { RecipientOutcome } from './recipient';
import type { HostFault, LostBy, Outcome, State, Terms, TlsFailureStage } from './session';
import { all, hangUp, leave, outcomeOf, over, settled, type Step, unanswered } from './steps';

/** The peer ends the service (RFC 5321 section 3.8): the next host may go on. */
export function closing(state: State, reply: Reply): Step {
  const answer = answerOf(reply);
  return lose(state, `the peer ended the session with ${answerText(answer)}`, answer);
}

/** A reply that cannot be meant for what was asked. */
export function ahead(state: State, reply: Reply): Step {
  const text = `the peer said more than ${answerText(answerOf(reply), 80)} before it was asked`;
  return lose(state, text, 'none');
}

export function outOfStep(state: State, reply: Reply): Step {
  const answer = answerOf(reply);
  return lose(state, `the peer ${deedIn(state)} ${answerText(answer, 80)}`, answer);
}

function deedIn(state: State): string {
  switch (state.name) {
    case 'greeting':
      return 'greeted with';
    case 'hello':
      return `answered ${state.verb} with`;
    case 'auth':
      return 'answered AUTH with';
    case 'envelope':
      return `answered ${state.awaited.kind.toUpperCase()} with`;
    case 'final_dot':
      return 'answered the message with';
    case 'resetting':
      return 'answered RSET with';
    default:
      return 'said without being asked:';
  }
}

/** The peer cannot be spoken with. Whom it has answered for already is settled; everybody else may have the next host. */
export function lose(state: State, text: string, answer: Answer | 'none'): Step {
  if (state.name === 'idle' || state.name === 'leaving' || state.name === 'over') return over();
  if (state.name === 'starttls') return tlsFailed(`STARTTLS was not answered: ${text}`, hangUp, 'lasting');
  return nextHost(state, { kind: 'lost', text, at: stageOf(state), answer });
}

/** The connection is gone, or nothing came in time. */
export function disconnect(state: State, by: LostBy, text: string): Step {
  if (state.name === 'starttls') return tlsFailed(`STARTTLS was not answered: ${text}`, hangUp, 'passing');
  if (state.name === 'handshake') return hangUp(handshakeLost('stalled', text));
  // With TLS 1.3 a client is done before the peer has said whether it will have it.
  if (state.name === 'hello' && state.channel === 'tls' && by === 'closed') {
    return hangUp(handshakeLost('starttls', text));
  }
  // The answer may still be on its way: whoever has the message must not be followed by another host that gets it.
  if (state.name === 'final_dot' && by === 'timeout') {
    return hangUp(settled(outcomesOf(state.waiting, { kind: 'deferred', answer: { ...unanswered, text } })));
  }
  return lose(state, text, 'none');
}

/** Another host may have the message, unless the peer has already said what becomes of somebody. */
export function nextHost(state: State, fault: HostFault): Step {
  if (isUntouched(state)) return hangUp({ kind: 'stale', text: textOf(fault) });
  const recipients = settledIn(state);
  return hangUp(recipients === 'nobody' ? { kind: 'next_host', fault } : settled(recipients));
}

/** Whether an earlier message opened the session, and nothing was answered of this one. */
function isUntouched(state: State): boolean {
  switch (state.name) {
    case 'resetting':
      return true;
    case 'measuring':
      return state.turn.nth > 1;
    case 'envelope':
      return state.turn.nth > 1 && state.awaited.kind === 'mail';
    default:
      return false;
  }
}

function textOf(fault: HostFault): string {
  return fault.kind === 'tls' ? fault.failure.text : fault.text;
}

function settledIn(state: State): readonly RecipientOutcome[] | 'nobody' {
  switch (state.name) {
    case 'envelope':
      // MAIL was refused, or all recipients were: what is lost is only the end of the conversation.
      return areAllRejected(state.roll) ? statesOf(state.roll).map(outcomeOf) : 'nobody';
    case 'empty_dot':
      return state.recipients;
    case 'final_dot':
      // LMTP: some have their answer.
      return state.waiting.answered > 0 ? outcomesOf(state.waiting, 'as_before') : 'nobody';
    default:
      return 'nobody';
  }
}

/**
 * @param end whether there is still somebody to take leave of
 * @param fault `passing` where time may cure it
 */
export function tlsFailed(text: string, end: (outcome: Outcome) => Step, fault: 'passing' | 'lasting'): Step {
  const what = { reason: 'tls-handshake-failed', text } as const;
  const failure = fault === 'passing' ? ({ ...what, passing: true } as const) : what;
  return end({ kind: 'next_host', fault: { kind: 'tls', failure, at: 'starttls' } });
}

function handshakeLost(at: TlsFailureStage, text: string): Outcome {
  const what = `the TLS handshake failed: ${text}`;
  const failure = { reason: 'tls-handshake-failed', text: what, passing: true } as const;
  return { kind: 'next_host', fault: { kind: 'tls', failure, at } };
}

function stageOf(state: State): Extract<HostFault, { kind: 'lost' }>['at'] {
  if (state.name === 'greeting') return 'before_session';
  return state.name === 'hello' && state.channel === 'cleartext' ? 'before_session' : 'in_session';
}

/** One refusal for the whole message, outside the envelope. */
export function refusedAll(terms: Terms, state: State, reply: Reply): Step {
  if (reply.code === '421') return closing(state, reply);
  if (classOf(reply) === 'intermediate' || classOf(reply) === 'positive') return outOfStep(state, reply);
  if (terms.task.kind === 'probe') return outOfStep(state, reply);
  const answer = answerOf(reply);
  return leave(settled(all(terms.task.envelope, answer)));
}

/**
 * A permanent refusal for want of TLS: 530 (RFC 3207 section 4), 5.7.10 (RFC 5248 section 3), or one that says so. Where the
 * peer's TLS has just failed, to bounce for that would make one broken handshake final: it counts as a host that failed for
 * what was wrong with its TLS.
 */
export function lockedOut({ tls }: Terms, reply: Reply): Step | 'no' {
  if (tls.kind !== 'broken' || classOf(reply) !== 'permanent') return 'no';
  const answer = answerOf(reply);
  if (reply.code !== '530' && answer.status !== '5.7.10' && !/TLS|encrypt/i.test(answer.text)) return 'no';
  const text = `${tls.failure.text}; without TLS the peer answers ${answerText(answer)}`;
  return leave({
    kind: 'next_host',
    fault: { kind: 'tls', failure: { ...tls.failure, text }, at: 'session' },
  });
}
