/** The envelope and the message (RFC 5321 section 3.3, RFC 2920, RFC 2033). Pure. */
import { mailCommand, misfitsOf, rcptCommand, tooLarge, type Envelope } from './envelope';
import { closing, lockedOut, lose, outOfStep, wantsTls } from './ending';
import { answerOf, answerText, classOf, type Reply } from './reply';
import type { EnvelopeCommand, Ready, RecipientState, State, Terms } from './session';
import {
  all,
  fateOf,
  hangUp,
  isAccepted,
  leave,
  outcomeOf,
  refusedWith,
  rejected,
  send,
  settled,
  stay,
  type In,
  type Step,
} from './steps';

export function envelope(terms: Terms, ready: Ready): Step {
  const { task } = terms;
  if (task.kind === 'probe') return leave({ kind: 'probed', ready });
  const { size } = ready.capabilities;
  const { octets } = task.envelope;
  if (size.kind === 'limit' && octets !== 'unknown' && octets > size.octets) {
    return {
      state: { name: 'measuring', ready, limit: size.octets },
      effects: [{ kind: 'measure_message' }],
    };
  }
  return beginEnvelope(task.envelope, ready);
}

export function onMeasured({ task }: Terms, { ready, limit }: In<'measuring'>, octets: number): Step {
  if (task.kind === 'probe') return leave({ kind: 'probed', ready });
  if (octets <= limit) return beginEnvelope({ ...task.envelope, octets }, ready);
  return leave(settled(all(task.envelope, tooLarge(octets, limit))));
}

function beginEnvelope(envelope: Envelope, { capabilities }: Ready): Step {
  const { sender, recipients: misfits } = misfitsOf(envelope, capabilities);
  const recipients = misfits.map((misfit): RecipientState => {
    const answer = sender === 'none' ? misfit : sender;
    return answer === 'none' ? { kind: 'unanswered' } : rejected(answer);
  });
  const named = recipients.flatMap(({ kind }, recipient) => (kind === 'unanswered' ? [recipient] : []));
  if (named.length === 0) return leave(settled(recipients.map(outcomeOf)));
  const commands: EnvelopeCommand[] = [
    { kind: 'mail' },
    ...named.map((recipient) => ({ kind: 'rcpt', recipient }) as const),
    { kind: 'data' },
  ];
  const paths = named.flatMap((recipient) => envelope.recipients[recipient] ?? []);
  const lines = [mailCommand(envelope, paths, capabilities), ...paths.map(rcptCommand), 'DATA'];
  const sent = capabilities.pipelining ? lines.length : 1;
  return {
    state: { name: 'envelope', commands, sent, answered: 0, recipients },
    effects: [send(...lines.slice(0, sent))],
  };
}

export function onEnvelope(terms: Terms, state: In<'envelope'>, reply: Reply): Step {
  const command = state.commands[state.answered];
  if (command === undefined) return outOfStep(state, reply);
  if (reply.code === '421') return closing(state, reply);
  if (wantsTls(terms, reply)) return lockedOut(terms, reply);
  const next: In<'envelope'> = { ...state, answered: state.answered + 1 };
  switch (command.kind) {
    case 'mail':
      return onMail(terms, state, next, reply);
    case 'rcpt':
      return onRcpt(terms, state, next, command.recipient, reply);
    case 'data':
      return onData(state, reply);
  }
}

function onMail(terms: Terms, state: State, next: In<'envelope'>, reply: Reply): Step {
  switch (classOf(reply)) {
    case 'positive':
      return proceed(terms, next);
    case 'intermediate':
      return outOfStep(state, reply);
    case 'transient':
    case 'permanent': {
      const answer = answerOf(reply);
      const recipients = next.recipients.map((one) => (one.kind === 'unanswered' ? rejected(answer) : one));
      return proceed(terms, { ...next, recipients });
    }
  }
}

function onRcpt(terms: Terms, state: State, next: In<'envelope'>, recipient: number, reply: Reply): Step {
  if (classOf(reply) === 'intermediate') return outOfStep(state, reply);
  // The first digit decides: 251 and 252 accept (RFC 5321 section 4.3.2), and so does a 2yz that nobody has heard of.
  const answered: RecipientState =
    classOf(reply) === 'positive' ? { kind: 'accepted' } : rejected(answerOf(reply));
  // After a refused MAIL the replies to RCPT say nothing.
  if (next.recipients[recipient]?.kind !== 'unanswered') return proceed(terms, next);
  return proceed(terms, { ...next, recipients: next.recipients.with(recipient, answered) });
}

/** What is left of the envelope; without PIPELINING the next command goes now. */
function proceed(terms: Terms, state: In<'envelope'>): Step {
  const { commands, sent, answered, recipients } = state;
  if (answered < sent) return stay(state);
  const hopeless = recipients.every(({ kind }) => kind === 'rejected');
  const atData = commands[sent]?.kind === 'data';
  if (hopeless || (atData && !recipients.some(isAccepted))) {
    return leave(settled(recipients.map(outcomeOf)));
  }
  return { state: { ...state, sent: sent + 1 }, effects: [send(commandLine(terms, commands[sent]))] };
}

function commandLine({ task }: Terms, command: EnvelopeCommand | undefined): string {
  const path =
    task.kind === 'deliver' && command?.kind === 'rcpt'
      ? task.envelope.recipients[command.recipient]
      : undefined;
  return path === undefined ? 'DATA' : rcptCommand(path);
}

function onData(state: In<'envelope'>, reply: Reply): Step {
  const { recipients } = state;
  const accepted = recipients.some(isAccepted);
  switch (classOf(reply)) {
    case 'intermediate':
      return accepted
        ? { state: { name: 'message', recipients }, effects: [{ kind: 'send_message' }] }
        : {
            state: { name: 'empty_dot', recipients: recipients.map(outcomeOf) },
            effects: [send('.')],
          };
    case 'positive':
      // Yes to a message that was not sent. The peer would read the next line as a command.
      return accepted ? outOfStep(state, reply) : leave(settled(recipients.map(outcomeOf)));
    case 'transient':
    case 'permanent':
      return leave(settled(recipients.map(refusedWith(reply))));
  }
}

/** Nothing but a refusal can be meant before the message is whole. The rest of it must not be sent: it would be commands. */
export function onEarlyReply(state: In<'message'>, reply: Reply): Step {
  if (reply.code === '421') return closing(state, reply);
  switch (classOf(reply)) {
    case 'positive':
    case 'intermediate': {
      const text = `the peer answered ${answerText(answerOf(reply), 80)} before it had the whole message`;
      return lose(state, text, answerOf(reply));
    }
    case 'transient':
    case 'permanent':
      return hangUp(settled(state.recipients.map(refusedWith(reply))));
  }
}

export function onMessageSent({ recipients }: In<'message'>): Step {
  const accepted = recipients.flatMap((one, index) => (isAccepted(one) ? [index] : []));
  return {
    state: { name: 'final_dot', recipients: recipients.map(outcomeOf), waiting: accepted, answered: 0 },
    effects: [send('.')],
  };
}

/** SMTP has one reply for all, LMTP one for each recipient that was accepted (RFC 2033 section 4.2). */
export function onFinalReply(terms: Terms, state: In<'final_dot'>, reply: Reply): Step {
  if (classOf(reply) === 'intermediate') return outOfStep(state, reply);
  const answer = answerOf(reply);
  const fate = classOf(reply) === 'positive' ? ({ kind: 'delivered', answer } as const) : fateOf(answer);
  const goodbye = reply.code === '421';
  const spoken = terms.protocol === 'lmtp' && !goodbye ? state.waiting.slice(0, 1) : state.waiting;
  const recipients = [...state.recipients];
  for (const index of spoken) recipients[index] = fate;
  const waiting = state.waiting.slice(spoken.length);
  if (waiting.length === 0) return leave(settled(recipients));
  return stay({ ...state, recipients, waiting, answered: state.answered + spoken.length });
}
