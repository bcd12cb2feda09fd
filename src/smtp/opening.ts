/** From the greeting to a session that may carry an envelope. Pure. */
import { chooseMechanism, firstLine, nextLine } from './auth';
import { capabilitiesOf, noCapabilities } from './capabilities';
import { lockedOut, lose, outOfStep, refusedAll, tlsFailed } from './ending';
import { answerOf, answerText, classOf, type Reply } from './reply';
import type { Channel, Ready, State, Terms, Turn } from './session';
import { also, hangUp, leave, send, sendAuth, type In, type Step } from './steps';
import { envelope } from './transaction';

export function onGreeting(terms: Terms, state: State, reply: Reply): Step {
  const quoted = answerText(answerOf(reply));
  if (classOf(reply) === 'positive') return hello(terms, 'cleartext');
  // RFC 5321 section 4.5.4.2 has the next host tried; where cleartext is allowed a refusal counts, as it does with Haraka.
  if (terms.tls.kind === 'required') return lose(state, `the peer greeted with ${quoted}`, answerOf(reply));
  return refusedAll(terms, state, reply);
}

export function hello(terms: Terms, channel: Channel): Step {
  const verb = terms.protocol === 'lmtp' ? 'LHLO' : 'EHLO';
  return { state: { name: 'hello', verb, channel }, effects: [send(`${verb} ${nameOf(terms)}`)] };
}

/**
 * One word of ASCII, whatever the name was made of: with a line end in it, what follows would be another command. A word
 * there must be (RFC 5321 section 4.1.1.1).
 */
function nameOf({ ehloName }: Terms): string {
  const word = ehloName.replace(/[^\x21-\x7e]+/g, '-');
  return word === '' ? 'localhost' : word;
}

export function onHello(terms: Terms, state: In<'hello'>, reply: Reply): Step {
  const { verb, channel } = state;
  if (classOf(reply) !== 'positive') return onHelloRefused(terms, state, reply);
  const offered = verb === 'HELO' ? noCapabilities : capabilitiesOf(reply);
  // RFC 8689 section 2: what is said of it without TLS is nobody's word.
  const capabilities = channel === 'tls' ? offered : { ...offered, requireTls: false };
  const ready: Ready = { channel, capabilities };
  if (channel === 'tls') return established(terms, ready);
  switch (terms.tls.kind) {
    case 'required':
    case 'if_offered':
      if (capabilities.startTls) return { state: { name: 'starttls' }, effects: [send('STARTTLS')] };
      if (terms.tls.kind === 'required') return noStartTls('the peer does not offer STARTTLS');
      return also({ kind: 'note_missing_starttls' }, established(terms, ready));
    case 'unwanted':
    case 'broken':
      return established(terms, ready);
  }
}

function onHelloRefused(terms: Terms, state: In<'hello'>, reply: Reply): Step {
  const { verb, channel } = state;
  const answer = answerOf(reply);
  const text = `the peer answered ${verb} with ${answerText(answer)}`;
  const unauthenticated = channel === 'cleartext' && terms.tls.kind === 'required';
  if (classOf(reply) === 'permanent') {
    // A peer without EHLO has no STARTTLS either (RFC 5321 section 3.2).
    if (unauthenticated) return noStartTls(text);
    if (verb === 'EHLO') {
      return { state: { name: 'hello', verb: 'HELO', channel }, effects: [send(`HELO ${nameOf(terms)}`)] };
    }
  }
  return unauthenticated ? lose(state, text, answer) : refusedAll(terms, state, reply);
}

function noStartTls(text: string): Step {
  return leave({ kind: 'next_host', fault: { kind: 'starttls_missing', text } });
}

/** RFC 3207 section 4 knows one positive reply. Another one answers something else: the peer is out of step. */
export function onStartTls(reply: Reply, excess: number): Step {
  if (reply.code !== '220') {
    const text = `the peer refused STARTTLS: ${answerText(answerOf(reply))}`;
    // RFC 3207 section 4: 454 is for now.
    return tlsFailed(text, leave, classOf(reply) === 'transient' ? 'passing' : 'lasting');
  }
  if (excess > 0) return injected();
  return { state: { name: 'handshake' }, effects: [{ kind: 'start_tls' }] };
}

export function injected(): Step {
  return tlsFailed('the peer sent data in cleartext after it had agreed to STARTTLS', hangUp, 'lasting');
}

function established(terms: Terms, ready: Ready): Step {
  return also({ kind: 'established', ready }, authenticated(terms, ready));
}

/** AUTH comes behind TLS; where cleartext is forbidden, this is reached only with it. */
function authenticated(terms: Terms, ready: Ready): Step {
  const { credentials, task } = terms;
  if (credentials === 'none' || task.kind === 'probe') return envelope(terms, first(ready));
  const choice = chooseMechanism(credentials, ready.capabilities.auth);
  if (choice.kind === 'none') {
    const text = `${choice.why}; the message is sent without authentication`;
    return also({ kind: 'warn', text }, envelope(terms, first(ready)));
  }
  const { mechanism } = choice;
  return {
    state: { name: 'auth', credentials, progress: { mechanism, answered: 0 }, ready },
    effects: [sendAuth(firstLine(credentials, mechanism))],
  };
}

function first(ready: Ready): Turn {
  return { ready, nth: 1 };
}

export function onAuth(terms: Terms, state: In<'auth'>, reply: Reply): Step {
  const { credentials, progress, ready } = state;
  switch (classOf(reply)) {
    case 'positive':
      return envelope(terms, first(ready));
    case 'intermediate': {
      const line = nextLine(credentials, progress, reply.lines.join(''));
      if (line === 'unexpected') return outOfStep(state, reply);
      const next = { ...progress, answered: progress.answered + 1 };
      return { state: { ...state, progress: next }, effects: [sendAuth(line)] };
    }
    case 'transient':
    case 'permanent': {
      const locked = lockedOut(terms, reply);
      return locked === 'no' ? refusedAll(terms, state, reply) : locked;
    }
  }
}
