import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { requireTlsModes, securityLevels, type OutboundRule } from '../../src/peers/rule';
import { decide } from '../../src/policy/decide';
import type { Facts } from '../../src/policy/facts';
import { tagNote, tagOf } from '../../src/peers/sender_tag';
import { requireTlsTable, ruleUnder, treatmentOf } from '../../src/policy/require_tls';
import { heldToSender } from '../../src/policy/require_tls_hosts';
import type { Decision } from '../../src/policy/requirement';
import type { Probed } from '../../src/policy/own_fault';
import { addresses, domain, failed, host, rule, unusableRecord, usableRecord } from './facts';

const validating: Probed = {
  question: '. NS',
  at: new Date(0),
  overTcp: [],
  findings: [{ server: '127.0.0.1:53', kind: 'validates' }],
} as unknown as Probed;

const tlsa = {
  usable: { kind: 'present', baseDomain: host, records: [usableRecord] },
  unusable: { kind: 'present', baseDomain: host, records: [unusableRecord] },
  absent: { kind: 'absent' },
  failed: failed(),
} as const;

const policy = (mode: 'enforce' | 'testing' | 'none', mx: readonly string[] = [host]): Facts['sts'] => ({
  kind: 'policy',
  policy: { mode, mx, maxAge: 86_400, extensions: [] },
  id: '1',
  refreshFailure: 'none',
});

const sts = {
  none: { kind: 'no_policy', failure: 'not_published' },
  enforce: policy('enforce'),
  testing: policy('testing'),
  off: policy('none'),
  other: policy('testing', ['elsewhere.example']),
  unread: { kind: 'unknown', failure: { reason: 'sts-policy-fetch-error', text: 'no store' } },
} as const satisfies Record<string, Facts['sts']>;

function facts(mx: 'secure' | 'insecure', records: keyof typeof tlsa, published: keyof typeof sts): Facts {
  return {
    destination: {
      kind: 'mx',
      domain,
      secure: mx === 'secure',
      canonicalName: domain,
      hosts: [{ host, preference: 10, addresses: addresses('secure'), tlsa: tlsa[records] }],
    },
    sts: sts[published],
  };
}

const enforced = requireTlsTable.enforce.with_sender;

function held(of: OutboundRule, known: Facts, treatment = enforced, probed = validating): Decision {
  return heldToSender(decide(of, known), treatment, { rule: of, facts: known, probed });
}

/** In a few words. */
function words(decision: Decision): string {
  if (decision.kind !== 'deliver') return decision.kind;
  const [plan] = decision.hosts;
  if (plan === undefined) {
    const [refused] = decision.refused;
    return `refused ${refused?.failure.reason ?? ''}${refused?.failure.fault === 'ours' ? ' (ours)' : ''}`;
  }
  const { requirement } = plan;
  const how = requirement.kind === 'encrypted' ? requirement.authentication.kind : requirement.kind;
  return `${how} ${plan.requireTls ?? 'untagged'}`;
}

describe('the tag in the notes', () => {
  test.each([
    [{}, 'untagged'],
    [undefined, 'untagged'],
    [{ [tagNote]: 'required' }, 'required'],
    [{ [tagNote]: 'optional' }, 'optional'],
    [{ [tagNote]: true }, 'required'],
    [{ [tagNote]: null }, 'required'],
    [{ [tagNote]: 'something else' }, 'required'],
  ])('%j is %s', (notes, tag) => {
    expect(tagOf(notes)).toBe(tag);
  });
});

test.each([
  // level, MX, TLSA, policy, what each host is held to
  ['auto', 'secure', 'usable', 'none', 'dane required'],
  ['auto', 'secure', 'absent', 'none', 'pkix required'],
  ['auto', 'secure', 'unusable', 'none', 'pkix required'],
  ['auto', 'secure', 'failed', 'none', 'refused dns-lookup-failed'],
  ['auto', 'insecure', 'absent', 'none', 'refused requiretls-no-tls'],
  ['auto', 'insecure', 'absent', 'enforce', 'pkix required'],
  ['auto', 'insecure', 'absent', 'testing', 'pkix required'],
  ['auto', 'insecure', 'absent', 'off', 'refused requiretls-no-tls'],
  ['auto', 'insecure', 'absent', 'other', 'refused requiretls-no-tls'],
  ['auto', 'insecure', 'usable', 'none', 'refused requiretls-no-tls'],
  ['auto', 'insecure', 'usable', 'enforce', 'dane_and_pkix required'],
  ['auto', 'insecure', 'absent', 'unread', 'refused sts-policy-fetch-error'],
  ['opportunistic', 'secure', 'usable', 'none', 'dane required'],
  ['opportunistic', 'secure', 'failed', 'none', 'refused dns-lookup-failed'],
  ['opportunistic', 'insecure', 'absent', 'none', 'refused requiretls-no-tls'],
  ['opportunistic', 'insecure', 'absent', 'unread', 'refused sts-policy-fetch-error'],
  ['mandatory', 'secure', 'absent', 'none', 'pkix required'],
  ['verify', 'secure', 'absent', 'none', 'pkix required'],
  ['verify', 'secure', 'usable', 'none', 'dane_and_pkix required'],
  ['mta_sts', 'secure', 'usable', 'none', 'dane required'],
  ['mandatory_dane', 'secure', 'usable', 'none', 'dane required'],
  ['mandatory_dane', 'secure', 'absent', 'none', 'refused dane-required'],
  ['none', 'secure', 'usable', 'none', 'refused requiretls-no-tls'],
] as const)('%s, %s MX, TLSA %s, policy %s: %s', (level, mx, records, published, expected) => {
  expect(words(held(rule(level), facts(mx, records, published)))).toBe(expected);
});

test('while no resolver is known to validate, that nobody vouches for a host is our own fault', () => {
  const known = facts('insecure', 'absent', 'none');
  expect(words(held(rule('auto'), known, enforced, 'not_probed'))).toBe('refused requiretls-no-tls (ours)');
});

test('a bounce is held to the same, but for the keyword', () => {
  const bounce = requireTlsTable.enforce.null_sender;
  expect(words(held(rule('auto'), facts('secure', 'usable', 'none'), bounce))).toBe('dane where_offered');
  expect(words(held(rule('auto'), facts('insecure', 'absent', 'none'), bounce))).toBe(
    'refused requiretls-no-tls',
  );
});

test('names and fingerprints of a rule are asked for beside the certificate of the host', () => {
  const named = rule('verify', { match: [{ kind: 'name', name: 'relay.example' }] });
  const [plan] = (held(named, facts('secure', 'absent', 'none')) as Extract<Decision, { kind: 'deliver' }>)
    .hosts;
  expect(plan?.requirement).toMatchObject({
    authentication: { kind: 'pkix', pkix: { names: ['relay.example'], also: host } },
  });
  const pinned = rule('verify', { fingerprints: ['ab'.repeat(32)] });
  const [other] = (held(pinned, facts('secure', 'absent', 'none')) as Extract<Decision, { kind: 'deliver' }>)
    .hosts;
  expect(other?.requirement).toMatchObject({
    minVersion: 'TLSv1.2',
    authentication: { kind: 'fingerprints', pkix: { names: [host] } },
  });
});

test.each([
  ['by_requirement', 'usable', 'TLSv1.2'],
  ['by_requirement', 'absent', 'TLSv1.2'],
  ['1.3', 'usable', 'TLSv1.3'],
  ['1.3', 'absent', 'TLSv1.3'],
  ['none', 'usable', 'TLSv1'],
  ['none', 'absent', 'TLSv1.2'],
] as const)(
  'TLS 1.2 or newer, unless the rule says otherwise: min_tls_version %s, TLSA %s',
  (least, records, expected) => {
    const of = rule('opportunistic', { minTlsVersion: least });
    expect(held(of, facts('secure', records, 'none'))).toMatchObject({
      hosts: [{ requirement: { kind: 'encrypted', minVersion: expected } }],
    });
  },
);

const anything = fc.record({
  level: fc.constantFrom(...securityLevels),
  mode: fc.constantFrom(...requireTlsModes),
  enforcement: fc.constantFrom('enforce' as const, 'monitor' as const),
  fallback: fc.constantFrom('handshake_failure' as const, 'no_starttls' as const, 'never' as const),
  sender: fc.constantFrom('with_sender' as const, 'null_sender' as const),
  mx: fc.constantFrom('secure' as const, 'insecure' as const),
  records: fc.constantFrom(...(Object.keys(tlsa) as (keyof typeof tlsa)[])),
  published: fc.constantFrom(...(Object.keys(sts) as (keyof typeof sts)[])),
});

describe('whatever the rule and the facts', () => {
  it('an enforced message goes to no host without a verified certificate, and is never sent untagged', () => {
    fc.assert(
      fc.property(anything, ({ level, enforcement, fallback, mx, records, published }) => {
        const of = rule(level, { enforcement, cleartextFallback: fallback });
        const decision = held(of, facts(mx, records, published));
        if (decision.kind !== 'deliver') return;
        for (const { requirement, requireTls } of decision.hosts) {
          expect(requireTls).toBe('required');
          expect(requirement.kind).toBe('encrypted');
          if (requirement.kind === 'encrypted') expect(requirement.authentication.kind).not.toBe('none');
        }
      }),
    );
  });

  it('untagged mail is decided as it was', () => {
    fc.assert(
      fc.property(anything, ({ level, mode, enforcement, fallback, sender, mx, records, published }) => {
        const of = rule(level, { enforcement, cleartextFallback: fallback, requireTls: mode });
        const known = facts(mx, records, published);
        const treatment = treatmentOf('untagged', sender, of);
        expect(ruleUnder(treatment, of)).toBe(of);
        expect(held(of, known, treatment)).toEqual(decide(of, known));
      }),
    );
  });

  it('a tag adds refusals, and never a host', () => {
    fc.assert(
      fc.property(anything, ({ level, mode, enforcement, sender, mx, records, published }) => {
        const of = rule(level, { enforcement, requireTls: mode });
        const known = facts(mx, records, published);
        const before = decide(of, known);
        const after = held(of, known, treatmentOf('required', sender, of));
        if (before.kind !== 'deliver' || after.kind !== 'deliver') {
          expect(after).toEqual(before);
          return;
        }
        expect(after.hosts.length).toBeLessThanOrEqual(before.hosts.length);
        for (const plan of after.hosts) {
          const was = before.hosts.find((one) => one.host === plan.host)?.requirement;
          if (was?.kind === 'encrypted') expect(plan.requirement.kind).toBe('encrypted');
        }
      }),
    );
  });

  it('"TLS-Required: No" loosens nothing that an operator demands', () => {
    fc.assert(
      fc.property(anything, ({ level, fallback, sender }) => {
        const of = rule(level, { cleartextFallback: fallback });
        const loosened = ruleUnder(treatmentOf('optional', sender, of), of);
        const isPublished = ['auto', 'mta_sts', 'opportunistic_dane'].includes(level);
        expect(loosened).toEqual(isPublished ? { ...of, level: 'opportunistic' } : of);
      }),
    );
  });
});
