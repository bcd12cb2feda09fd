import { expect, test } from 'vitest';
import { allowsBrokenTls, forbidsCleartext } from '../../src/policy/cleartext';
import type { CleartextFallback } from '../../src/peers/rule';
import type { Requirement } from '../../src/policy/requirement';

const opportunistic = (cleartextFallback: CleartextFallback): Requirement => ({
  kind: 'opportunistic',
  minVersion: 'TLSv1',
  cleartextFallback,
  serverName: undefined,
  observe: undefined,
  because: 'mandatory',
});
const encrypted: Requirement = {
  kind: 'encrypted',
  minVersion: 'TLSv1',
  authentication: { kind: 'none' },
  serverName: undefined,
  observe: undefined,
  because: 'mandatory',
};

/** Whether cleartext is forbidden whatever the peer offers, and whether it will do where the peer's TLS is broken. */
test.each<[what: string, requirement: Requirement, forbidden: boolean, broken: boolean]>([
  ['encrypted', encrypted, true, false],
  ['opportunistic, never', opportunistic('never'), true, false],
  ['opportunistic, no_starttls', opportunistic('no_starttls'), false, false],
  ['opportunistic, handshake_failure', opportunistic('handshake_failure'), false, true],
  // There is no handshake that could fail.
  ['cleartext', { kind: 'cleartext', because: 'none' }, false, false],
])('%s says what may go in cleartext', (_what, requirement, forbidden, broken) => {
  expect(forbidsCleartext(requirement)).toBe(forbidden);
  expect(allowsBrokenTls(requirement)).toBe(broken);
});
