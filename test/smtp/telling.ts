/**
 * The words of the tables: an event is written as what the peer sends or as its name, a state and its effects as one line
 * each.
 */
import { ReplyReader } from '../../src/smtp/reply';
import { initial, transition } from '../../src/smtp/machine';
import type { RecipientOutcome } from '../../src/smtp/recipient';
import type { Effect, Event, Outcome, State, Terms } from '../../src/smtp/session';
import { statesOf } from '../../src/smtp/roll';
import type { Step } from '../../src/smtp/steps';
import { outcomesOf } from '../../src/smtp/waiting';

const failure = { reason: 'tls-handshake-failed', text: 'the handshake failed' } as const;

/** `250-a / 250 b` are two lines; `...` behind a reply: more came in the same chunk. */
export function eventOf(words: string): Event {
  const [name = '', operand = ''] = words.split(' ');
  switch (name) {
    case 'malformed':
      return { kind: 'malformed', text: 'garbage' };
    case 'secured':
    case 'message_sent':
    case 'next':
    case 'dismissed':
      return { kind: name };
    case 'tls_failed':
      return { kind: name, failure, at: 'verification' };
    case 'measured':
      return { kind: name, octets: Number(operand) };
    case 'message_unreadable':
      return { kind: name, text: 'no such file' };
    case 'closed':
    case 'cut':
    case 'timeout':
    case 'attempt':
      return { kind: 'lost', by: name, text: 'the connection is gone' };
  }
  const bytes = words.replaceAll(' / ', '\r\n').replace(/ ?(\.\.\.)?$/, '\r\n$1');
  const [event] = new ReplyReader().push(Buffer.from(bytes));
  if (event?.kind !== 'reply') throw new Error(`no event: ${words}`);
  return event;
}

/** Every kind of event that a table has a row for; replies by what they ask of the machine. */
export const eventKinds = [
  '2yz',
  '3yz',
  '4yz',
  '421',
  '5yz',
  'malformed',
  'secured',
  'tls_failed',
  'measured',
  'message_sent',
  'message_unreadable',
  'closed',
  'cut',
  'timeout',
  'attempt',
  'next',
  'dismissed',
] as const;

export function kindOf(event: Event): string {
  switch (event.kind) {
    case 'reply':
      return event.reply.code === '421' ? '421' : `${event.reply.code.slice(0, 1)}yz`;
    case 'lost':
      return event.by;
    default:
      return event.kind;
  }
}

export function stateWords(state: State): string {
  switch (state.name) {
    case 'hello':
      return `hello ${state.verb} ${state.channel}`;
    case 'auth':
      return `auth ${state.progress.mechanism} ${state.progress.answered}`;
    case 'measuring':
      return `measuring ${state.limit}`;
    case 'envelope':
      return `envelope ${state.awaited.kind.toUpperCase()}: ${kinds(statesOf(state.roll))}`;
    case 'message':
      return `message: ${kinds(state.recipients)}`;
    case 'final_dot': {
      const { waiting } = state;
      return `final_dot: ${kinds(outcomesOf(waiting, 'as_before'))}; ${waiting.accepted.length - waiting.answered} to come`;
    }
    case 'empty_dot':
      return `empty_dot: ${kinds(state.recipients)}`;
    case 'idle':
      return state.transaction === 'open' ? 'idle in a transaction' : 'idle';
    default:
      return state.name;
  }
}

function kinds(recipients: readonly { readonly kind: string }[]): string {
  return recipients.map(({ kind }) => kind).join(' ');
}

/** In the order in which they are to be done; `-` for none. */
export function effectWords(effects: readonly Effect[]): string {
  return effects.length === 0 ? '-' : effects.map(wordsOf).join('; ');
}

function wordsOf(effect: Effect): string {
  switch (effect.kind) {
    case 'send':
      return `> ${effect.text.trimEnd().replaceAll('\r\n', ' > ')}`;
    case 'established':
      return `established ${effect.ready.channel}`;
    case 'end':
      return `end ${outcomeWords(effect.outcome)}`;
    default:
      return effect.kind;
  }
}

export function outcomeWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'settled':
      return `settled ${outcome.recipients.map(fateWords).join(', ')}`;
    case 'next_host': {
      const { fault } = outcome;
      return fault.kind === 'starttls_missing' || fault.kind === 'requiretls_missing'
        ? `next_host ${fault.kind}`
        : `next_host ${fault.kind} ${fault.at}`;
    }
    case 'own_fault':
    case 'stale':
      return outcome.kind;
    case 'probed':
      return `probed ${outcome.ready.channel}`;
  }
}

export function fateWords({ kind, answer }: RecipientOutcome): string {
  return `${kind} ${answer.code}`;
}

/** What a transition comes to, as a row of a table tells it; `same`: nothing changed. */
export function stepWords(before: State, { state, effects }: Step): string {
  return `${state === before ? 'same' : stateWords(state)} | ${effectWords(effects)}`;
}

/** The state after `events`, each as in a table. */
export function arriveBy(terms: Terms, events: readonly string[]): State {
  return events.reduce<State>((state, words) => transition(terms, state, eventOf(words)).state, initial);
}
