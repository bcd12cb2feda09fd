import { expect, test } from 'vitest';
import { missingTexts, whatMakesKnown } from '../../src/cli/missing_text';

test('what an impact does not know has a text, and something that makes it known', () => {
  for (const name of Object.keys(missingTexts)) expect(whatMakesKnown({ [name]: 1 })).toHaveLength(1);
});

test.each([
  [{}, []],
  // Monitoring a rule does not loosen what a sender asked for: such mail makes no handshake either.
  [{ handshake: 3 }, [/^tls-peers test/]],
  [{ handshake: 1, other_hosts: 2 }, [/^tls-peers test/]],
  [{ policy: 1, handshake: 1, dane: 4 }, [/^enforcement = monitor/, /^tls-peers test/]],
])('of %j it is said once what does', (missing, expected) => {
  const told = whatMakesKnown(missing);
  expect(told).toHaveLength(expected.length);
  for (const [at, pattern] of expected.entries()) expect(told[at]).toMatch(pattern);
});
