import { expect, test } from 'vitest';
import { shippedInbound, shippedOutbound } from '../../src/peers/rule';
import { inboundKeys, initials, outboundKeys } from '../../src/settings/schema/keys';

/** A key without a default is an empty text in the schema, as it would be written. */
const written = (shipped: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(shipped).map(([key, value]) => [key, value ?? '']));

test('what a rule says by default is what samples and reference say, key by key', () => {
  expect(written(shippedOutbound)).toEqual(initials(outboundKeys));
  expect(Object.keys(shippedOutbound)).toEqual(Object.keys(outboundKeys));
  expect(written(shippedInbound)).toEqual(initials(inboundKeys));
  expect(Object.keys(shippedInbound)).toEqual(Object.keys(inboundKeys));
});
