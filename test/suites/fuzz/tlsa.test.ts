import { expect, it } from 'vitest';
import { fuzzTlsa } from './tlsa';

it('survives records and certificates at random, and accepts none without a match', async () => {
  const tally = await fuzzTlsa(2000, 11, () => undefined);
  expect(tally.faults).toEqual([]);
  expect(tally.accepted).toBeGreaterThan(200);
  expect(tally.malformed).toBeGreaterThan(0);
});
