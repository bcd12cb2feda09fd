import { describe, expect, it } from 'vitest';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import { knownOtherwise } from '../../src/evidence/views/known_otherwise';
import { parseDay, type Day } from '../../src/peers/day';

const day = parseDay('2026-11-29') as Day;
const modern: Sighting = {
  ...unseen,
  outcome: 'delivered',
  level: 'auto',
  tls: 'TLSv1.3',
  startTls: 'used',
  pkix: 'pass',
  named: 'neither',
  mx: 'secure',
  tlsa: 'pass',
  policy: 'none',
};
const blind: Sighting = { ...unseen, outcome: 'deferred', level: 'mandatory_dane', mx: 'secure' };
const among = (...all: Sighting[]) => {
  const key = { managed: 'ours.example', direction: 'out', peer: 'peer.example' } as const;
  const complete = knownOtherwise([
    { day, key, sightings: all.map((seen) => [seen, 1] as const), strange: 0 },
  ]);
  return complete('peer.example', blind);
};

describe('what one message did not show', () => {
  it('is filled in from others that agree', () => {
    expect(among(modern, blind)).toMatchObject({
      startTls: 'used',
      tls: 'TLSv1.3',
      pkix: 'pass',
      tlsa: 'pass',
    });
  });

  it('stays open where they do not', () => {
    expect(among(modern, { ...modern, tls: 'TLSv1.2' })).toMatchObject({
      startTls: 'unknown',
      policy: 'none',
    });
    expect(among(modern, { ...modern, policy: 'enforce' })).toMatchObject({
      policy: 'unknown',
      tlsa: 'pass',
    });
    expect(among(modern, { ...modern, mx: 'insecure' })).toEqual(blind);
  });

  it('stays open of a peer with several hosts, and of another peer', () => {
    expect(among(modern, { ...modern, otherHosts: 'some' })).toEqual(blind);
    expect(knownOtherwise([])('peer.example', blind)).toEqual(blind);
  });

  it('says nothing of a certificate that roots of a rule were behind', () => {
    expect(among({ ...modern, pkix: 'pass_added' })).toMatchObject({ startTls: 'used', pkix: 'unknown' });
  });
});
