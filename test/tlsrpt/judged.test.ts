import { expect, test } from 'vitest';
import type { MxHostFacts } from '../../src/dns/types';
import { judgedPolicies, type HostContext } from '../../src/tlsrpt/judged';
import { policyResults, type Met } from '../../src/tlsrpt/session';
import {
  addresses,
  domain,
  failed,
  host,
  policy,
  rule,
  tlsa,
  unusableRecord,
  usableRecord,
} from '../policy/facts';

const secureHost = (changes: Partial<MxHostFacts> = {}): MxHostFacts => ({
  host,
  preference: 10,
  addresses: addresses('secure'),
  tlsa: { kind: 'absent' },
  ...changes,
});

function context(changes: Partial<HostContext> & { readonly secure?: boolean } = {}): HostContext {
  const of = changes.host ?? secureHost();
  const { secure = true } = changes;
  return {
    rule: rule('auto'),
    destination: { kind: 'mx', domain, secure, canonicalName: domain, hosts: [of as MxHostFacts] },
    host: of,
    sts: { kind: 'no_policy', failure: 'not_published' },
    ...changes,
  };
}

const established: Met = { kind: 'tls', verdicts: [] };

/** `type domain result` of a session that did what it was asked. */
function told(of: HostContext, met: Met = established): string[] {
  return policyResults(judgedPolicies(of), met).map(
    ({ policy, result }) =>
      `${policy.type} ${policy.domain} ${result === 'success' ? result : [result.type, result.code].filter(Boolean).join('/')}`,
  );
}

const usable = tlsa(usableRecord);
const unusable = tlsa(unusableRecord);
const sts = (mode: 'enforce' | 'testing' | 'none') => policy(mode, host);

test.each<[string, HostContext, string[]]>([
  ['nothing is published', context(), [`no-policy-found ${domain} success`]],
  ['a policy is enforced', context({ sts: sts('enforce') }), [`sts ${domain} success`]],
  ['a policy is tested', context({ sts: sts('testing') }), [`sts ${domain} success`]],
  ['a policy has the mode none', context({ sts: sts('none') }), [`no-policy-found ${domain} success`]],
  ['DANE applies', context({ host: secureHost({ tlsa: usable }) }), [`tlsa ${host} success`]],
  [
    'DANE applies, and the policy is not looked at',
    context({ host: secureHost({ tlsa: usable }), sts: sts('enforce') }),
    [`tlsa ${host} success`],
  ],
  [
    'DANE applies behind an insecure MX, beside a policy',
    context({ secure: false, host: secureHost({ tlsa: usable }), sts: sts('enforce') }),
    [`tlsa ${host} success`, `sts ${domain} success`],
  ],
  [
    'no TLSA record is usable',
    context({ host: secureHost({ tlsa: unusable }), sts: sts('testing') }),
    [`tlsa ${host} tlsa-invalid`, `sts ${domain} success`],
  ],
  ['TLSA cannot be had', context({ host: secureHost({ tlsa: failed('servfail') }) }), []],
  [
    'TLSA is bogus',
    context({ host: secureHost({ tlsa: failed('bogus') }) }),
    [`tlsa ${host} dnssec-invalid`],
  ],
  ['DANE is required', context({ rule: rule('mandatory_dane') }), [`tlsa ${host} dane-required`]],
  [
    'the policy cannot be fetched',
    context({
      sts: { kind: 'no_policy', failure: { reason: 'sts-policy-fetch-error', text: '404' } },
    }),
    [`sts ${domain} sts-policy-fetch-error`],
  ],
  [
    'the record of the policy cannot be looked up',
    context({ sts: { kind: 'no_policy', failure: { reason: 'dns-lookup-failed', text: 'SERVFAIL' } } }),
    [],
  ],
  [
    'whether there is a policy cannot be told',
    context({ sts: { kind: 'unknown', failure: { reason: 'sts-policy-fetch-error', text: 'unreadable' } } }),
    [],
  ],
  [
    'the level looks at neither',
    context({ rule: rule('mandatory'), sts: sts('enforce') }),
    [`no-policy-found ${domain} success`],
  ],
])('where %s', (_, of, expected) => {
  expect(told(of)).toEqual(expected);
});

test.each<[Met, string[]]>([
  [{ kind: 'failed', reason: 'tls-handshake-failed' }, ['validation-failure/tls-handshake-failed']],
  [{ kind: 'failed', reason: 'tls-version-too-low' }, ['validation-failure/tls-version-too-low']],
  [{ kind: 'failed', reason: 'starttls-not-supported' }, ['starttls-not-supported']],
  [{ kind: 'not_offered', wanted: 'if_offered' }, []],
  [{ kind: 'not_offered', wanted: 'required' }, ['starttls-not-supported']],
  [{ kind: 'failed', reason: 'internal-error' }, []],
  [{ kind: 'failed', reason: 'config-invalid' }, []],
  [{ kind: 'tls', verdicts: ['certificate-expired'] }, ['certificate-expired']],
  [{ kind: 'refused' }, []],
])('a session %j without a policy is %j', (met, results) => {
  expect(told(context(), met)).toEqual(results.map((result) => `no-policy-found ${domain} ${result}`));
});

test('a policy that is tested asks for STARTTLS', () => {
  const met: Met = { kind: 'not_offered', wanted: 'if_offered' };
  expect(told(context({ sts: sts('testing') }), met)).toEqual([`sts ${domain} starttls-not-supported`]);
});

test('each policy has its own verdict', () => {
  const both = context({ secure: false, host: secureHost({ tlsa: usable }), sts: sts('testing') });
  expect(told(both, { kind: 'tls', verdicts: ['pass', 'certificate-host-mismatch'] })).toEqual([
    `tlsa ${host} success`,
    `sts ${domain} certificate-host-mismatch`,
  ]);
});
