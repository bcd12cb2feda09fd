/** One recipient of a message, as the peer sees to it. Plain data. */
import type { Answer } from './reply';

/** What is known of one recipient while the envelope is being sent. */
export type RecipientState = { readonly kind: 'unanswered' | 'accepted' } | Rejected;

export interface Rejected {
  readonly kind: 'rejected';
  readonly answer: Answer;
}

/**
 * `delivered`: the peer has taken responsibility for the message. `answer` is what it said, or what we say where it was not
 * asked.
 */
export interface RecipientOutcome {
  readonly kind: 'delivered' | 'deferred' | 'refused';
  readonly answer: Answer;
}
