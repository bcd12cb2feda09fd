import { expect, test } from 'vitest';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import { loadSettings } from '../../src/settings/load/load';
import { inboundFor, outboundFor } from '../../src/cli/rule_changes';
import type { Day } from '../../src/peers/day';
import { stricterRules } from '../../src/policy/stricter';
import { Kinds } from '../../src/web/api/kinds';
import { Stricter } from '../../src/web/api/stricter';
import { memorySource } from '../settings/memory_source';

const day = '2026-06-15' as Day;
const wentOverTls: Sighting = {
  ...unseen,
  outcome: 'delivered',
  level: 'opportunistic',
  startTls: 'used',
  tls: 'TLSv1.3',
  verified: 'unauthenticated',
  group: 'classic',
  minimum: 'TLSv1',
  pkix: 'certificate-expired',
  mx: 'insecure',
  tlsa: 'none',
  policy: 'none',
  reason: 'none',
};

function settingsWith(outbound: string, inbound = '') {
  const text = `[outbound]\n${outbound}\n[inbound]\n${inbound}\n`;
  const { settings, faults } = loadSettings(memorySource({ 'tls-peers/a.example.ini': text }));
  expect(faults).toEqual([]);
  return settings;
}

function stepsOf(rule: Parameters<Stricter['levels']>[0] | undefined, sightings: readonly Sighting[]) {
  if (rule === undefined) throw new Error('no rule');
  const kinds = new Kinds();
  const counted = sightings.map((one) => kinds.idOf(one)).map((id) => [id, kinds.kind(id)] as const);
  return [...new Stricter().levels(rule, counted)];
}

const key = { managed: 'a.example', peer: 'peer.example' } as const;

test.each([
  ['security_level = none', []],
  [
    'security_level = opportunistic',
    [
      ['mandatory_dane', 'no'],
      ['verify', 'no'],
      ['mandatory', 'yes'],
    ],
  ],
  [
    'security_level = mandatory',
    [
      ['mandatory_dane', 'no'],
      ['verify', 'no'],
    ],
  ],
  // It goes on to follow what the peer publishes: `mandatory` would not.
  [
    'security_level = auto',
    [
      ['mandatory_dane', 'no'],
      ['verify', 'no'],
      ['cleartext_fallback = never', 'yes'],
    ],
  ],
  [
    'security_level = mta_sts',
    [
      ['verify', 'no'],
      ['cleartext_fallback = never', 'yes'],
    ],
  ],
  ['security_level = verify', []],
  ['security_level = verify\nenforcement = monitor', [['enforcement = enforce', 'no']]],
])('above %s stand %j', (outbound, steps) => {
  const rule = outboundFor(settingsWith(outbound), { ...key, direction: 'out' }, day);
  expect(stepsOf(rule, [wentOverTls])).toEqual(steps);
});

test('what did not go says nothing, and nothing is said where nothing went', () => {
  const rule = outboundFor(settingsWith('security_level = opportunistic'), { ...key, direction: 'out' }, day);
  const held: Sighting = { ...wentOverTls, outcome: 'deferred', tls: 'none', startTls: 'not_offered' };
  expect(stepsOf(rule, [held])).toEqual([]);
  expect(stepsOf(rule, [held, wentOverTls])).toEqual(stepsOf(rule, [wentOverTls]));
});

test.each([
  ['', [['mandatory', 'yes']]],
  ['security_level = mandatory', []],
  ['security_level = mandatory\nenforcement = monitor', [['enforcement = enforce', 'yes']]],
])('inbound, above %j stand %j', (inbound, steps) => {
  const rule = inboundFor(settingsWith('', inbound), { ...key, direction: 'in' }, day);
  expect(stepsOf(rule, [{ ...wentOverTls, outcome: 'accepted' }])).toEqual(steps);
});

test('the page shows no step that tighten would not try', () => {
  for (const level of [
    'opportunistic',
    'mandatory',
    'opportunistic_dane',
    'mandatory_dane',
    'mta_sts',
    'auto',
    'verify',
  ])
    for (const enforcement of ['enforce', 'monitor'])
      for (const fallback of ['handshake_failure', 'no_starttls', 'never']) {
        const text = `security_level = ${level}\nenforcement = ${enforcement}\ncleartext_fallback = ${fallback}`;
        const rule = outboundFor(settingsWith(text), { ...key, direction: 'out' }, day);
        if (rule === undefined) throw new Error('no rule');
        const tried = new Set(stricterRules(rule).map((one) => one.level));
        for (const [step] of stepsOf(rule, [wentOverTls]))
          expect(step.includes(' = ') || tried.has(step as never), `${text}: ${step}`).toBe(true);
      }
});
