import { describe, expect, test } from 'vitest';
import type { ProbeFinding } from '../../src/dns/probe';
import type { Failure } from '../../src/failure';
import { withOwnFault, type Probed } from '../../src/policy/own_fault';
import { decide } from '../../src/policy/decide';
import type { Decision } from '../../src/policy/requirement';
import { isFinal } from '../../src/delivery/attempt';
import { failed, mx, mxHost, noPolicy, policy, route, rule, tlsa, usableRecord } from './facts';

const server = '192.0.2.53:53';
const validates: ProbeFinding = { server, kind: 'validates' };
const not: ProbeFinding = { server, kind: 'not_validating' };
const silent: ProbeFinding = { server, kind: 'no_answer', detail: 'timed out' };
const probed = (...findings: ProbeFinding[]): Probed => ({
  question: '. NS',
  at: new Date(0),
  findings,
  overTcp: [],
});

const dane = rule('mandatory_dane', { actionOnFailure: 'bounce' });
const unsigned = mx('insecure', mxHost({ tlsa: tlsa(usableRecord) }));

function failuresOf(decision: Decision): Failure[] {
  if (decision.kind !== 'deliver') return [];
  return [
    ...decision.refused.map(({ failure }) => failure),
    ...decision.hosts.flatMap(({ recorded }) => recorded),
  ];
}

function bounces(decision: Decision): boolean {
  const failures = failuresOf(decision);
  return isFinal(failures.map((failure) => ({ kind: 'policy', host: 'mx', failure, because: 'nothing' })));
}

describe('a host refused for want of DANE', { tags: ['regression'] }, () => {
  test.each([
    ['the resolver validates', probed(validates), true, 'its MX records are not DNSSEC-signed'],
    ['one of the resolvers does', probed(not, validates), true, 'its MX records are not DNSSEC-signed'],
    ['the resolver does not validate', probed(not), false, 'resolver 192.0.2.53:53 does not validate DNSSEC'],
    [
      'the path to it is not protected',
      probed({ server, kind: 'untrusted_path' }),
      false,
      'the path to it is not protected',
    ],
    [
      'it only repeats what others say',
      probed({ server, kind: 'forwarder', forwarder: 'Docker' }),
      false,
      "Docker's forwarder",
    ],
    ['it did not answer the probe', probed(silent), false, 'did not answer the DNSSEC probe'],
    ['none does', probed(not, silent), false, 'did not answer the DNSSEC probe'],
    ['none was probed yet', 'not_probed', false, 'not known yet'],
    ['there is none', probed(), false, 'no resolver is configured'],
  ] as const)('where %s', (_name, probe, final, told) => {
    const decision = withOwnFault(decide(dane, { destination: unsigned, sts: noPolicy }), probe);
    expect(failuresOf(decision).map(({ reason }) => reason)).toEqual(['dane-required']);
    expect(failuresOf(decision)[0]?.text).toContain(told);
    expect(failuresOf(decision)[0]?.text.includes('our own resolver')).toBe(!final);
    expect(bounces(decision)).toBe(final);
  });

  test('an address has no DANE, whatever a resolver can tell', () => {
    const literal = { kind: 'literal', domain: '[192.0.2.1]', address: '192.0.2.1' } as const;
    const decision = decide(dane, { destination: literal, sts: noPolicy });
    expect(withOwnFault(decision, probed(not))).toEqual(decision);
    expect(bounces(withOwnFault(decision, probed(not)))).toBe(true);
  });

  test('is told so of a route, and under monitor', () => {
    const to = decide(dane, { destination: route(), sts: noPolicy });
    expect(failuresOf(withOwnFault(to, probed(not)))).toMatchObject([{ fault: 'ours' }]);
    const monitor = rule('mandatory_dane', { enforcement: 'monitor' });
    const watched = decide(monitor, { destination: unsigned, sts: noPolicy });
    expect(failuresOf(withOwnFault(watched, probed(not)))).toMatchObject([
      { reason: 'dane-required', fault: 'ours' },
    ]);
  });

  test('other failures are as they were', () => {
    const destination = mx('secure', mxHost({ tlsa: failed() }));
    const decisions = [
      decide(dane, { destination, sts: noPolicy }),
      decide(rule('mta_sts'), { destination, sts: policy('enforce', '*.other.example') }),
      decide(dane, { destination: { kind: 'null_mx', domain: 'peer.example' }, sts: noPolicy }),
    ];
    for (const decision of decisions) expect(withOwnFault(decision, probed(not))).toBe(decision);
  });
});
