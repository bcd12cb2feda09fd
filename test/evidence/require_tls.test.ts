import { describe, expect, it, test } from 'vitest';
import type { DayCounts } from '../../src/evidence/evidence';
import { parseTrackLine, trackLine, type TrackRow } from '../../src/evidence/track';
import type { Sighting } from '../../src/evidence/sighting';
import { outboundFates } from '../../src/evidence/views/fates';
import { impactOf, totalImpact } from '../../src/evidence/views/impact';
import { refusalsOf } from '../../src/evidence/views/refusals';
import { holdsInRecord } from '../../src/evidence/views/tighten';
import { trafficOf } from '../../src/evidence/views/traffic';
import { parseDay, type Day } from '../../src/peers/day';
import type { OutboundRule } from '../../src/peers/rule';
import { rule } from '../policy/facts';
import { modern } from './sightings';

const auto = rule('auto');
const day = parseDay('2026-11-29') as Day;
const key = { managed: 'ours.example', direction: 'out', peer: 'peer.example' } as const;
const counted = (...sightings: DayCounts['sightings']): DayCounts[] => [{ day, key, sightings, strange: 0 }];

/** Sent with REQUIRETLS to a host that DNSSEC vouches for. */
const vouched: Sighting = { ...modern, requireTls: 'required', mx: 'secure', tlsa: 'pass', verified: 'dane' };
const notOffered: Sighting = {
  ...vouched,
  outcome: 'bounced',
  verified: 'none',
  reason: 'requiretls-not-offered',
};
const unnamed: Sighting = {
  ...modern,
  requireTls: 'required',
  outcome: 'bounced',
  reason: 'requiretls-no-tls',
};
/** With "TLS-Required: No", to a host whose TLSA records are wrong. */
const relaxed: Sighting = { ...modern, level: 'opportunistic', requireTls: 'no', mx: 'secure', tlsa: 'fail' };

// prettier-ignore
const fates: readonly (readonly [name: string, seen: Sighting, changes: Partial<OutboundRule>, fate: string])[] = [
  ['sent with REQUIRETLS',           vouched,    {},                                  'tls'],
  ['sent with REQUIRETLS',           vouched,    { level: 'verify' },                 'tls'],
  ['sent with REQUIRETLS',           vouched,    { level: 'none' },                   'requiretls-no-tls'],
  ['sent with REQUIRETLS',           vouched,    { minTlsVersion: '1.3' },            'tls'],
  ['the keyword was missing',        notOffered, {},                                  'requiretls-not-offered'],
  ['the keyword was missing',        notOffered, { requireTls: 'opportunistic_tls' }, 'tls'],
  ['nobody vouched for the host',    unnamed,    {},                                  'requiretls-no-tls'],
  ['nobody vouched for the host',    unnamed,    { requireTls: 'opportunistic' },     'tls'],
  ['nobody vouched, and no TLS',     { ...unnamed, startTls: 'not_offered', tls: 'none' }, { requireTls: 'opportunistic_tls' }, 'starttls-not-supported'],
  ['nobody vouched, and no TLS',     { ...unnamed, startTls: 'not_offered', tls: 'none' }, { requireTls: 'opportunistic' }, 'cleartext'],
  ['wrong TLSA records set aside',   relaxed,    {},                                  'tls'],
  ['wrong TLSA records set aside',   relaxed,    { level: 'mandatory_dane' },         'validation-failure'],
  ['the same for which nobody asks', { ...relaxed, requireTls: 'unasked' }, {},       'validation-failure'],
];

test.each(fates)('%s: under %o it is %s', (_, seen, changes, fate) => {
  expect([...outboundFates({ ...auto, ...changes }, seen, auto)]).toEqual([fate]);
});

test('whether a host offers the keyword to which nothing was asked of is not known', () => {
  const sent: Sighting = { ...vouched, requireTls: 'required' };
  const before = rule('auto', { requireTls: 'opportunistic' });
  expect([...outboundFates(auto, sent, before)]).toEqual(['tls', 'requiretls-not-offered']);
});

describe('views over such mail', () => {
  const rows = counted([vouched, 5], [notOffered, 2], [unnamed, 1], [relaxed, 3], [modern, 7]);

  it('impact: lowering requiretls lets those go that were returned for want of it', () => {
    const after = { ...auto, requireTls: 'opportunistic_tls' } as const;
    const [impact] = impactOf(rows, () => ({ direction: 'out', before: auto, after }));
    expect(impact).toMatchObject({ messages: 18, refused: 0, weakened: 0, released: 3, notKnown: 0 });
  });

  it('impact: no rule sends such mail in cleartext', () => {
    const after = rule('none');
    const total = totalImpact(impactOf(rows, () => ({ direction: 'out', before: auto, after })));
    expect(total).toMatchObject({ refused: 5, weakened: 10, reasons: { 'requiretls-no-tls': 5 } });
  });

  it('what the sender asked for is no refusal of a rule', () => {
    expect(refusalsOf(rows, () => ({ direction: 'out', rule: auto }))).toEqual([]);
    const old: Sighting = { ...unnamed, reason: 'tls-version-too-low', tls: 'TLSv1', startTls: 'used' };
    const strict = rule('mandatory', { minTlsVersion: '1.2' });
    const [refused] = refusalsOf(counted([old, 4]), () => ({ direction: 'out', rule: strict }));
    expect(refused).toMatchObject({ messages: 4, reasons: { 'tls-version-too-low': 4 } });
  });

  it('tighten: what was returned for want of the keyword does not keep a peer from a stricter rule', () => {
    const [{ sightings } = { sightings: [] }] = counted([vouched, 5], [notOffered, 2], [unnamed, 1]);
    const verified = sightings.map(
      ([seen, count]) => [{ ...seen, startTls: 'used' as const }, count] as const,
    );
    expect(holdsInRecord({ sightings: verified }, auto, rule('verify'))).toEqual({ kind: 'holds' });
    const never: Sighting = { ...unnamed, startTls: 'unknown', tls: 'unknown', pkix: 'unknown' };
    expect(holdsInRecord({ sightings: [[never, 1]] }, auto, rule('verify'))).toEqual({ kind: 'holds' });
  });

  it('traffic counts what was asked for', () => {
    expect(trafficOf(rows)[0]?.requiretls).toEqual({ required: 5, failed: 3, no: 3 });
    expect(trafficOf(counted([modern, 7]))[0]?.requiretls).toEqual({});
  });
});

describe('a line of the log of messages', () => {
  const row: TrackRow = {
    at: 1,
    direction: 'out',
    ...{ transaction: 'A.1', id: '<1@ours.example>', from: 'me@ours.example', to: 'you@peer.example' },
    ...{ managed: 'ours.example', peer: 'peer.example', rule: 'r', level: 'auto', host: 'mx.peer.example' },
    ...{ address: '192.0.2.1', tls: 'TLSv1.3', group: '', verified: 'pkix', reason: '', text: '' },
    outcome: 'delivered',
  };

  it('says what the sender asked for, and nothing where that is nothing', () => {
    const asked: TrackRow = { ...row, requiretls: 'required' };
    expect(parseTrackLine(trackLine(asked))).toEqual({ kind: 'row', row: asked });
    expect(parseTrackLine(trackLine(row))).toEqual({ kind: 'row', row });
    expect(trackLine(row)).not.toContain('requiretls');
    expect(parseTrackLine(JSON.stringify({ ...row, requiretls: 'maybe' }))).toEqual({ kind: 'damaged' });
  });
});
