import { describe, expect, it, test } from 'vitest';
import type { Destination } from '../../src/dns/types';
import type { StsFacts } from '../../src/mta_sts/types';
import type { OutboundRule } from '../../src/peers/rule';
import { decide } from '../../src/policy/decide';
import { observedBy } from '../../src/policy/observed';
import type { HostPlan, Requirement } from '../../src/policy/requirement';
import {
  addresses,
  domain,
  failed,
  host,
  mx,
  mxHost,
  noPolicy,
  noPolicyObtained,
  policyUnknown,
  policy,
  relay,
  route,
  rule,
  tlsa,
  unusableRecord,
  usableRecord,
} from './facts';

/** One line for a requirement: `opportunistic observing pkix`, `encrypted none`, `cleartext`. */
function brief(requirement: Requirement): string {
  if (requirement.kind === 'cleartext') return 'cleartext';
  const kind =
    requirement.kind === 'opportunistic' ? 'opportunistic' : `encrypted ${requirement.authentication.kind}`;
  const observed = observedBy(requirement).map(({ authentication }) => authentication.kind);
  return observed.length === 0 ? kind : `${kind} observing ${observed.join(', ')}`;
}

/** What becomes of the one host: its requirement, `refused: reason`, or `defer: reason`. */
function outcome(of: OutboundRule, destination: Destination, sts: StsFacts = noPolicy): string {
  const decision = decide(of, { destination, sts });
  if (decision.kind === 'defer') return `defer: ${decision.failure.reason}`;
  if (decision.kind === 'undeliverable') return `undeliverable: ${decision.cause}`;
  const [plan] = decision.hosts;
  const [refused] = decision.refused;
  if (plan !== undefined) return brief(plan.requirement);
  return refused === undefined ? 'nothing' : `refused: ${refused.failure.reason}`;
}

/** The terms on which the one host may be connected to. */
function planOf(of: OutboundRule, destination: Destination, sts: StsFacts = noPolicy): HostPlan {
  const decision = decide(of, { destination, sts });
  const plan = decision.kind === 'deliver' ? decision.hosts[0] : undefined;
  if (plan === undefined) throw new Error('no host');
  return plan;
}

const secureAbsent = mx('secure', mxHost({ tlsa: { kind: 'absent' } }));
const secureUsable = mx('secure', mxHost({ tlsa: tlsa(usableRecord) }));
const insecureUsable = mx('insecure', mxHost({ tlsa: tlsa(usableRecord) }));
const secureUnusable = mx('secure', mxHost({ tlsa: tlsa(unusableRecord) }));
const insecureAddress = mx('secure', mxHost({ addresses: addresses('insecure') }));
const insecureAddressUsable = mx(
  'secure',
  mxHost({ addresses: addresses('insecure'), tlsa: tlsa(usableRecord) }),
);
const aliasUsable = mx('secure', mxHost({ addresses: addresses('secure_alias'), tlsa: tlsa(usableRecord) }));
const tlsaFailed = mx('secure', mxHost({ tlsa: failed() }));
const tlsaBogus = mx('secure', mxHost({ tlsa: failed('bogus') }));
const noAddress = mx('secure', mxHost({ addresses: failed('timeout') }));
const mxFailed: Destination = { kind: 'lookup_failed', domain, failure: failed() };
const mxBogus: Destination = { kind: 'lookup_failed', domain, failure: failed('bogus') };
const implicit: Destination = {
  kind: 'implicit',
  domain,
  host: mxHost({ host: domain, tlsa: tlsa(usableRecord) }),
};
const nowhere: Destination = {
  kind: 'implicit',
  domain,
  host: mxHost({ host: domain, addresses: { kind: 'none' } }),
};
const implicitFailed: Destination = {
  kind: 'implicit',
  domain,
  host: mxHost({ host: domain, addresses: failed('timeout') }),
};
const routed = route({ tlsa: { kind: 'present', baseDomain: relay, records: [usableRecord] } });
const literal: Destination = { kind: 'literal', domain: '[192.0.2.1]', address: '192.0.2.1' };

describe('the DANE table (RFC 7672)', () => {
  test.each([
    // destination, opportunistic_dane, auto without a policy, mandatory_dane
    [
      'MX lookup failed',
      mxFailed,
      'defer: dns-lookup-failed',
      'defer: dns-lookup-failed',
      'defer: dns-lookup-failed',
    ],
    ['MX lookup bogus', mxBogus, 'defer: dnssec-invalid', 'defer: dnssec-invalid', 'defer: dnssec-invalid'],
    [
      'insecure MX, usable TLSA',
      insecureUsable,
      'encrypted dane',
      'encrypted dane',
      'refused: dane-required',
    ],
    ['insecure address', insecureAddress, 'opportunistic', 'opportunistic', 'refused: dane-required'],
    [
      'insecure address, TLSA present all the same',
      insecureAddressUsable,
      'opportunistic',
      'opportunistic',
      'refused: dane-required',
    ],
    ['secure alias into an insecure zone', aliasUsable, 'encrypted dane', 'encrypted dane', 'encrypted dane'],
    [
      'no address, lookup failed',
      noAddress,
      'refused: dns-lookup-failed',
      'refused: dns-lookup-failed',
      'refused: dns-lookup-failed',
    ],
    ['TLSA denied or insecure', secureAbsent, 'opportunistic', 'opportunistic', 'refused: dane-required'],
    [
      'TLSA lookup failed',
      tlsaFailed,
      'refused: dns-lookup-failed',
      'refused: dns-lookup-failed',
      'refused: dns-lookup-failed',
    ],
    [
      'TLSA bogus',
      tlsaBogus,
      'refused: dnssec-invalid',
      'refused: dnssec-invalid',
      'refused: dnssec-invalid',
    ],
    [
      'TLSA present, none usable',
      secureUnusable,
      'encrypted none',
      'encrypted none',
      'refused: tlsa-invalid',
    ],
    ['TLSA usable', secureUsable, 'encrypted dane', 'encrypted dane', 'encrypted dane'],
    ['no MX, the domain is the host', implicit, 'encrypted dane', 'encrypted dane', 'encrypted dane'],
    ['a route of the operator', routed, 'encrypted dane', 'encrypted dane', 'encrypted dane'],
    ['an address', literal, 'opportunistic', 'opportunistic', 'refused: dane-required'],
  ] as const)('%s', (_name, destination, opportunistic, auto, mandatory) => {
    expect(outcome(rule('opportunistic_dane'), destination)).toBe(opportunistic);
    expect(outcome(rule('auto'), destination)).toBe(auto);
    expect(outcome(rule('mandatory_dane'), destination)).toBe(mandatory);
  });

  it('does not apply behind an insecure MX where insecure_mx = may', () => {
    const may = { insecureMx: 'may' } as const;
    expect(outcome(rule('opportunistic_dane', may), insecureUsable)).toBe('opportunistic');
    expect(outcome(rule('auto', may), insecureUsable)).toBe('opportunistic');
    expect(outcome(rule('mandatory_dane', may), insecureUsable)).toBe('refused: dane-required');
    expect(outcome(rule('opportunistic_dane', may), secureUsable)).toBe('encrypted dane');
  });

  it.each([
    ['a secure MX vouches for the next-hop domain', secureUsable, [host, domain]],
    ['an insecure MX does not', insecureUsable, [host]],
    [
      'a secure MX vouches for the name that the next-hop domain is an alias of',
      { ...secureUsable, canonicalName: 'expanded.example' },
      [host, domain, 'expanded.example'],
    ],
    ['an insecure MX does not for that', { ...insecureUsable, canonicalName: 'expanded.example' }, [host]],
    ['the domain itself is its own host', implicit, [host, domain]],
  ] as const)('%s as a reference identifier', (_name, destination, names) => {
    const decision = decide(rule('opportunistic_dane'), { destination, sts: noPolicy });
    if (decision.kind !== 'deliver') throw new Error(decision.kind);
    const requirement = decision.hosts[0]?.requirement;
    if (requirement?.kind !== 'encrypted' || requirement.authentication.kind !== 'dane')
      throw new Error('no DANE');
    expect(requirement.authentication.dane).toMatchObject({ port: 25, referenceNames: names });
    expect(requirement.serverName).toBe(host);
  });
});

describe('a route', () => {
  const usable = { kind: 'present', baseDomain: relay, records: [usableRecord] } as const;

  test.each([
    // addresses and TLSA as DNS has them; none, mandatory, verify; opportunistic_dane, auto, mandatory_dane
    [
      'unknown to an unsigned zone',
      route({ addresses: { kind: 'none' }, tlsa: { kind: 'not_asked' } }),
      ['opportunistic', 'opportunistic', 'refused: dane-required'],
    ],
    [
      'unknown to a signed zone, no TLSA',
      route({ addresses: { kind: 'none' } }),
      ['opportunistic', 'opportunistic', 'refused: dane-required'],
    ],
    [
      'unknown to a signed zone, TLSA',
      route({ addresses: { kind: 'none' }, tlsa: usable }),
      ['encrypted dane', 'encrypted dane', 'encrypted dane'],
    ],
    [
      'address lookup failed',
      route({ addresses: failed('timeout'), tlsa: { kind: 'not_asked' } }),
      ['refused: dns-lookup-failed', 'refused: dns-lookup-failed', 'refused: dns-lookup-failed'],
    ],
    [
      'address bogus',
      route({ addresses: failed('bogus'), tlsa: { kind: 'not_asked' } }),
      ['refused: dnssec-invalid', 'refused: dnssec-invalid', 'refused: dnssec-invalid'],
    ],
    [
      'TLSA lookup failed',
      route({ tlsa: failed() }),
      ['refused: dns-lookup-failed', 'refused: dns-lookup-failed', 'refused: dns-lookup-failed'],
    ],
    [
      'an address',
      route({ host: '192.0.2.1', addresses: addresses('insecure'), tlsa: { kind: 'not_asked' } }),
      ['opportunistic', 'opportunistic', 'refused: dane-required'],
    ],
  ] as const)(
    'to a host that is %s: DNS decides about DANE alone',
    (_name, destination, [dane, auto, mandatoryDane]) => {
      expect(outcome(rule('none'), destination)).toBe('cleartext');
      expect(outcome(rule('opportunistic'), destination)).toBe('opportunistic');
      expect(outcome(rule('mandatory'), destination)).toBe('encrypted none');
      expect(outcome(rule('verify'), destination)).toBe('encrypted pkix');
      expect(outcome(rule('mta_sts'), destination, { kind: 'not_asked' })).toBe('opportunistic');
      expect(outcome(rule('opportunistic_dane'), destination)).toBe(dane);
      expect(outcome(rule('auto'), destination, { kind: 'not_asked' })).toBe(auto);
      expect(outcome(rule('mandatory_dane'), destination)).toBe(mandatoryDane);
    },
  );

  function requirementOf(of: OutboundRule, destination: Destination) {
    const decision = decide(of, { destination, sts: { kind: 'not_asked' } });
    const plan = decision.kind === 'deliver' ? decision.hosts[0] : undefined;
    if (plan?.requirement.kind !== 'encrypted') throw new Error('not encrypted');
    return { ...plan, ...plan.requirement };
  }

  it('carries its port to the TLSA records', () => {
    const { port, authentication, discovered } = requirementOf(
      rule('opportunistic_dane'),
      route({ port: 587, tlsa: usable }),
    );
    expect(port).toBe(587);
    expect(authentication).toMatchObject({ dane: { baseDomain: relay, port: 587 } });
    expect(discovered).toContain('port 587');
  });

  it('is its own next-hop domain: the certificate need not name the domain of the recipient', () => {
    const expanded = route({ tlsa: { ...usable, baseDomain: 'expanded.provider.example' } });
    expect(requirementOf(rule('mandatory_dane'), expanded).authentication).toMatchObject({
      dane: { referenceNames: ['expanded.provider.example', relay] },
    });
    const match = [{ kind: 'nexthop' }, { kind: 'dot-nexthop' }] as const;
    expect(requirementOf(rule('verify', { match }), route()).authentication).toMatchObject({
      pkix: { names: [relay], subdomains: [relay] },
    });
  });
});

describe('the MTA-STS table (RFC 8461)', () => {
  const enforce = policy('enforce', host);
  const testing = policy('testing', host);
  const elsewhere = policy('enforce', '*.other.example');

  test.each([
    ['no policy published', noPolicy, 'opportunistic'],
    ['a policy never obtained', noPolicyObtained, 'opportunistic'],
    ['a policy that may be in force, and nobody can tell', policyUnknown, 'refused: sts-policy-fetch-error'],
    ['mode none', policy('none'), 'opportunistic'],
    ['mode testing, host named', testing, 'opportunistic observing pkix'],
    ['mode testing, host not named', policy('testing', '*.other.example'), 'opportunistic observing pkix'],
    ['mode enforce, host not named', elsewhere, 'refused: mx-not-in-policy'],
    ['mode enforce, host named', enforce, 'encrypted pkix'],
  ] as const)('%s', (_name, sts, expected) => {
    expect(outcome(rule('mta_sts'), secureAbsent, sts)).toBe(expected);
    expect(outcome(rule('auto'), secureAbsent, sts)).toBe(expected);
    expect(outcome(rule('auto'), insecureAddress, sts)).toBe(expected);
  });

  it('wants the name of the MX host in a certificate that the roots of the rule may vouch for, and sends it', () => {
    const pkix = { names: [host], subdomains: [], extraRoots: 'PEM' };
    const of = { extraRoots: 'PEM' };
    expect(planOf(rule('mta_sts', of), secureAbsent, enforce).requirement).toMatchObject({
      authentication: { kind: 'pkix', pkix },
      serverName: host,
    });
    expect(planOf(rule('auto', of), insecureUsable, enforce).requirement).toMatchObject({
      authentication: { kind: 'dane_and_pkix', pkix },
    });
    expect(planOf(rule('mta_sts', of), secureAbsent, testing).requirement).toMatchObject({
      observe: { authentication: { kind: 'pkix', pkix }, serverName: host },
      serverName: host,
    });
  });

  it('records why a published policy was not obtained, and nothing where none is published', () => {
    const reasons = (sts: StsFacts) =>
      planOf(rule('mta_sts'), secureAbsent, sts).recorded.map(({ reason }) => reason);
    expect(reasons(noPolicyObtained)).toEqual(['sts-policy-fetch-error']);
    expect(reasons(noPolicy)).toEqual([]);
  });

  it('records a host that a testing policy does not name', () => {
    const { recorded } = planOf(rule('mta_sts'), secureAbsent, policy('testing', '*.other.example'));
    expect(recorded.map(({ reason }) => reason)).toEqual(['mx-not-in-policy']);
  });

  test.each([
    ['secure MX and usable TLSA: the policy is not consulted', secureUsable, elsewhere, 'encrypted dane'],
    ['insecure MX and usable TLSA: both must pass', insecureUsable, enforce, 'encrypted dane_and_pkix'],
    [
      'insecure MX and usable TLSA: the host must be in the policy',
      insecureUsable,
      elsewhere,
      'refused: mx-not-in-policy',
    ],
    [
      'insecure MX and usable TLSA: a testing policy is observed, and does not weaken DANE',
      insecureUsable,
      testing,
      'encrypted dane observing pkix',
    ],
    [
      'secure MX and usable TLSA: nobody need tell which policy is in force',
      secureUsable,
      policyUnknown,
      'encrypted dane',
    ],
    [
      'insecure MX and usable TLSA: nobody can tell whether the host is in the policy',
      insecureUsable,
      policyUnknown,
      'refused: sts-policy-fetch-error',
    ],
    [
      'no usable TLSA: nobody can tell which policy is in force',
      secureUnusable,
      policyUnknown,
      'refused: sts-policy-fetch-error',
    ],
    ['no usable TLSA: an enforce policy applies', secureUnusable, enforce, 'encrypted pkix'],
    [
      'no usable TLSA: a testing policy is observed, and does not allow cleartext',
      secureUnusable,
      testing,
      'encrypted none observing pkix',
    ],
    ['no usable TLSA: mode none does not allow cleartext', secureUnusable, policy('none'), 'encrypted none'],
    ['a failed TLSA lookup is not rescued by a policy', tlsaFailed, enforce, 'refused: dns-lookup-failed'],
  ] as const)('auto, %s', (_name, destination, sts, expected) => {
    expect(outcome(rule('auto'), destination, sts)).toBe(expected);
  });

  it('delivers under monitor, and records that nobody can tell', () => {
    const plan = planOf(rule('mta_sts', { enforcement: 'monitor' }), secureAbsent, policyUnknown);
    expect(brief(plan.requirement)).toBe('opportunistic');
    expect(plan.recorded.map(({ reason }) => reason)).toEqual(['sts-policy-fetch-error']);
  });

  it('leaves DANE levels alone', () => {
    expect(outcome(rule('opportunistic_dane'), secureAbsent, enforce)).toBe('opportunistic');
    expect(outcome(rule('opportunistic_dane'), secureUnusable, elsewhere)).toBe('encrypted none');
    expect(outcome(rule('opportunistic_dane'), insecureUsable, elsewhere)).toBe('encrypted dane');
    expect(outcome(rule('mta_sts'), secureUsable, noPolicy)).toBe('opportunistic');
  });
});

describe('the other levels', () => {
  test.each([
    ['none', 'cleartext'],
    ['opportunistic', 'opportunistic'],
    ['mandatory', 'encrypted none'],
    ['verify', 'encrypted pkix'],
  ] as const)('%s', (level, expected) => {
    expect(outcome(rule(level), secureUsable, policy('enforce', host))).toBe(expected);
  });

  it('connects to the address that the recipient names, which is no server name', () => {
    expect(planOf(rule('mandatory'), literal)).toMatchObject({
      port: 25,
      addresses: ['192.0.2.1'],
      requirement: { serverName: undefined },
    });
  });

  it('replaces chain and name by fingerprints', () => {
    expect(outcome(rule('verify', { fingerprints: ['ab'] }), secureAbsent)).toBe('encrypted fingerprints');
  });

  it('accepts the names that match lists', () => {
    const of = rule('verify', {
      match: [
        { kind: 'hostname' },
        { kind: 'nexthop' },
        { kind: 'dot-nexthop' },
        { kind: 'name', name: 'mail.provider.example' },
        { kind: 'subdomains', domain: 'provider.example' },
      ],
    });
    const decision = decide(of, { destination: secureAbsent, sts: noPolicy });
    const requirement = decision.kind === 'deliver' ? decision.hosts[0]?.requirement : undefined;
    if (requirement?.kind !== 'encrypted' || requirement.authentication.kind !== 'pkix')
      throw new Error('no PKIX');
    expect(requirement.authentication.pkix).toEqual({
      names: [host, domain, 'mail.provider.example'],
      subdomains: [domain, 'provider.example'],
      extraRoots: undefined,
    });
  });

  it.each(['none', 'opportunistic', 'mandatory', 'mandatory_dane', 'auto'] as const)(
    'gives up on a domain that takes no mail, at %s',
    (level) => {
      expect(outcome(rule(level), { kind: 'null_mx', domain })).toBe('undeliverable: null_mx');
      expect(outcome(rule(level), { kind: 'no_such_domain', domain })).toBe('undeliverable: no_such_domain');
      expect(outcome(rule(level), nowhere)).toBe('undeliverable: no_address');
    },
  );

  it('waits where it is not known whether a domain without MX records has an address', () => {
    expect(outcome(rule('opportunistic'), implicitFailed)).toBe('refused: dns-lookup-failed');
  });

  it('waits where the MX records name hosts that have no address, and says which are no hosts', () => {
    const hosts = [`10\\032mx.peer.example`, '192.0.2.1', host].map((name) =>
      mxHost({ host: name, addresses: { kind: 'none' } }),
    );
    const decision = decide(rule('opportunistic'), { destination: mx('insecure', ...hosts), sts: noPolicy });
    if (decision.kind !== 'deliver') throw new Error(decision.kind);
    expect(decision.refused.map(({ failure }) => failure.text)).toEqual([
      '10\\032mx.peer.example is no host name',
      '192.0.2.1 is no host name',
      `${host} has no address`,
    ]);
  });
});

describe('the minimum TLS version', () => {
  function minimum(of: OutboundRule, destination: Destination, sts: StsFacts = noPolicy): string {
    const decision = decide(of, { destination, sts });
    const requirement = decision.kind === 'deliver' ? decision.hosts[0]?.requirement : undefined;
    return requirement === undefined || requirement.kind === 'cleartext' ? '' : requirement.minVersion;
  }

  test.each([
    ['unset, cleartext allowed', rule('opportunistic'), secureAbsent, 'TLSv1'],
    ['unset, cleartext forbidden', rule('mandatory'), secureAbsent, 'TLSv1.2'],
    [
      'unset, where opportunistic_dane found usable records',
      rule('opportunistic_dane'),
      secureUsable,
      'TLSv1.2',
    ],
    ['unset, where opportunistic_dane found none', rule('opportunistic_dane'), secureAbsent, 'TLSv1'],
    ['unset, where auto found unusable records', rule('auto'), secureUnusable, 'TLSv1.2'],
    ['none, cleartext forbidden', rule('mandatory', { minTlsVersion: 'none' }), secureAbsent, 'TLSv1'],
    ['none, DANE', rule('mandatory_dane', { minTlsVersion: 'none' }), secureUsable, 'TLSv1'],
    ['none, but a chain is verified', rule('verify', { minTlsVersion: 'none' }), secureAbsent, 'TLSv1.2'],
    ['1.1, but a chain is verified', rule('verify', { minTlsVersion: '1.1' }), secureAbsent, 'TLSv1.2'],
    ['1.1', rule('opportunistic', { minTlsVersion: '1.1' }), secureAbsent, 'TLSv1.1'],
    ['1.3', rule('verify', { minTlsVersion: '1.3' }), secureAbsent, 'TLSv1.3'],
  ] as const)('%s', (_name, of, destination, expected) => {
    expect(minimum(of, destination)).toBe(expected);
  });

  it('is never below 1.2 where a policy is enforced', () => {
    const none = { minTlsVersion: 'none' } as const;
    const enforce = policy('enforce', host);
    expect(minimum(rule('mta_sts', none), secureAbsent, enforce)).toBe('TLSv1.2');
    expect(minimum(rule('auto', none), insecureUsable, enforce)).toBe('TLSv1.2');
  });
});

describe('enforcement = monitor', () => {
  const monitor = { enforcement: 'monitor' } as const;

  test.each([
    ['mandatory', secureAbsent, noPolicy, 'opportunistic observing none', []],
    ['mandatory_dane', secureUsable, noPolicy, 'opportunistic observing dane', []],
    ['mandatory_dane', secureAbsent, noPolicy, 'opportunistic', ['dane-required']],
    ['mandatory_dane', tlsaFailed, noPolicy, 'opportunistic', ['dns-lookup-failed']],
    ['mta_sts', secureAbsent, policy('enforce', 'mx.other.example'), 'opportunistic', ['mx-not-in-policy']],
    ['auto', insecureUsable, policy('testing', host), 'opportunistic observing dane, pkix', []],
    [
      'auto',
      secureUnusable,
      policy('testing', 'mx.other.example'),
      'opportunistic observing none, pkix',
      ['mx-not-in-policy'],
    ],
    ['mta_sts', secureAbsent, policy('testing', host), 'opportunistic observing pkix', []],
    ['opportunistic', secureAbsent, noPolicy, 'opportunistic', []],
    ['none', secureAbsent, noPolicy, 'cleartext', []],
  ] as const)(
    'delivers at %s and records what would have failed',
    (level, destination, sts, expected, recorded) => {
      const decision = decide(rule(level, monitor), { destination, sts });
      if (decision.kind !== 'deliver') throw new Error(decision.kind);
      const plan = decision.hosts[0];
      expect(plan && brief(plan.requirement)).toBe(expected);
      expect(plan?.recorded.map(({ reason }) => reason)).toEqual(recorded);
      expect(decision.refused).toEqual([]);
    },
  );

  it('delivers as old TLS or cleartext may, and observes what cleartext_fallback = never and a version would refuse', () => {
    const of = rule('opportunistic', { ...monitor, cleartextFallback: 'never', minTlsVersion: '1.3' });
    expect(planOf(of, secureAbsent).requirement).toMatchObject({
      kind: 'opportunistic',
      minVersion: 'TLSv1',
      cleartextFallback: 'handshake_failure',
      serverName: host,
      observe: { kind: 'encrypted', minVersion: 'TLSv1.3', authentication: { kind: 'none' } },
    });
    const testing = policy('testing', host);
    const both = rule('mta_sts', { ...monitor, cleartextFallback: 'never' });
    expect(brief(planOf(both, secureAbsent, testing).requirement)).toBe('opportunistic observing pkix');
  });

  it('still waits where no host is known', () => {
    expect(outcome(rule('mandatory', monitor), mxFailed)).toBe('defer: dns-lookup-failed');
    expect(outcome(rule('mandatory', monitor), noAddress)).toBe('refused: dns-lookup-failed');
  });
});

describe('several hosts', () => {
  it('keeps the order, and a refused host does not stop the others', () => {
    const first = mxHost({ host: 'mx1.peer.example', tlsa: failed() });
    const second = mxHost({ host: 'mx2.peer.example', preference: 20, tlsa: tlsa(usableRecord) });
    const decision = decide(rule('opportunistic_dane'), {
      destination: mx('secure', first, second),
      sts: noPolicy,
    });
    if (decision.kind !== 'deliver') throw new Error(decision.kind);
    expect(decision.hosts.map((plan) => plan.host)).toEqual(['mx2.peer.example']);
    expect(decision.refused.map((one) => one.host)).toEqual(['mx1.peer.example']);
  });
});
