import { describe, expect, it } from 'vitest';
import { afterFailure, noBackoff, retryAt } from '../../src/mta_sts/backoff';

const failure = { reason: 'sts-policy-fetch-error', text: 'x' } as const;
const minutes = (ms: number) => ms / 60_000;

function delays(protection: 'protected' | 'unprotected', failures: number): number[] {
  let backoff = noBackoff;
  return Array.from({ length: failures }, (_, index) => {
    const now = index * 1000;
    backoff = afterFailure(backoff, 'id1', failure, now);
    return minutes(retryAt(backoff, 'id1', protection) - now);
  });
}

describe('a fetch that failed', () => {
  it('is retried after five minutes, doubling to an hour, where no policy is in force', () => {
    expect(delays('unprotected', 7)).toEqual([5, 10, 20, 40, 60, 60, 60]);
  });

  it('is retried after five minutes, doubling to a day, where one is', () => {
    expect(delays('protected', 11)).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
  });

  it('does not overflow', () => {
    expect(delays('protected', 3000).at(-1)).toBe(1440);
  });

  it('is retried within the hour once the policy in force has expired', () => {
    let backoff = noBackoff;
    for (let n = 0; n < 12; n++) backoff = afterFailure(backoff, 'id1', failure, 0);
    expect(minutes(retryAt(backoff, 'id1', 'protected'))).toBe(1440);
    expect(minutes(retryAt(backoff, 'id1', 'unprotected'))).toBe(60);
  });

  it('is retried at once under a new id, which counts from the start', () => {
    let backoff = noBackoff;
    for (let n = 0; n < 5; n++) backoff = afterFailure(backoff, 'id1', failure, 0);
    expect(retryAt(backoff, 'id2', 'protected')).toBe(0);
    expect(minutes(retryAt(afterFailure(backoff, 'id2', failure, 0), 'id2', 'protected'))).toBe(5);
  });
});
