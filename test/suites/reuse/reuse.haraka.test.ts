/** The part of `npm run test:reuse` that runs with the other tests. */
import { expect, it } from 'vitest';
import { runReuse } from './run_reuse';
import { scenarios } from './scenarios';

it('a message uses a session that was opened for another one only where its own rule is met', async () => {
  const fast = scenarios.filter(({ speed }) => speed === 'fast');
  const results = await runReuse(fast);
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  expect(results.length).toBe(fast.length);
}, 60_000);
