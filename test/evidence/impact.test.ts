import { describe, expect, it, test } from 'vitest';
import { outboundFates, inboundFates } from '../../src/evidence/views/fates';
import { effectOf, impactOf } from '../../src/evidence/views/impact';
import type { Sighting } from '../../src/evidence/sighting';
import { parseDay, type Day } from '../../src/peers/day';
import type { InboundRule, OutboundRule } from '../../src/peers/rule';
import { rule } from '../policy/facts';
import { modern } from './sightings';

const auto = rule('auto', { name: 'as in force' });

const inCleartext: Sighting = { ...modern, tls: 'none', startTls: 'not_offered', pkix: 'unknown' };
const old: Sighting = { ...modern, tls: 'TLSv1' };
const broken: Sighting = { ...modern, tls: 'none', startTls: 'failed', pkix: 'unknown' };

test.each<[string, Partial<OutboundRule>, Sighting, string[]]>([
  ['a minimum that is met', { minTlsVersion: '1.3' }, modern, ['tls']],
  ['a minimum that is not met, and cleartext instead', { minTlsVersion: '1.2' }, old, ['cleartext']],
  [
    'a minimum that is not met, and no cleartext',
    { minTlsVersion: '1.2', cleartextFallback: 'never' },
    old,
    ['tls-version-too-low'],
  ],
  ['no STARTTLS at mandatory', { level: 'mandatory' }, inCleartext, ['starttls-not-supported']],
  ['TLS that is too old for mandatory', { level: 'mandatory' }, old, ['tls-version-too-low']],
  ['a handshake that fails whatever is asked', { level: 'mandatory' }, broken, ['tls-handshake-failed']],
  ['a good certificate', { level: 'verify' }, modern, ['tls']],
  [
    'a certificate for another name',
    { level: 'verify' },
    { ...modern, pkix: 'certificate-host-mismatch' },
    ['certificate-host-mismatch'],
  ],
  [
    'other names than were looked at',
    { level: 'verify', match: [{ kind: 'name', name: 'x.example' }] },
    modern,
    ['certificate-not-trusted', 'tls'],
  ],
  [
    'a certificate that nobody looked at',
    { level: 'verify' },
    { ...modern, pkix: 'unknown' },
    ['certificate-not-trusted', 'tls'],
  ],
  ['no DANE where it is required', { level: 'mandatory_dane' }, modern, ['dane-required']],
  ['DANE that passes', { level: 'mandatory_dane' }, { ...modern, mx: 'secure', tlsa: 'pass' }, ['tls']],
  ['DANE behind an insecure MX', { level: 'mandatory_dane' }, { ...modern, tlsa: 'pass' }, ['dane-required']],
  [
    'TLSA records that nobody asked for, behind an insecure MX where that decides',
    { level: 'mandatory_dane' },
    { ...modern, tlsa: 'unknown' },
    ['dane-required'],
  ],
  [
    'TLSA records that nobody asked for, where they decide',
    { level: 'mandatory_dane' },
    { ...modern, mx: 'secure', tlsa: 'unknown' },
    ['dane-required', 'tls', 'tlsa-invalid', 'validation-failure'],
  ],
  [
    'a policy that nobody asked for, and everything that it could ask',
    { level: 'mta_sts' },
    { ...modern, policy: 'unknown' },
    ['mx-not-in-policy', 'tls'],
  ],
  ['monitor', { level: 'mandatory_dane', enforcement: 'monitor' }, inCleartext, ['cleartext']],
  ['level none', { level: 'none' }, modern, ['cleartext']],
])('%s', (_name, change, seen, fates) => {
  expect([...outboundFates({ ...auto, ...change }, seen, auto)].sort()).toEqual(fates);
});

test('TLS that was not tried may come to anything', () => {
  const seen: Sighting = { ...modern, level: 'none', tls: 'none', startTls: 'not_tried', pkix: 'unknown' };
  expect(
    effectOf({ direction: 'out', before: auto, after: { ...auto, level: 'mandatory' } }, seen, 'went'),
  ).toEqual({
    kind: 'notKnown',
    missing: ['handshake'],
  });
});

test('of hosts that no message came to nothing is claimed', () => {
  const change = { direction: 'out', before: auto, after: { ...auto, level: 'mandatory' } } as const;
  expect(effectOf(change, { ...inCleartext, otherHosts: 'some' }, 'went')).toEqual({
    kind: 'notKnown',
    missing: ['other_hosts'],
  });
  expect(effectOf(change, { ...modern, otherHosts: 'some' }, 'went')).toEqual({ kind: 'none' });
});

describe('incoming', () => {
  const rule: InboundRule = {
    name: 'as asked',
    level: 'mandatory',
    minTlsVersion: '1.2',
    actionOnFailure: 'bounce',
    enforcement: 'enforce',
  };
  test.each<[Sighting['tls'], Partial<InboundRule>, string]>([
    ['none', {}, 'starttls-not-supported'],
    ['none', { level: 'opportunistic' }, 'cleartext'],
    ['none', { enforcement: 'monitor' }, 'cleartext'],
    ['TLSv1.1', {}, 'tls-version-too-low'],
    ['TLSv1.2', {}, 'tls'],
    ['unknown', {}, 'tls-version-too-low'],
    ['unknown', { minTlsVersion: 'none' }, 'tls'],
  ])('%s under %o: %s', (tls, change, fate) => {
    expect([...inboundFates({ ...rule, ...change }, { ...modern, tls })]).toEqual([fate]);
  });
});

it('adds up by peer, counts a message that waits once, and leaves out what no rule did', () => {
  const day = parseDay('2026-11-29') as Day;
  const key = { managed: 'ours.example', direction: 'out', peer: 'peer.example' } as const;
  const held = { ...inCleartext, outcome: 'deferred', reason: 'dane-required' } as const;
  const sightings: [Sighting, number][] = [
    [modern, 7],
    [inCleartext, 2],
    [held, 1],
    [{ ...held, attempt: 'again' }, 11],
    [{ ...held, reason: 'connection-failed' }, 5],
  ];
  const change = { direction: 'out', before: auto, after: { ...auto, level: 'mandatory' } } as const;
  expect(impactOf([{ day, key, sightings, strange: 0 }], () => change)).toEqual([
    {
      ...key,
      messages: 10,
      refused: 2,
      weakened: 0,
      released: 0,
      notKnown: 0,
      reasons: { 'starttls-not-supported': 2 },
      missing: {},
    },
  ]);
  expect(impactOf([{ day, key, sightings, strange: 0 }], () => 'unchanged')).toEqual([]);
});
