/** When a fetch that failed may be tried again. Pure; times are milliseconds of the steady clock. */
import type { Failure } from '../failure';

const minute = 60_000;
const firstDelay = 5 * minute;
/**
 * Without a policy in force an attacker who blocks the fetch gains cleartext, so it must be made to keep at it.
 * With one it gains nothing, and the host is spared.
 */
const longestDelay = { unprotected: 60 * minute, protected: 24 * 60 * minute } as const;

export type Backoff =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'waiting';
      /** The id of the TXT record for which the fetch failed. */
      readonly id: string;
      readonly failures: number;
      readonly failedAt: number;
      readonly failure: Failure;
    };

export const noBackoff: Backoff = { kind: 'none' };

/** After one more failure. A new id is a new policy, and starts afresh. */
export function afterFailure(before: Backoff, id: string, failure: Failure, now: number): Backoff {
  const failures = before.kind === 'waiting' && before.id === id ? before.failures + 1 : 1;
  return { kind: 'waiting', id, failures, failedAt: now, failure };
}

/** When a fetch for `id` is allowed again; 0 where it is at any time. */
export function retryAt(backoff: Backoff, id: string, protection: 'protected' | 'unprotected'): number {
  if (backoff.kind === 'none' || backoff.id !== id) return 0;
  const delay = Math.min(firstDelay * 2 ** Math.min(backoff.failures - 1, 20), longestDelay[protection]);
  return backoff.failedAt + delay;
}
