import { expect, it } from 'vitest';
import { parseDay, type Day } from '../../src/peers/day';
import { refusalsOf } from '../../src/evidence/views/refusals';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import type { OutboundRule } from '../../src/peers/rule';
import { rule as ruleOf } from '../policy/facts';

const day = parseDay('2026-11-29') as Day;
const key = { managed: 'ours.example', direction: 'out', peer: 'peer.example' } as const;
const rule = ruleOf('mandatory');
const held: Sighting = {
  ...unseen,
  outcome: 'deferred',
  level: 'mandatory',
  tls: 'none',
  startTls: 'not_offered',
  reason: 'starttls-not-supported',
};
const rows = (sightings: [Sighting, number][]) => [{ day, key, sightings, strange: 0 }];

it('each message that a rule holds up counts once, by its reason', () => {
  const sightings: [Sighting, number][] = [
    [held, 3],
    [{ ...held, attempt: 'again' }, 40],
    [{ ...held, reason: 'connection-failed' }, 5],
    [{ ...held, reason: 'internal-error' }, 7],
    [{ ...held, outcome: 'delivered', reason: 'none', tls: 'TLSv1.3', startTls: 'used' }, 100],
  ];
  expect(refusalsOf(rows(sightings), () => ({ direction: 'out', rule }))).toEqual([
    { ...key, rule: rule.name, messages: 3, reasons: { 'starttls-not-supported': 3 } },
  ]);
});

it('what a sender asked for is held against no rule', () => {
  const asked = { ...held, requireTls: 'required' } as const;
  const sightings: [Sighting, number][] = [
    [{ ...asked, startTls: 'not_tried', reason: 'requiretls-no-tls' }, 3],
    [{ ...asked, startTls: 'used', tls: 'TLSv1.3', reason: 'requiretls-not-offered' }, 2],
    [asked, 1],
  ];
  const found = refusalsOf(rows(sightings), () => ({ direction: 'out', rule }));
  expect(found).toMatchObject([{ messages: 1, reasons: { 'starttls-not-supported': 1 } }]);
});

it('what a rule refused that is no longer in force is not held against the one that is', () => {
  const softer: OutboundRule = { ...rule, level: 'opportunistic' };
  expect(refusalsOf(rows([[held, 3]]), () => ({ direction: 'out', rule: softer }))).toEqual([]);
  expect(refusalsOf(rows([[held, 3]]), () => 'none')).toEqual([]);
});
