import { expect, test } from 'vitest';
import { forbidsCleartext, mayForbidCleartext } from '../../src/peers/cleartext';

/** Whether a rule forbids cleartext for every peer, or only where a peer publishes what protects it. */
test.each([
  // level, with cleartext allowed where the level allows it, with cleartext_fallback = never
  ['none', 'no peer', 'no peer'],
  ['opportunistic', 'no peer', 'every peer'],
  ['mandatory', 'every peer', 'every peer'],
  ['verify', 'every peer', 'every peer'],
  ['opportunistic_dane', 'some peers', 'every peer'],
  ['mandatory_dane', 'every peer', 'every peer'],
  ['mta_sts', 'some peers', 'every peer'],
  ['auto', 'some peers', 'every peer'],
] as const)(
  '%s forbids cleartext to %s, and with cleartext_fallback = never to %s',
  (level, usual, never) => {
    const who = (enforcement: 'enforce' | 'monitor', cleartextFallback: 'handshake_failure' | 'never') => {
      const rule = { level, enforcement, cleartextFallback };
      if (forbidsCleartext(rule)) return mayForbidCleartext(rule) ? 'every peer' : 'a contradiction';
      return mayForbidCleartext(rule) ? 'some peers' : 'no peer';
    };
    expect(who('enforce', 'handshake_failure')).toBe(usual);
    expect(who('enforce', 'never')).toBe(never);
    expect(who('monitor', 'handshake_failure')).toBe('no peer');
    expect(who('monitor', 'never')).toBe('no peer');
  },
);
