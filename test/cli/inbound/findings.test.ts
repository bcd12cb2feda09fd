import { describe, expect, test } from 'vitest';
import { findingsOn } from '../../../src/cli/inbound/findings';
import type { PlaceSeen, VersionSeen } from '../../../src/cli/inbound/look';
import type { DomainReport, HostReport } from '../../../src/cli/inbound/report';
import type { InboundRule } from '../../../src/peers/rule';
import type { TlsVersion } from '../../../src/tls/version';

const now = new Date('2026-06-15T12:00:00Z');

const taken = (...wanted: TlsVersion[]): Record<TlsVersion, VersionSeen> => {
  const seen = (version: TlsVersion): VersionSeen =>
    wanted.includes(version) ? { kind: 'taken', cipher: '' } : { kind: 'refused', text: '' };
  return {
    TLSv1: seen('TLSv1'),
    'TLSv1.1': seen('TLSv1.1'),
    'TLSv1.2': seen('TLSv1.2'),
    'TLSv1.3': seen('TLSv1.3'),
  };
};

const place: PlaceSeen = {
  at: '192.0.2.1:25',
  tls: 'starttls',
  name: 'mx.example',
  state: { kind: 'tls' },
  versions: taken('TLSv1.2', 'TLSv1.3'),
  certificates: [{ key: 'ec', names: 'mx.example', expires: '2026-09-01T00:00:00.000Z', pkix: 'pass' }],
};
const rule: InboundRule = {
  name: 'ours.example [inbound]',
  level: 'mandatory',
  minTlsVersion: '1.2',
  actionOnFailure: 'bounce',
  enforcement: 'enforce',
};

const ofListener = (seen: Partial<PlaceSeen>, rules: readonly InboundRule[] = []) =>
  findingsOn({ listeners: [{ ...place, ...seen }], domains: [] }, rules, now).map(
    ({ severity, at, text }) => `${severity} ${at}: ${text}`,
  );

describe('a listener', () => {
  const at = 'listener at 192.0.2.1:25';
  test.each<[string, Partial<PlaceSeen>, string[]]>([
    ['in order', {}, []],
    ['SMTPS in order', { tls: 'from_start' }, []],
    [
      'nobody there',
      { state: { kind: 'not_seen', text: 'connect ECONNREFUSED' }, versions: {}, certificates: [] },
      [`wrong ${at}: not reached: connect ECONNREFUSED`],
    ],
    [
      'no STARTTLS',
      { state: { kind: 'no_tls', text: 'not offered' }, versions: {}, certificates: [] },
      [`wrong ${at}: no TLS: not offered`],
    ],
    [
      'STARTTLS switched off at its port',
      { tls: 'switched_off', state: { kind: 'no_tls', text: '' }, versions: {}, certificates: [] },
      [`warning ${at}: no TLS, as no_starttls_ports of tls.ini wants it`],
    ],
    [
      'old TLS',
      { versions: taken('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3') },
      [`warning ${at}: still takes TLS 1.0 and TLS 1.1 (RFC 8996)`],
    ],
    [
      'nothing but new TLS',
      { versions: taken('TLSv1.3') },
      [`wrong ${at}: refuses TLS 1.2, which many senders have at most`],
    ],
    ['nothing but TLS 1.2', { versions: taken('TLSv1.2') }, [`warning ${at}: refuses TLS 1.3`]],
    [
      'a certificate that is over',
      { certificates: [{ ...place.certificates[0]!, expires: '2026-06-15T00:00:00.000Z' }] },
      [`wrong ${at}: its EC certificate expired 2026-06-15`],
    ],
    [
      'one that soon is',
      { certificates: [{ ...place.certificates[0]!, expires: '2026-06-20T00:00:00.000Z' }] },
      [`warning ${at}: its EC certificate expires 2026-06-20`],
    ],
  ])('%s', (_, seen, expected) => {
    expect(ofListener(seen)).toEqual(expected);
  });
});

describe('a rule that nobody meets', () => {
  test.each<[string, Partial<InboundRule>, Partial<PlaceSeen>, boolean]>([
    [
      'TLS 1.3 at a listener that has 1.2 at most',
      { minTlsVersion: '1.3' },
      { versions: taken('TLSv1.2') },
      true,
    ],
    ['TLS 1.2 there', { minTlsVersion: '1.2' }, { versions: taken('TLSv1.2') }, false],
    ['any TLS there', { minTlsVersion: 'none' }, { versions: taken('TLSv1') }, false],
    ['watched', { minTlsVersion: '1.3', enforcement: 'monitor' }, { versions: taken('TLSv1.2') }, false],
    ['no TLS at all', {}, { state: { kind: 'no_tls', text: '' }, versions: {} }, true],
    [
      'no TLS, where it may be',
      { level: 'opportunistic' },
      { state: { kind: 'no_tls', text: '' }, versions: {} },
      false,
    ],
  ])('%s', (_, of, seen, expected) => {
    expect(ofListener(seen, [{ ...rule, ...of }]).some((line) => line.includes(rule.name))).toBe(expected);
  });
});

describe('an MX host', () => {
  const host: HostReport = {
    host: 'mx.example',
    covered: 'yes',
    tlsa: 'present',
    dane: { host: 'mx.example', dane: 'accepted', why: '', shown: [] },
    places: [place],
  };
  const policy = { kind: 'policy', mode: 'enforce', source: 'elsewhere' } as const;
  const ofHost = (of: Partial<HostReport>, domain: Partial<DomainReport> = {}) =>
    findingsOn(
      {
        listeners: [place],
        domains: [{ domain: 'ours.example', policy, rollout: [], hosts: [{ ...host, ...of }], ...domain }],
      },
      [],
      now,
    ).map(({ severity, text }) => `${severity} ${text}`);
  const untrusted = {
    places: [{ ...place, certificates: [{ ...place.certificates[0]!, pkix: 'certificate-not-trusted' }] }],
  };

  test.each<[string, Partial<HostReport>, Partial<DomainReport>, (string | RegExp)[]]>([
    ['in order', {}, {}, []],
    ['not named by an enforced policy', { covered: 'no' }, {}, ['wrong no mx of the policy names it']],
    [
      'not named by one in testing',
      { covered: 'no' },
      { policy: { ...policy, mode: 'testing' } },
      ['warning no mx of the policy names it'],
    ],
    // The check of what is served from here says it.
    [
      'not named by a policy of this install',
      { covered: 'no' },
      { policy: { ...policy, source: 'hosted' } },
      [],
    ],
    ['not trusted under an enforced policy', untrusted, {}, [/^wrong senders that verify/]],
    ['not trusted without one', untrusted, { policy: { kind: 'none' } }, [/^warning senders that verify/]],
    [
      'TLSA records that fail',
      { dane: { ...host.dane, dane: 'refused', why: 'dnssec' } },
      {},
      ['wrong senders with DANE do not deliver: dnssec'],
    ],
    [
      'TLSA records that cannot be looked up',
      { tlsa: 'failed', dane: { ...host.dane, why: 'bogus' } },
      {},
      ['wrong senders with DANE do not deliver: bogus'],
    ],
    ['no TLSA records', { tlsa: 'absent', dane: { ...host.dane, dane: 'refused' } }, {}, []],
    [
      'out of reach',
      { places: [{ ...place, state: { kind: 'not_seen', text: 'timeout' } }] },
      {},
      ['warning could not be seen from here: timeout'],
    ],
  ])('%s', (_, of, domain, expected) => {
    const found = ofHost(of, domain);
    expect(found).toHaveLength(expected.length);
    expected.forEach((one, at) => expect(found[at]).toMatch(one));
  });
});
