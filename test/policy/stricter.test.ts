import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { outboundFates, type Fate } from '../../src/evidence/views/fates';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import { publishedFor } from '../../src/evidence/views/tighten';
import { forbidsCleartext } from '../../src/peers/cleartext';
import {
  cleartextFallbacks,
  minTlsVersions,
  securityLevels,
  shippedOutbound,
  type OutboundRule,
} from '../../src/peers/rule';
import { changeFrom, stricterRules, type RuleStep } from '../../src/policy/stricter';
import { rule as ruleOf } from './facts';

const auto = ruleOf('auto', { name: 'as in force' });

const steps = (rule: Partial<OutboundRule>): RuleStep[] => {
  const whole = { ...auto, ...rule };
  return stricterRules(whole).map((one) => changeFrom(whole, one));
};

const newest = { min_tls_version: '1.3' } as const;
const to12 = { min_tls_version: '1.2' } as const;

describe('the steps up from a rule, the strictest first', () => {
  test.each<[string, Partial<OutboundRule>, RuleStep[]]>([
    ['a level that keeps TLS away is left', { level: 'none' }, []],
    [
      'from opportunistic to what names the host, to encryption',
      { level: 'opportunistic' },
      [
        { security_level: 'mandatory_dane', ...newest },
        { security_level: 'mandatory_dane' },
        { security_level: 'verify', ...newest },
        { security_level: 'verify' },
        { security_level: 'mandatory', ...newest },
        { security_level: 'mandatory' },
      ],
    ],
    [
      'opportunistic without cleartext is mandatory already',
      { level: 'opportunistic', cleartextFallback: 'never', minTlsVersion: '1.2' },
      [
        { security_level: 'mandatory_dane', ...newest },
        { security_level: 'mandatory_dane' },
        { security_level: 'verify', ...newest },
        { security_level: 'verify' },
        newest,
      ],
    ],
    [
      'auto goes on following what is published, without cleartext',
      {},
      [
        { security_level: 'mandatory_dane', ...newest },
        { security_level: 'mandatory_dane' },
        { security_level: 'verify', ...newest },
        { security_level: 'verify' },
        { ...newest, cleartext_fallback: 'never' },
        { ...to12, cleartext_fallback: 'never' },
        { cleartext_fallback: 'never' },
      ],
    ],
    ['verify and mandatory_dane are not each other’s step', { level: 'verify' }, [newest]],
    ['the strictest there is', { level: 'mandatory_dane', minTlsVersion: '1.3' }, []],
    [
      'TLS of any age at mandatory',
      { level: 'mandatory', minTlsVersion: 'none' },
      [
        { security_level: 'mandatory_dane', ...newest },
        { security_level: 'mandatory_dane', ...to12 },
        { security_level: 'mandatory_dane' },
        { security_level: 'verify', ...newest },
        { security_level: 'verify' },
        newest,
        to12,
      ],
    ],
    [
      'what is watched is enforced',
      { level: 'verify', enforcement: 'monitor' },
      [{ ...newest, enforcement: 'enforce' }, { enforcement: 'enforce' }],
    ],
  ])('%s', (_, rule, expected) => {
    expect(steps(rule)).toEqual(expected);
  });
});

const rules: fc.Arbitrary<OutboundRule> = fc.record({
  name: fc.constant('as in force'),
  level: fc.constantFrom(...securityLevels),
  minTlsVersion: fc.constantFrom('by_requirement' as const, ...minTlsVersions),
  match: fc.constant(shippedOutbound.match),
  extraRoots: fc.constant(undefined),
  fingerprints: fc.constantFrom<readonly string[]>([], ['ab'.repeat(32)]),
  actionOnFailure: fc.constantFrom('defer' as const, 'bounce' as const),
  enforcement: fc.constantFrom('enforce' as const, 'monitor' as const),
  tlsReports: fc.constant('off' as const),
  requireTls: fc.constant('enforce' as const),
  cleartextFallback: fc.constantFrom(...cleartextFallbacks),
  insecureMx: fc.constantFrom('may' as const, 'dane' as const),
});

const sightings: fc.Arbitrary<Sighting> = fc
  .record({
    tls: fc.constantFrom('TLSv1' as const, 'TLSv1.1' as const, 'TLSv1.2' as const, 'TLSv1.3' as const),
    startTls: fc.constantFrom('used' as const, 'not_offered' as const),
    pkix: fc.constantFrom(
      'pass' as const,
      'certificate-not-trusted' as const,
      'certificate-expired' as const,
    ),
    mx: fc.constantFrom('secure' as const, 'insecure' as const),
    tlsa: fc.constantFrom(
      'none' as const,
      'pass' as const,
      'fail' as const,
      'unusable' as const,
      'lookup_failed' as const,
    ),
    policy: fc.constantFrom(
      'none' as const,
      'mode_none' as const,
      'testing' as const,
      'enforce' as const,
      'enforce_not_named' as const,
      'not_known' as const,
    ),
  })
  .map((seen) => ({
    ...unseen,
    ...seen,
    outcome: 'delivered',
    level: 'auto',
    minimum: 'TLSv1',
    strength: 0,
    ...(seen.startTls === 'not_offered' ? ({ tls: 'none', pkix: 'unknown' } as const) : {}),
  }));

const goes = (fates: ReadonlySet<Fate>) => fates.has('tls') || fates.has('cleartext');

it('no step lets go what is refused now, and none brings cleartext', () => {
  fc.assert(
    fc.property(rules, sightings, (before, seen) => {
      const now = outboundFates(before, seen, before);
      for (const after of stricterRules(before)) {
        const then = outboundFates(after, seen, before);
        const follows = after.level === 'verify' && before.level !== 'verify';
        // Such a step is not proposed.
        if (follows && publishedFor(before.level, { sightings: [[seen, 1]] }) !== undefined) continue;
        if (!goes(now) && before.enforcement === 'enforce') expect(goes(then)).toBe(false);
        if (then.has('cleartext')) {
          expect(now.has('cleartext')).toBe(true);
          expect(forbidsCleartext(after)).toBe(false);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

it('a step that allows cleartext raises no minimum: whoever is below it would be sent cleartext', () => {
  fc.assert(
    fc.property(rules, (before) => {
      for (const after of stricterRules(before))
        if (!forbidsCleartext(after)) expect(after.minTlsVersion).toBe(before.minTlsVersion);
    }),
  );
});
