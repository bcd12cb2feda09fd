import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { DayTable, otherPeers, type PeerKey } from '../../src/evidence/day_table';
import { countsLine, evidenceHeader, parseCountsLine } from '../../src/evidence/lines';
import { peerName } from '../../src/evidence/peer_name';
import { parseSighting, sightingText, unseen, type Sighting } from '../../src/evidence/sighting';
import { parseDay, type Day } from '../../src/peers/day';
import { failureStatus, type FailureReason } from '../../src/failure';
import { times } from '../support/times';

/** Files are read octet by octet. */
const octets = fc.uint8Array({ maxLength: 64 }).map((some) => Buffer.from(some).toString('latin1'));

const day = parseDay('2026-11-29') as Day;
const key: PeerKey = { managed: 'ours.example', direction: 'out', peer: 'peer.example' };
const seen: Sighting = {
  ...unseen,
  outcome: 'delivered',
  level: 'auto',
  tls: 'TLSv1.3',
  startTls: 'used',
  group: 'post_quantum',
  verified: 'dane',
  pkix: 'certificate-host-mismatch',
  mx: 'secure',
  tlsa: 'pass',
  policy: 'enforce_not_named',
};

describe('a sighting as text', () => {
  it('reads back as it was', () => {
    expect(parseSighting(sightingText(seen))).toEqual(seen);
  });

  it('keeps the letters that files on disk hold', () => {
    expect(sightingText({ ...unseen, outcome: 'deferred', level: 'unknown' })).toBe('baaaaaaaaaaaaaaaa');
    expect(sightingText(seen)).toMatchInlineSnapshot(`"aaiafbceaagbcgaaa"`);
  });

  it('has a letter for what the sender asked for only where that is something', () => {
    expect(sightingText({ ...seen, requireTls: 'required' })).toBe('aaiafbceaagbcgaaab');
    expect(parseSighting('aaiafbceaagbcgaaac')).toEqual({ ...seen, requireTls: 'no' });
  });

  it('gives each reason the letter that it always had: new ones come last', () => {
    const letters = Object.keys(failureStatus).map(
      (reason) => sightingText({ ...seen, reason: reason as FailureReason })[15] ?? '',
    );
    expect(letters.join('')).toBe('efghijklmnopqrstuvw');
    expect(Object.keys(failureStatus).slice(12)).toEqual([
      'sts-webpki-invalid',
      'mx-not-in-policy',
      'dns-lookup-failed',
      'config-invalid',
      'internal-error',
      'requiretls-not-offered',
      'requiretls-no-tls',
    ]);
  });

  it('reads what an earlier version wrote, without the fields that came since', () => {
    expect(parseSighting('aaiafbceaagbcgaa')).toEqual({ ...seen, named: 'unknown' });
  });

  test.each(['', 'a', 'aaaaaaaaaaaaaaaa!', 'zaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaa'])(
    '%j is none',
    (text) => {
      expect(parseSighting(text)).toBeUndefined();
    },
  );
});

describe('a line of counts', () => {
  it('reads back as it was', () => {
    const counts = new Map([[sightingText(seen), 12]]);
    const line = countsLine(key, counts).trimEnd();
    expect(parseCountsLine(line)).toEqual({ key, counts: [...counts] });
  });

  it('is refused with any octet changed, left out or added', () => {
    const line = countsLine(key, new Map([[sightingText(seen), 12]])).trimEnd();
    const damage = fc.tuple(fc.nat(line.length - 1), fc.constantFrom('', 'Q', '\t', '9'));
    fc.assert(
      fc.property(damage, ([at, by]) => {
        const damaged = line.slice(0, at) + by + line.slice(at + 1);
        fc.pre(damaged !== line);
        expect(parseCountsLine(damaged)).toBeUndefined();
      }),
      { numRuns: 200 * times },
    );
  });

  it('never throws, whatever it holds', () => {
    fc.assert(
      fc.property(octets, (line) => {
        parseCountsLine(line);
        evidenceHeader.parse(line);
      }),
      { numRuns: 200 * times },
    );
  });
});

test.each([
  [evidenceHeader.text(day).trimEnd(), { kind: 'header', day }],
  ['tls-peers evidence 2\t2026-11-29', { kind: 'newer', version: 2 }],
  ['tls-peers evidence 1\t2026-02-30', { kind: 'foreign' }],
  ['{"version":1}', { kind: 'foreign' }],
])('the header %j', (line, header) => {
  expect(evidenceHeader.parse(line)).toEqual(header);
});

test.each([
  ['Peer.Example.', 'peer.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['', '<>'],
  ['[192.0.2.1]', '[192.0.2.1]'],
  ['a b\tc', otherPeers],
  ['x'.repeat(300), otherPeers],
])('a peer %j is counted as %j', (domain, name) => {
  expect(peerName(domain)).toBe(name);
});

describe('the peers of a day', () => {
  const named = 'named.example';
  const table = () => new DayTable(day, { maxPeers: 100, isNamed: ({ peer }) => peer === named });
  const sizeLimit = 100 + 64 + 1;

  it('are bounded: the busiest and the named stay, and no message is lost', () => {
    const one = table();
    one.add({ ...key, peer: named }, 'a', 1);
    for (let at = 0; at < 50; at++) one.add({ ...key, peer: `busy${at}.example` }, 'a', 1000);
    for (let at = 0; at < 5000; at++) one.add({ ...key, peer: `p${at}.example` }, 'a', 1);
    const rows = new Map([...one.rows()].map(([{ peer }, counts]) => [peer, counts.get('a') ?? 0]));
    expect(rows.size).toBeLessThanOrEqual(sizeLimit);
    expect(rows.get(named)).toBe(1);
    expect(rows.get('busy49.example')).toBe(1000);
    expect(rows.get(otherPeers)).toBeGreaterThan(4000);
    expect([...rows.values()].reduce((sum, count) => sum + count, 0)).toBe(1 + 50_000 + 5000);
  });

  it('have a bounded number of kinds each, and what is rare keeps its outcome', () => {
    const one = table();
    for (let at = 0; at < 500; at++) one.add(key, `b${String(at).padStart(15, 'x')}`, 1);
    const [[, counts] = [key, new Map<string, number>()]] = [...one.rows()];
    expect(counts.size).toBeLessThanOrEqual(65);
    expect(counts.get(`b${'a'.repeat(15)}`)).toBeGreaterThan(400);
  });
});
