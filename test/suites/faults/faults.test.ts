/** The fast part of `npm run test:faults`: where cleartext is allowed, and where it is not. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runFaults, type Result } from './run_faults';
import { scenarios } from './scenarios';

const chosen = scenarios.filter(({ speed }) => speed === 'fast');

describe('peers, hosts and routes of every behaviour', () => {
  const results = new Map<string, Result>();

  beforeAll(async () => {
    for (const result of await runFaults(chosen)) results.set(result.peer, result);
  }, 120_000);

  it.each(chosen.map(({ behaviour, level, expected, peer }) => [behaviour, level, expected.outcome, peer]))(
    '%s at %s: %s',
    (_behaviour, _level, _outcome, peer) => {
      expect(results.get(peer)?.faults).toEqual([]);
    },
  );
});
