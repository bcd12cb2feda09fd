/** The envelope and the message (RFC 5321 section 3.3, RFC 2920, RFC 2033). Pure. */
import { mailCommand, misfitsOf, rcptCommand, tooLarge, type Envelope } from './envelope';
import { closing, lockedOut, lose, outOfStep } from './ending';
import { answerOf, answerText, classOf, type Reply } from './reply';
import { areAllRejected, isUnanswered, note, rejectTheRest, rollOf, statesOf, type Roll } from './roll';
import { answerNext, awaitAnswers, isComplete, outcomesOf } from './waiting';
import type { RecipientOutcome, RecipientState } from './recipient';
import type { EnvelopeCommand, Terms, Turn } from './session';
import {
  all,
  also,
  fateOf,
  hangUp,
  isAccepted,
  leave,
  outcomeOf,
  refusedWith,
  rejected,
  rest,
  send,
  sendAll,
  settled,
  stay,
  type In,
  type Step,
} from './steps';

export function envelope(terms: Terms, turn: Turn): Step {
  const { task } = terms;
  const { ready } = turn;
  if (task.kind === 'probe') return leave({ kind: 'probed', ready });
  if (task.envelope.requireTls === 'required' && !ready.capabilities.requireTls) {
    const text = 'the peer does not offer REQUIRETLS, which the sender of the message asks for';
    return leave({ kind: 'next_host', fault: { kind: 'requiretls_missing', text } });
  }
  const { size } = ready.capabilities;
  const { octets } = task.envelope;
  if (size.kind === 'limit' && octets !== 'unknown' && octets > size.octets) {
    return {
      state: { name: 'measuring', envelope: task.envelope, turn, limit: size.octets },
      effects: [{ kind: 'measure_message' }],
    };
  }
  return beginEnvelope(task.envelope, turn);
}

/** Another message on a session that was idle. */
export function onNext(terms: Terms, { turn, transaction }: In<'idle'>): Step {
  const next: Turn = { ready: turn.ready, nth: turn.nth + 1 };
  return transaction === 'open'
    ? { state: { name: 'resetting', turn: next }, effects: [send('RSET')] }
    : envelope(terms, next);
}

export function onReset(terms: Terms, state: In<'resetting'>, reply: Reply): Step {
  return classOf(reply) === 'positive' ? envelope(terms, state.turn) : outOfStep(state, reply);
}

export function onMeasured({ envelope, turn, limit }: In<'measuring'>, octets: number): Step {
  if (octets <= limit) return beginEnvelope({ ...envelope, octets }, turn);
  return rest(turn, 'closed', settled(all(envelope, tooLarge(octets, limit))));
}

function beginEnvelope(envelope: Envelope, turn: Turn): Step {
  const { capabilities } = turn.ready;
  const { sender, recipients: misfits } = misfitsOf(envelope, capabilities);
  const recipients = misfits.map((misfit): RecipientState => {
    const answer = sender === 'none' ? misfit : sender;
    return answer === 'none' ? { kind: 'unanswered' } : rejected(answer);
  });
  const named = envelope.recipients.flatMap((path, recipient) =>
    recipients[recipient]?.kind === 'unanswered' ? [{ path, recipient }] : [],
  );
  if (named.length === 0) return rest(turn, 'closed', settled(recipients.map(outcomeOf)));
  const afterMail = named.reduceRight<EnvelopeCommand>(
    (next, { path, recipient }) => ({ kind: 'rcpt', line: rcptCommand(path), next, recipient }),
    { kind: 'data', line: 'DATA' },
  );
  const paths = named.map(({ path }) => path);
  const line = mailCommand(envelope, paths, capabilities);
  const awaited: EnvelopeCommand = { kind: 'mail', line, next: afterMail };
  const roll = rollOf(recipients);
  return capabilities.pipelining
    ? {
        state: { name: 'envelope', turn, awaited, pace: 'pipelined', roll },
        effects: [sendAll(linesFrom(awaited))],
      }
    : { state: { name: 'envelope', turn, awaited, pace: 'one_by_one', roll }, effects: [send(line)] };
}

function linesFrom(first: EnvelopeCommand): string[] {
  const lines = [first.line];
  for (let one = first; one.kind !== 'data'; one = one.next) lines.push(one.next.line);
  return lines;
}

export function onEnvelope(terms: Terms, state: In<'envelope'>, reply: Reply): Step {
  if (reply.code === '421') return closing(state, reply);
  const { awaited, roll } = state;
  // Once everybody is refused for something else, what is still on its way changes nothing, as it would not have been sent.
  const locked = areAllRejected(roll) ? 'no' : lockedOut(terms, reply);
  if (locked !== 'no') return locked;
  switch (awaited.kind) {
    case 'mail':
      return onMail(state, awaited.next, reply);
    case 'rcpt':
      return onRcpt(state, awaited, reply);
    case 'data':
      return onData(terms, state, reply);
  }
}

function onMail(state: In<'envelope'>, next: EnvelopeCommand, reply: Reply): Step {
  switch (classOf(reply)) {
    case 'positive':
      return proceed(state, next, state.roll);
    case 'intermediate':
      return outOfStep(state, reply);
    case 'permanent':
      // It may be the session that is meant, of which there was enough. On a new connection the message has its own answer.
      if (state.turn.nth > 1) return outOfStep(state, reply);
      return proceed(state, next, rejectTheRest(state.roll, answerOf(reply)));
    case 'transient':
      return proceed(state, next, rejectTheRest(state.roll, answerOf(reply)));
  }
}

function onRcpt(
  state: In<'envelope'>,
  { next, recipient }: Extract<EnvelopeCommand, { kind: 'rcpt' }>,
  reply: Reply,
): Step {
  const { roll } = state;
  if (classOf(reply) === 'intermediate') return outOfStep(state, reply);
  // The first digit decides: 251 and 252 accept (RFC 5321 section 4.3.2), and so does a 2yz that nobody has heard of.
  const answered: RecipientState =
    classOf(reply) === 'positive' ? { kind: 'accepted' } : rejected(answerOf(reply));
  if (isUnanswered(roll, recipient)) return proceed(state, next, note(roll, recipient, answered));
  // MAIL was refused: the replies to RCPT say nothing. A peer that accepts somebody all the same is out of step; to end its
  // DATA with a lone dot would give them an empty message.
  return answered.kind === 'accepted' ? outOfStep(state, reply) : proceed(state, next, roll);
}

/** What is left of the envelope; without PIPELINING the next command goes now, where it can be of any use. */
function proceed(state: In<'envelope'>, awaited: EnvelopeCommand, roll: Roll): Step {
  const next = { ...state, awaited, roll };
  if (state.pace === 'pipelined') return stay(next);
  if (areAllRejected(roll)) return rest(state.turn, 'open', settled(statesOf(roll).map(outcomeOf)));
  return { state: next, effects: [send(awaited.line)] };
}

function onData(terms: Terms, state: In<'envelope'>, reply: Reply): Step {
  const recipients = statesOf(state.roll);
  const accepted = state.roll.accepted > 0;
  switch (classOf(reply)) {
    case 'intermediate':
      return accepted
        ? { state: { name: 'message', turn: state.turn, recipients }, effects: [{ kind: 'send_message' }] }
        : emptyDot(terms, recipients.map(outcomeOf));
    case 'positive':
      // Yes to a message that was not sent. The peer would read the next line as a command.
      return accepted ? outOfStep(state, reply) : leave(settled(recipients.map(outcomeOf)));
    case 'transient':
    case 'permanent': {
      const outcome = settled(recipients.map(refusedWith(reply)));
      // To refuse DATA where nobody is to have the message is as it should be.
      return accepted ? leave(outcome) : rest(state.turn, 'open', outcome);
    }
  }
}

/** LMTP has no reply for a message that nobody is to get (RFC 2033 section 4.2): none is waited for. */
function emptyDot({ protocol }: Terms, recipients: readonly RecipientOutcome[]): Step {
  return protocol === 'smtp'
    ? { state: { name: 'empty_dot', recipients }, effects: [send('.')] }
    : also(send('.'), leave(settled(recipients)));
}

/** Nothing but a refusal can be meant before the message is whole. The rest of it must not be sent: it would be commands. */
export function onEarlyReply(terms: Terms, state: In<'message'>, reply: Reply): Step {
  if (reply.code === '421') return closing(state, reply);
  switch (classOf(reply)) {
    case 'positive':
    case 'intermediate': {
      const text = `the peer answered ${answerText(answerOf(reply), 80)} before it had the whole message`;
      return lose(state, text, answerOf(reply));
    }
    case 'transient':
    case 'permanent':
      return hangUp(settled(refusedEarly(terms, state, reply)));
  }
}

/** LMTP: it is the reply of the first who was accepted (RFC 2033 section 4.2); the others would have had theirs. */
function refusedEarly({ protocol }: Terms, { recipients }: In<'message'>, reply: Reply): RecipientOutcome[] {
  const fate = refusedWith(reply);
  if (protocol === 'smtp') return recipients.map(fate);
  const first = recipients.findIndex(isAccepted);
  return recipients.map((one, index) => (index === first ? fate(one) : outcomeOf(one)));
}

export function onMessageSent({ turn, recipients }: In<'message'>): Step {
  const accepted = recipients.flatMap((one, index) => (isAccepted(one) ? [index] : []));
  return {
    state: { name: 'final_dot', turn, waiting: awaitAnswers(recipients.map(outcomeOf), accepted) },
    effects: [send('.')],
  };
}

/** SMTP has one reply for all, LMTP one for each recipient that was accepted (RFC 2033 section 4.2). */
export function onFinalReply(terms: Terms, state: In<'final_dot'>, reply: Reply): Step {
  if (classOf(reply) === 'intermediate') return outOfStep(state, reply);
  const answer = answerOf(reply);
  const fate = classOf(reply) === 'positive' ? ({ kind: 'delivered', answer } as const) : fateOf(answer);
  if (reply.code === '421') return leave(settled(outcomesOf(state.waiting, fate)));
  if (terms.protocol === 'smtp') return concluded(state, outcomesOf(state.waiting, fate));
  const waiting = answerNext(state.waiting, fate);
  if (!isComplete(waiting)) return stay({ ...state, waiting });
  return concluded(state, outcomesOf(waiting, fate));
}

/** Behind a refusal some peers think that they are still in the middle of it (RFC 5321 section 4.1.1.4 has it otherwise). */
function concluded({ turn, waiting }: In<'final_dot'>, recipients: readonly RecipientOutcome[]): Step {
  const isTaken = waiting.accepted.every((index) => recipients[index]?.kind === 'delivered');
  return rest(turn, isTaken ? 'closed' : 'open', settled(recipients));
}
