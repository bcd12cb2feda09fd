/** Peers that can be held to more, and peers that must not be, each for a reason of its own. */
import type { DomainSpec, World } from '../../../haraka-test-harness/world';

export interface Case {
  readonly peer: string;
  readonly spec: DomainSpec;
  /** Whose mail goes there. */
  readonly from: 'ours.example' | 'nobody.example';
  /** Messages on each of the days, in turn; eight on each where absent. */
  readonly sent?: readonly number[];
  /** What is proposed; `nothing` and why. */
  readonly expected:
    | {
        readonly step: Readonly<Record<string, string>>;
        readonly file: string;
        readonly keys?: readonly string[];
      }
    | { readonly nothing: RegExp | 'not even considered' };
}

export const days = 8;

const ours = 'tls-peers/ours.example.ini';
const good: DomainSpec = {};
const tls12 = { min: 'TLSv1.2', max: 'TLSv1.2' } as const;
const newest = { min_tls_version: '1.3' };
const closed = { cleartext_fallback: 'never' };

const qualifying: readonly Case[] = [
  {
    peer: 'good.example',
    spec: good,
    from: 'ours.example',
    expected: { step: { security_level: 'verify', ...newest }, file: ours },
  },
  {
    peer: 'tls12.example',
    spec: { mx: [{ tls: tls12 }] },
    from: 'ours.example',
    expected: { step: { security_level: 'verify' }, file: ours },
  },
  {
    peer: 'self-signed.example',
    spec: { mx: [{ certificate: 'self-signed' }] },
    from: 'ours.example',
    expected: { step: { ...newest, ...closed }, file: ours },
  },
  {
    peer: 'dane.example',
    spec: { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    from: 'ours.example',
    expected: { step: { security_level: 'mandatory_dane', ...newest }, file: ours },
  },
  {
    peer: 'enforce.example',
    spec: { sts: { policy: { mode: 'enforce' } } },
    from: 'ours.example',
    expected: { step: { ...newest, ...closed }, file: ours },
  },
  {
    peer: 'two-hosts.example',
    spec: {
      mx: [
        { host: 'mx1.two-hosts.example', preference: 10 },
        { host: 'mx2.two-hosts.example', preference: 20, tls: tls12 },
      ],
    },
    from: 'ours.example',
    // The backup speaks no TLS 1.3, which no message has seen.
    expected: { step: { security_level: 'verify' }, file: ours },
  },
  {
    peer: 'self-signed-backup.example',
    spec: {
      mx: [
        { host: 'mx1.self-signed-backup.example', preference: 10 },
        { host: 'mx2.self-signed-backup.example', preference: 20, certificate: 'self-signed' },
      ],
    },
    from: 'ours.example',
    expected: { step: { ...newest, ...closed }, file: ours },
  },
  {
    peer: 'below.wild.example',
    spec: good,
    from: 'ours.example',
    expected: {
      step: { security_level: 'verify', ...newest },
      file: ours,
      keys: ['action_on_failure = bounce', 'match = hostname, nexthop'],
    },
  },
  {
    peer: 'own.example',
    spec: good,
    from: 'ours.example',
    expected: {
      step: { security_level: 'verify', ...newest },
      file: ours,
      keys: ['comment = ask Bob; tightened '],
    },
  },
  {
    peer: 'watched.example',
    spec: good,
    from: 'ours.example',
    expected: { step: { enforcement: 'enforce', ...newest }, file: ours },
  },
  {
    peer: 'shared.example',
    spec: good,
    from: 'ours.example',
    expected: {
      step: { security_level: 'verify', ...newest },
      file: ours,
      keys: ['action_on_failure = bounce'],
    },
  },
  {
    peer: 'free.example',
    spec: good,
    from: 'nobody.example',
    expected: { step: { security_level: 'verify', ...newest }, file: 'tls-peers.ini' },
  },
];

const others: readonly Case[] = [
  {
    peer: 'weak-backup.example',
    spec: {
      mx: [
        { host: 'mx1.weak-backup.example', preference: 10 },
        { host: 'mx2.weak-backup.example', preference: 20, behaviour: 'no-starttls' },
      ],
    },
    from: 'ours.example',
    expected: { nothing: /mx2\.weak-backup\.example.*starttls-not-supported/ },
  },
  {
    peer: 'few.example',
    spec: good,
    from: 'ours.example',
    sent: [6, 6, 6, 6, 6, 6, 6, 6],
    expected: { nothing: 'not even considered' },
  },
  {
    peer: 'few-days.example',
    spec: good,
    from: 'ours.example',
    sent: [0, 0, 12, 12, 12, 12, 12, 0],
    expected: { nothing: 'not even considered' },
  },
  {
    peer: 'one-failure.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /in the record: .*tls-handshake-failed|there was no handshake on such terms/ },
  },
  {
    peer: 'once-in-cleartext.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /in the record: starttls-not-supported 1/ },
  },
  {
    peer: 'once-deferred.example',
    spec: { sts: { policy: { mode: 'enforce' } } },
    from: 'ours.example',
    expected: { nothing: /in the record: (?:starttls-not-supported|certificate-not-trusted) 1/ },
  },
  {
    peer: 'disabled.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /\[outbound disabled\.example\] is disabled/ },
  },
  {
    peer: 'below.off.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /\[outbound \*\.off\.example\] is disabled/ },
  },
  {
    peer: 'exempt.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /is an exemption until 2099-01-01/ },
  },
  {
    peer: 'no-tls.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /says that TLS is not to be tried/ },
  },
  {
    peer: 'bogus.example',
    spec: { dnssec: 'secure' },
    from: 'ours.example',
    expected: { nothing: /MX records of bogus\.example/ },
  },
  {
    peer: 'down.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: /mx\.down\.example.* cannot be reached now/ },
  },
  {
    peer: 'shared.example',
    spec: good,
    from: 'nobody.example',
    expected: { nothing: /has scope = all/ },
  },
  {
    peer: 'strictest.example',
    spec: good,
    from: 'ours.example',
    expected: { nothing: 'not even considered' },
  },
];

export const cases: readonly Case[] = [...qualifying, ...others];

/** Peers that a rule refuses, whatever comes. */
export const refused = 'refused.example';

export const world: World = {
  domains: Object.fromEntries([
    ...cases.map(({ peer, spec }) => [peer, spec] as const),
    [refused, { mx: [{ certificate: 'self-signed' }] }] as const,
  ]),
};

export const config: Readonly<Record<string, string>> = {
  'tls-peers.ini': `[outbound]
security_level = auto

[outbound shared.example]
scope = all
security_level = opportunistic
action_on_failure = bounce
`,
  [ours]: `; who to ask: Alice
[outbound]
security_level = auto

[outbound *.wild.example]
security_level = mandatory
match[] = hostname
match[] = nexthop
action_on_failure = bounce
comment = all of them

; Bob knows them
[outbound own.example]
security_level = encrypt
comment = ask Bob

[outbound watched.example]
security_level = verify
enforcement = monitor

[outbound disabled.example]
status = disabled
security_level = none

[outbound *.off.example]
status = disabled
security_level = none

[outbound exempt.example]
security_level = opportunistic
exempt_until = 2099-01-01

[outbound no-tls.example]
security_level = none

[outbound strictest.example]
security_level = verify
min_tls_version = 1.3

[outbound ${refused}]
security_level = verify
`,
};
