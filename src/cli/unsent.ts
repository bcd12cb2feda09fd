/** Why a message would not even be tried, in words. Pure. */
import type { FailureReason } from '../failure';
import type { Decision, UndeliverableCause } from '../policy/requirement';
import { undeliverable } from '../policy/undeliverable';

export interface Problem {
  /** The MX host; empty where all of them are concerned. */
  readonly host: string;
  readonly reason: FailureReason | UndeliverableCause;
  readonly text: string;
}

/** The hosts that would not be connected to, or why none would be. */
export function problemsOf(decision: Decision): Problem[] {
  switch (decision.kind) {
    case 'deliver':
      return decision.refused.map(({ host, failure }) => ({ host, ...failure }));
    case 'defer':
      return [{ host: '', ...decision.failure }];
    case 'undeliverable':
      return [
        { host: '', reason: decision.cause, text: undeliverable[decision.cause].text(decision.domain) },
      ];
  }
}

/** One line for people. */
export function problemText({ host, reason, text }: Problem): string {
  if (reason in undeliverable) return text;
  return `${host === '' ? '' : `${host} refused before connecting: `}${reason}: ${text}`;
}

/** What it means for mail that a configuration is not valid. */
export const whileInvalid =
  'a Haraka that starts now would hold this mail; one that is running keeps the last good rules that it has';
