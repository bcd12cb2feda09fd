/** What one rule asks of DNS and of policies. */
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { asksDane } from '../policy/asks';

/** How long the facts are waited for. The signal is looked at only where a question leaves the process. */
export interface Waiting {
  readonly signal: AbortSignal;
}

export const notAsked: StsFacts = { kind: 'not_asked' };

export class Asking {
  readonly dane: boolean;
  readonly insecureMx: OutboundRule['insecureMx'];
  /** PEM, as a fetch takes it: empty for the default roots alone. */
  readonly extraRoots: string;

  readonly #waiting: Waiting;

  constructor(rule: OutboundRule, waiting: Waiting) {
    this.#waiting = waiting;
    this.dane = asksDane(rule.level);
    this.insecureMx = rule.insecureMx;
    this.extraRoots = rule.extraRoots ?? '';
  }

  get signal(): AbortSignal {
    return this.#waiting.signal;
  }
}
