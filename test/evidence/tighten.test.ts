import { describe, expect, test } from 'vitest';
import type { DayCounts } from '../../src/evidence/evidence';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import { holdsInRecord, publishedFor, recordsByPeer } from '../../src/evidence/views/tighten';
import type { Day } from '../../src/peers/day';
import type { OutboundRule } from '../../src/peers/rule';
import { rule } from '../policy/facts';
import { modern } from './sightings';

const auto = rule('auto', { name: 'as in force' });
const verify: OutboundRule = { ...auto, level: 'verify' };

const deferred: Sighting = { ...unseen, outcome: 'deferred', level: 'auto' };

describe('whether a stricter rule holds for all that was seen', () => {
  test.each<[string, Sighting, 'holds' | 'open']>([
    ['a message in cleartext', { ...modern, tls: 'none', startTls: 'not_offered', pkix: 'unknown' }, 'open'],
    ['a handshake that failed', { ...modern, tls: 'none', startTls: 'failed', pkix: 'unknown' }, 'open'],
    ['another certificate', { ...modern, pkix: 'certificate-host-mismatch' }, 'open'],
    ['a certificate that nobody looked at', { ...modern, pkix: 'unknown' }, 'open'],
    ['a message that a rule held up', { ...deferred, reason: 'certificate-expired' }, 'open'],
    [
      'one that was held up again',
      { ...deferred, attempt: 'again', reason: 'starttls-not-supported' },
      'open',
    ],
    ['a reply in cleartext', { ...deferred, reason: 'reply', startTls: 'not_offered', tls: 'none' }, 'open'],
    ['a reply through TLS', { ...modern, outcome: 'deferred', reason: 'reply' }, 'holds'],
    ['no connection', { ...deferred, reason: 'connection-failed' }, 'holds'],
    ['DNS that did not answer', { ...deferred, reason: 'dns-lookup-failed' }, 'holds'],
    ['a fault of ours', { ...deferred, reason: 'internal-error' }, 'holds'],
  ])('%s among others: %s', (_, seen, expected) => {
    const sightings = [
      [modern, 60],
      [seen, 1],
    ] as const;
    expect(holdsInRecord({ sightings }, auto, verify).kind).toBe(expected);
  });
});

test.each<[OutboundRule['level'], Partial<Sighting>, string | undefined]>([
  ['auto', {}, undefined],
  ['auto', { tlsa: 'pass' }, 'TLSA records'],
  ['auto', { policy: 'testing' }, 'an MTA-STS policy'],
  ['auto', { policy: 'mode_none' }, undefined],
  ['mta_sts', { tlsa: 'pass' }, undefined],
  ['opportunistic_dane', { policy: 'enforce' }, undefined],
  ['opportunistic', { tlsa: 'pass', policy: 'enforce' }, undefined],
])('at %s, what was published: %o', (level, seen, expected) => {
  expect(publishedFor(level, { sightings: [[{ ...modern, ...seen }, 1]] })).toBe(expected);
});

test('days count on which messages went', () => {
  const key = { managed: '', direction: 'out', peer: 'peer.example' } as const;
  const row = (day: string, sighting: Sighting, strange = 0): DayCounts => ({
    day: day as Day,
    key,
    sightings: [[sighting, 3]],
    strange,
  });
  const [record, ...more] = recordsByPeer([
    row('2026-06-01', modern),
    row('2026-06-01', modern),
    row('2026-06-02', { ...deferred, reason: 'reply' }),
    row('2026-06-03', modern, 2),
  ]);
  expect(more).toEqual([]);
  expect(record).toMatchObject({ messages: 9, days: 2, strange: 2 });
});
