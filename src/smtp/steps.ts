/** What a transition comes to: the pieces that steps are made of. Pure. */
import type { AuthLine } from './auth';
import type { Envelope } from './envelope';
import { printable } from '../text';
import { answerOf, type Answer, type Reply } from './reply';
import type { RecipientOutcome, RecipientState, Rejected } from './recipient';
import type { Effect, Outcome, State, Turn } from './session';

export interface Step {
  readonly state: State;
  /** In the order in which they are to be done. */
  readonly effects: readonly Effect[];
}

/** The state of that name. */
export type In<Name extends State['name']> = Extract<State, { name: Name }>;

export function leave(outcome: Outcome): Step {
  return { state: { name: 'leaving' }, effects: [{ kind: 'end', outcome }, send('QUIT')] };
}

/** The message is done with, and the session may carry another one. */
export function rest(turn: Turn, transaction: 'closed' | 'open', outcome: Outcome): Step {
  return { state: { name: 'idle', turn, transaction }, effects: [{ kind: 'end', outcome }] };
}

export function dismiss(): Step {
  return { state: { name: 'leaving' }, effects: [send('QUIT')] };
}

export function hangUp(outcome: Outcome): Step {
  return { state: { name: 'over' }, effects: [{ kind: 'end', outcome }, { kind: 'close' }] };
}

export function over(): Step {
  return { state: { name: 'over' }, effects: [{ kind: 'close' }] };
}

export function stay(state: State): Step {
  return { state, effects: [] };
}

export function also(effect: Effect, { state, effects }: Step): Step {
  return { state, effects: [effect, ...effects] };
}

/** Characters: more than any command that RFC 5321 section 4.5.3.1 allows. */
const longestShown = 600;

export function send(line: string): Effect {
  return sendAll([line]);
}

/** In one write. */
export function sendAll(lines: readonly string[]): Effect {
  return {
    kind: 'send',
    text: lines.map((line) => `${line}\r\n`).join(''),
    shown: lines.map((line) => printable(line, longestShown)),
  };
}

export function sendAuth({ text, shown }: AuthLine): Effect {
  return { kind: 'send', text: `${text}\r\n`, shown: [shown] };
}

export function rejected(answer: Answer): Rejected {
  return { kind: 'rejected', answer };
}

export function isAccepted({ kind }: RecipientState): boolean {
  return kind === 'accepted';
}

export function all({ recipients }: Envelope, answer: Answer): RecipientOutcome[] {
  return recipients.map(() => fateOf(answer));
}

export function fateOf(answer: Answer): RecipientOutcome {
  return { kind: answer.code.startsWith('5') ? 'refused' : 'deferred', answer };
}

export const unanswered: Answer = {
  code: '451',
  status: '4.4.2',
  text: 'The peer did not say what became of this recipient',
  own: true,
};

/** What becomes of a recipient if nothing more is said. */
export function outcomeOf(state: RecipientState): RecipientOutcome {
  return state.kind === 'rejected' ? fateOf(state.answer) : { kind: 'deferred', answer: unanswered };
}

/** What becomes of a recipient where `reply` refuses the message: it speaks for those who were accepted. */
export function refusedWith(reply: Reply): (state: RecipientState) => RecipientOutcome {
  return (state) => (isAccepted(state) ? fateOf(answerOf(reply)) : outcomeOf(state));
}

export function settled(recipients: readonly RecipientOutcome[]): Outcome {
  return { kind: 'settled', recipients };
}
