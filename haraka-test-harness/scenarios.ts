/**
 * What `npm start` shows: one peer per row, with the rule that is set for it and what must come of one message. The
 * rules are those of one managed domain; what is not said falls back to its default, `auto`.
 */
import { iniText } from './ini';
import type { DomainSpec, TlsVersion, World } from './world';

export const managedDomain = 'ours.example';
export const unmanagedDomain = 'theirs.example';

export type Sender = 'managed' | 'unmanaged' | 'null';

export interface Expected {
  readonly outcome: 'delivered' | 'deferred' | 'bounced';
  /** The first failure that is reported or recorded; empty for none. */
  readonly reason: string;
  /** The version that the peer saw; `none` in cleartext; empty where nothing was delivered. */
  readonly tlsVersion: TlsVersion | 'none' | '';
  /** How the peer was authenticated; empty where nothing was delivered. */
  readonly verified: string;
  /** What the last host that was tried had to satisfy, or `refused`; empty where not even the hosts were known. */
  readonly requirement: string;
  /** The section that the rule comes from. */
  readonly rule: string;
}

export interface Scenario {
  /** The recipient domain. */
  readonly peer: string;
  readonly sender: Sender;
  /** The keys of the peer's section; `unlisted` where it has none. */
  readonly settings: Readonly<Record<string, string>> | 'unlisted';
  readonly domain: DomainSpec;
  readonly expected: Expected;
}

type Result = Omit<Expected, 'rule'>;

const delivered = (
  tlsVersion: TlsVersion | 'none',
  requirement: string,
  verified: string,
  reason = '',
): Result => ({ outcome: 'delivered', reason, tlsVersion, verified, requirement });
const cleartext = (requirement: string, reason = ''): Result =>
  delivered('none', requirement, 'none', reason);
const encrypted = (requirement: string, verified: string, reason = ''): Result =>
  delivered('TLSv1.3', requirement, verified, reason);
/** `refused`: decided before any connection. */
const deferred = (requirement: string, reason: string): Result => ({
  outcome: 'deferred',
  reason,
  tlsVersion: '',
  verified: '',
  requirement,
});
const bounced = (requirement: string, reason: string): Result => ({
  ...deferred(requirement, reason),
  outcome: 'bounced',
});

const only = (version: TlsVersion): DomainSpec => ({ mx: [{ tls: { min: version, max: version } }] });
const noStartTls: DomainSpec = { mx: [{ behaviour: 'no-starttls' }] };
const handshakeFails: DomainSpec = { mx: [{ behaviour: 'handshake-close' }] };
const selfSigned: DomainSpec = { mx: [{ certificate: 'self-signed' }] };

type Row = readonly [
  name: string,
  settings: Readonly<Record<string, string>>,
  domain: DomainSpec,
  result: Result,
];

const none: readonly Row[] = [
  ['none', {}, {}, cleartext('cleartext')],
  ['none-broken-tls', {}, handshakeFails, cleartext('cleartext')],
];

const opportunistic: readonly Row[] = [
  ['may-tls10', {}, only('TLSv1'), delivered('TLSv1', 'opportunistic (opportunistic)', 'unauthenticated')],
  [
    'may-tls11',
    {},
    only('TLSv1.1'),
    delivered('TLSv1.1', 'opportunistic (opportunistic)', 'unauthenticated'),
  ],
  [
    'may-tls12',
    {},
    only('TLSv1.2'),
    delivered('TLSv1.2', 'opportunistic (opportunistic)', 'unauthenticated'),
  ],
  [
    'may-tls13',
    {},
    only('TLSv1.3'),
    delivered('TLSv1.3', 'opportunistic (opportunistic)', 'unauthenticated'),
  ],
  ['may-self-signed', {}, selfSigned, encrypted('opportunistic (opportunistic)', 'unauthenticated')],
  ['may-no-starttls', {}, noStartTls, cleartext('opportunistic (opportunistic)')],
  ['may-broken-tls', {}, handshakeFails, cleartext('opportunistic (opportunistic)', 'tls-handshake-failed')],
  [
    'may-min13-has-tls12',
    { min_tls_version: '1.3' },
    only('TLSv1.2'),
    cleartext('opportunistic (opportunistic)', 'tls-version-too-low'),
  ],
  [
    'may-never-cleartext',
    { cleartext_fallback: 'never' },
    noStartTls,
    deferred('opportunistic (opportunistic)', 'starttls-not-supported'),
  ],
];

const mandatory: readonly Row[] = [
  ['must', {}, {}, encrypted('encrypted (mandatory)', 'unauthenticated')],
  ['must-self-signed', {}, selfSigned, encrypted('encrypted (mandatory)', 'unauthenticated')],
  [
    'must-min-none-has-tls10',
    { min_tls_version: 'none' },
    only('TLSv1'),
    delivered('TLSv1', 'encrypted (mandatory)', 'unauthenticated'),
  ],
  ['must-has-tls11', {}, only('TLSv1.1'), deferred('encrypted (mandatory)', 'tls-version-too-low')],
  [
    'must-min13-has-tls12',
    { min_tls_version: '1.3' },
    only('TLSv1.2'),
    deferred('encrypted (mandatory)', 'tls-version-too-low'),
  ],
  ['must-no-starttls', {}, noStartTls, deferred('encrypted (mandatory)', 'starttls-not-supported')],
  [
    'must-bounce',
    { action_on_failure: 'bounce' },
    noStartTls,
    bounced('encrypted (mandatory)', 'starttls-not-supported'),
  ],
  ['must-broken-tls', {}, handshakeFails, deferred('encrypted (mandatory)', 'tls-handshake-failed')],
  [
    'must-starttls-454',
    {},
    { mx: [{ behaviour: 'starttls-454' }] },
    deferred('encrypted (mandatory)', 'tls-handshake-failed'),
  ],
  [
    'must-injected',
    {},
    { mx: [{ behaviour: 'starttls-injected' }] },
    deferred('encrypted (mandatory)', 'tls-handshake-failed'),
  ],
  [
    'must-second-mx',
    {},
    {
      mx: [
        { host: 'mx1.must-second-mx.example', preference: 1, behaviour: 'no-starttls' },
        { host: 'mx2.must-second-mx.example', preference: 2 },
      ],
    },
    encrypted('encrypted (mandatory)', 'unauthenticated', 'starttls-not-supported'),
  ],
  [
    'must-monitored',
    { enforcement: 'monitor' },
    noStartTls,
    cleartext('opportunistic (monitor)', 'starttls-not-supported'),
  ],
];

const verify: readonly Row[] = [
  ['verify', {}, {}, encrypted('pkix (verify)', 'pkix')],
  [
    'verify-nexthop',
    { match: 'nexthop' },
    { mx: [{ certificate: { kind: 'trusted', names: ['verify-nexthop.example'] } }] },
    encrypted('pkix (verify)', 'pkix'),
  ],
  [
    'verify-wrong-name',
    {},
    { mx: [{ certificate: 'wrong-name' }] },
    deferred('pkix (verify)', 'certificate-host-mismatch'),
  ],
  ['verify-self-signed', {}, selfSigned, deferred('pkix (verify)', 'certificate-not-trusted')],
  [
    'verify-untrusted',
    {},
    { mx: [{ certificate: 'untrusted' }] },
    deferred('pkix (verify)', 'certificate-not-trusted'),
  ],
  [
    'verify-expired',
    {},
    { mx: [{ certificate: 'expired' }] },
    deferred('pkix (verify)', 'certificate-expired'),
  ],
  ['verify-no-starttls', {}, noStartTls, deferred('pkix (verify)', 'starttls-not-supported')],
];

const daneMatch: DomainSpec = { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] };
const daneMismatch: DomainSpec = {
  dnssec: 'secure',
  mx: [{ certificate: 'self-signed', tlsa: ['mismatch'] }],
};
const daneUnusable: DomainSpec = {
  dnssec: 'secure',
  mx: [{ certificate: 'self-signed', tlsa: ['unusable'] }],
};
const daneBogus: DomainSpec = { dnssec: 'secure', mx: [{ tlsa: ['match'], lookups: { TLSA: 'bogus' } }] };
const daneTimeout: DomainSpec = { dnssec: 'secure', mx: [{ tlsa: ['match'], lookups: { TLSA: 'timeout' } }] };
const daneInInsecureZone: DomainSpec = { mx: [{ tlsa: ['mismatch'] }] };
const daneBehindInsecureMx: DomainSpec = {
  mx: [{ dnssec: 'secure', certificate: 'self-signed', tlsa: ['match'] }],
};
const noTlsa: DomainSpec = { dnssec: 'secure' };
const mxBogus: DomainSpec = { dnssec: 'secure', lookups: { MX: 'bogus' } };

const opportunisticDane: readonly Row[] = [
  ['dane', {}, daneMatch, encrypted('dane (dane)', 'dane 3 1 1')],
  ['dane-mismatch', {}, daneMismatch, deferred('dane (dane)', 'certificate-not-trusted')],
  ['dane-unusable', {}, daneUnusable, encrypted('encrypted (dane-unusable)', 'unauthenticated')],
  ['dane-tlsa-bogus', {}, daneBogus, deferred('refused', 'dnssec-invalid')],
  ['dane-tlsa-timeout', {}, daneTimeout, deferred('refused', 'dns-lookup-failed')],
  ['dane-mx-bogus', {}, mxBogus, deferred('', 'dnssec-invalid')],
  ['dane-insecure-zone', {}, daneInInsecureZone, encrypted('opportunistic (no-dane)', 'unauthenticated')],
  ['dane-insecure-mx', {}, daneBehindInsecureMx, encrypted('dane (dane)', 'dane 3 1 1')],
  ['dane-absent', {}, noTlsa, encrypted('opportunistic (no-dane)', 'unauthenticated')],
  [
    'dane-no-starttls',
    {},
    { dnssec: 'secure', mx: [{ behaviour: 'no-starttls', tlsa: ['match'] }] },
    deferred('dane (dane)', 'starttls-not-supported'),
  ],
];

const mandatoryDane: readonly Row[] = [
  ['dane-only', {}, daneMatch, encrypted('dane (dane)', 'dane 3 1 1')],
  [
    'dane-only-ta',
    {},
    { dnssec: 'secure', mx: [{ certificate: 'private-ca', tlsa: ['match-ta'] }] },
    encrypted('dane (dane)', 'dane 2 0 1'),
  ],
  ['dane-only-mismatch', {}, daneMismatch, deferred('dane (dane)', 'certificate-not-trusted')],
  ['dane-only-unusable', {}, daneUnusable, deferred('refused', 'tlsa-invalid')],
  ['dane-only-bogus', {}, daneBogus, deferred('refused', 'dnssec-invalid')],
  ['dane-only-insecure-zone', {}, daneInInsecureZone, deferred('refused', 'dane-required')],
  ['dane-only-insecure-mx', {}, daneBehindInsecureMx, deferred('refused', 'dane-required')],
  ['dane-only-absent', {}, noTlsa, deferred('refused', 'dane-required')],
];

const enforced: DomainSpec = { sts: {} };
const wrongCertificate: DomainSpec = { mx: [{ certificate: 'wrong-name' }], sts: {} };

const mtaSts: readonly Row[] = [
  ['sts', {}, enforced, encrypted('pkix (sts-enforce)', 'pkix')],
  [
    'sts-mx-not-in-policy',
    {},
    { sts: { policy: { mode: 'enforce', mx: ['elsewhere.example'] } } },
    deferred('refused', 'mx-not-in-policy'),
  ],
  ['sts-wrong-name', {}, wrongCertificate, deferred('pkix (sts-enforce)', 'certificate-host-mismatch')],
  [
    'sts-no-starttls',
    {},
    { ...noStartTls, sts: {} },
    deferred('pkix (sts-enforce)', 'starttls-not-supported'),
  ],
  [
    'sts-testing',
    {},
    { ...wrongCertificate, sts: { policy: { mode: 'testing' } } },
    encrypted('opportunistic (sts-testing)', 'unauthenticated', 'certificate-host-mismatch'),
  ],
  [
    'sts-mode-none',
    {},
    { ...selfSigned, sts: { policy: { mode: 'none', mx: [] } } },
    encrypted('opportunistic (no-sts)', 'unauthenticated'),
  ],
  ['sts-absent', {}, selfSigned, encrypted('opportunistic (no-sts)', 'unauthenticated')],
  [
    'sts-garbage',
    {},
    { ...selfSigned, sts: { behaviour: 'garbage' } },
    encrypted('opportunistic (no-sts)', 'unauthenticated', 'sts-policy-invalid'),
  ],
  [
    'sts-not-found',
    {},
    { ...selfSigned, sts: { behaviour: 'not-found' } },
    encrypted('opportunistic (no-sts)', 'unauthenticated', 'sts-policy-fetch-error'),
  ],
  [
    'sts-untrusted-host',
    {},
    { ...selfSigned, sts: { certificate: 'self-signed' } },
    encrypted('opportunistic (no-sts)', 'unauthenticated', 'sts-webpki-invalid'),
  ],
];

const auto: readonly Row[] = [
  ['auto-dane', {}, daneMatch, encrypted('dane (dane)', 'dane 3 1 1')],
  [
    'auto-dane-mismatch',
    {},
    { ...daneMismatch, sts: {} },
    deferred('dane (dane)', 'certificate-not-trusted'),
  ],
  ['auto-sts', {}, enforced, encrypted('pkix (sts-enforce)', 'pkix')],
  ['auto-sts-wrong-name', {}, wrongCertificate, deferred('pkix (sts-enforce)', 'certificate-host-mismatch')],
  [
    'auto-dane-and-sts',
    {},
    { mx: [{ dnssec: 'secure', tlsa: ['match'] }], sts: {} },
    encrypted('dane+pkix (dane+sts-enforce)', 'dane 3 1 1 and pkix'),
  ],
  ['auto-dane-unusable', {}, daneUnusable, encrypted('encrypted (dane-unusable)', 'unauthenticated')],
  [
    'auto-dane-unusable-sts-testing',
    {},
    { ...daneUnusable, sts: { policy: { mode: 'testing' } } },
    encrypted('encrypted (dane-unusable)', 'unauthenticated', 'certificate-not-trusted'),
  ],
  [
    'auto-insecure-mx-sts-testing',
    {},
    { ...daneBehindInsecureMx, sts: { policy: { mode: 'testing' } } },
    encrypted('dane (dane)', 'dane 3 1 1', 'certificate-not-trusted'),
  ],
  ['auto-neither', {}, noStartTls, cleartext('opportunistic (no-sts)')],
  ['auto-nowhere', {}, { implicit: { addresses: [] } }, bounced('', '')],
];

const levels: readonly (readonly [level: string, rows: readonly Row[]])[] = [
  ['none', none],
  ['opportunistic', opportunistic],
  ['mandatory', mandatory],
  ['verify', verify],
  ['opportunistic_dane', opportunisticDane],
  ['mandatory_dane', mandatoryDane],
  ['mta_sts', mtaSts],
  ['auto', auto],
];

const byLevel = levels.flatMap(([level, rows]) =>
  rows.map(([name, settings, domain, result]): Scenario => {
    const peer = `${name}.example`;
    return {
      peer,
      sender: 'managed',
      settings: { security_level: level, ...settings },
      domain,
      expected: { ...result, rule: `${managedDomain} [outbound ${peer}]` },
    };
  }),
);

const managedDefault = `${managedDomain} [outbound]`;
const globalDefault = 'tls-peers.ini [outbound]';

/** Which rule wins where none names the peer. */
const defaults: readonly Scenario[] = [
  {
    peer: 'disabled.example',
    sender: 'managed',
    settings: { status: 'disabled', security_level: 'mandatory' },
    domain: noStartTls,
    expected: { ...cleartext('opportunistic (no-sts)'), rule: managedDefault },
  },
  {
    peer: 'unlisted.example',
    sender: 'managed',
    settings: 'unlisted',
    domain: daneMatch,
    expected: { ...encrypted('dane (dane)', 'dane 3 1 1'), rule: managedDefault },
  },
  {
    peer: 'branch.bank.example',
    sender: 'managed',
    settings: 'unlisted',
    domain: noStartTls,
    expected: {
      ...deferred('encrypted (mandatory)', 'starttls-not-supported'),
      rule: `${managedDomain} [outbound *.bank.example]`,
    },
  },
  {
    peer: 'from-unmanaged.example',
    sender: 'unmanaged',
    settings: { security_level: 'mandatory' },
    domain: noStartTls,
    expected: { ...cleartext('opportunistic (opportunistic)'), rule: globalDefault },
  },
  {
    peer: 'from-null-sender.example',
    sender: 'null',
    settings: { security_level: 'mandatory' },
    domain: {},
    expected: { ...encrypted('opportunistic (opportunistic)', 'unauthenticated'), rule: globalDefault },
  },
];

export const scenarios: readonly Scenario[] = [...byLevel, ...defaults];

export const scenarioWorld: World = {
  domains: Object.fromEntries(scenarios.map(({ peer, domain }) => [peer, domain])),
};

/** The files below config/ that set the rules of all scenarios. */
export function scenarioConfig(): Record<string, string> {
  const peers = scenarios.flatMap(({ peer, settings }) =>
    settings === 'unlisted' ? [] : [[`outbound ${peer}`, settings] as const],
  );
  return {
    'tls-peers.ini': iniText({ outbound: { security_level: 'opportunistic' } }),
    [`tls-peers/${managedDomain}.ini`]: iniText({
      '': { status: 'enabled' },
      outbound: { security_level: 'auto' },
      'outbound *.bank.example': { security_level: 'mandatory' },
      ...Object.fromEntries(peers),
    }),
  };
}

export function senderAddress(sender: Sender): string {
  switch (sender) {
    case 'managed':
      return `sender@${managedDomain}`;
    case 'unmanaged':
      return `sender@${unmanagedDomain}`;
    case 'null':
      return '';
  }
}
