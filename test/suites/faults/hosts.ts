/** Several hosts and several addresses: the next one is tried, on its own terms, and each failure is told. */
import type { BehaviourName } from '../../../haraka-test-harness/behaviours';
import type { DomainSpec, HostSpec, MxSpec, Route } from '../../../haraka-test-harness/world';
import {
  bounced,
  cleartext,
  deferred,
  encrypted,
  levels,
  type Expected,
  type LevelName,
  type Scenario,
} from './scenario';
import { slug } from './peers';

/** Mail goes to the second host after the first failed for `reasons`. */
function second(reasons: string): Expected {
  return { ...encrypted, reasons, connections: 2 };
}

type TwoHosts = readonly [
  name: string,
  level: LevelName,
  first: HostSpec,
  second: HostSpec,
  Expected,
  settings?: Readonly<Record<string, string>>,
];

const fine: HostSpec = {};
const behaviour = (name: BehaviourName): HostSpec => ({ behaviour: name });

const twoHosts: readonly TwoHosts[] = [
  ['first has no STARTTLS', 'mandatory', behaviour('no-starttls'), fine, second('starttls-not-supported')],
  ['first refuses STARTTLS', 'mandatory', behaviour('starttls-554'), fine, second('tls-handshake-failed')],
  ['first greets with 554', 'mandatory', behaviour('banner-554'), fine, second('connection-failed')],
  ['first refuses EHLO', 'mandatory', behaviour('ehlo-502'), fine, second('starttls-not-supported')],
  [
    'first injects a reply',
    'mandatory',
    behaviour('starttls-injected'),
    fine,
    second('tls-handshake-failed'),
  ],
  ['first is silent', 'mandatory', behaviour('banner-silence'), fine, second('connection-failed')],
  ['first hangs up', 'mandatory', behaviour('close-after-handshake'), fine, second('tls-handshake-failed')],
  [
    'first has the wrong name',
    'verify',
    { certificate: 'wrong-name' },
    fine,
    second('certificate-host-mismatch'),
  ],
  ['first has expired', 'sts', { certificate: 'expired' }, fine, second('certificate-expired')],
  ['first has no STARTTLS', 'dane', behaviour('no-starttls'), fine, second('starttls-not-supported')],
  ['second has no STARTTLS', 'mandatory', fine, behaviour('no-starttls'), encrypted],
  ['second has no STARTTLS', 'daneOnly', fine, behaviour('no-starttls'), encrypted],
  [
    'both fail',
    'mandatory',
    behaviour('no-starttls'),
    behaviour('handshake-close'),
    deferred('starttls-not-supported tls-handshake-failed', '4.7.4', 'STARTTLS', 2),
  ],
  [
    'both fail, bounce',
    'mandatory',
    behaviour('no-starttls'),
    behaviour('handshake-close'),
    bounced('5.7.4', 'STARTTLS', 'starttls-not-supported tls-handshake-failed', 2),
    { action_on_failure: 'bounce' },
  ],
  [
    'one fails, one is away, bounce',
    'mandatory',
    behaviour('no-starttls'),
    behaviour('banner-close'),
    deferred('starttls-not-supported connection-failed', '4.7.4', 'EHLO', 2),
    { action_on_failure: 'bounce' },
  ],
  [
    'first has broken TLS',
    'opportunistic',
    behaviour('handshake-close'),
    fine,
    cleartext('tls-handshake-failed'),
  ],
  ['first has broken TLS', 'noStartTls', behaviour('handshake-close'), fine, second('tls-handshake-failed')],
  ['first has broken TLS', 'never', behaviour('handshake-close'), fine, second('tls-handshake-failed')],
  ['first closes at EHLO', 'opportunistic', behaviour('ehlo-close'), fine, second('connection-failed')],
  [
    'first is lost while delivering',
    'mandatory',
    { behaviour: { secured: { mail: { do: 'reset' } } } },
    fine,
    second('connection-failed'),
  ],
];

const several = twoHosts.map(([name, levelName, one, two, expected, settings], index): Scenario => {
  const level = levels[levelName];
  const peer = `hosts-${index}-${slug(name.toLowerCase())}.example`;
  const mx: MxSpec[] = [
    { ...one, host: `mx1.${peer}`, preference: 1 },
    { ...two, host: `mx2.${peer}`, preference: 2 },
  ];
  return scenario(peer, `two hosts, ${name}`, levelName, level.domain(mx), expected, settings);
});

type Addresses = readonly [
  name: string,
  LevelName,
  first: Route,
  second: Route,
  behaviour: BehaviourName,
  families: 'v6 first' | 'v4 only',
  Expected,
];

const unreached = (expected: Expected): Expected => ({ ...expected, reasons: 'connection-failed' });

const dualStack: readonly Addresses[] = [
  ['IPv6 is refused', 'mandatory', 'refused', 'open', 'normal', 'v6 first', unreached(encrypted)],
  ['IPv6 is silent', 'dane', 'silent', 'open', 'normal', 'v6 first', unreached(encrypted)],
  ['IPv4 is dead', 'mandatory', 'open', 'refused', 'normal', 'v6 first', encrypted],
  ['one of two IPv4 is refused', 'verify', 'refused', 'open', 'normal', 'v4 only', unreached(encrypted)],
  [
    'both are dead',
    'mandatory',
    'refused',
    'refused',
    'normal',
    'v6 first',
    deferred('connection-failed connection-failed', '4.4.1', 'nothing', 0),
  ],
  [
    'no STARTTLS behind either',
    'mandatory',
    'open',
    'open',
    'no-starttls',
    'v6 first',
    deferred('starttls-not-supported starttls-not-supported', '4.7.4', 'EHLO', 2),
  ],
  [
    'IPv6 is refused, TLS is broken',
    'opportunistic',
    'refused',
    'open',
    'handshake-close',
    'v6 first',
    { ...cleartext('tls-handshake-failed'), reasons: 'connection-failed tls-handshake-failed' },
  ],
];

const addressed = dualStack.map(([name, levelName, one, two, how, families, expected], index): Scenario => {
  const level = levels[levelName];
  const peer = `addresses-${index}.example`;
  const v4 = `127.21.0.${index * 2 + 1}`;
  const host: HostSpec = {
    behaviour: how,
    addresses:
      families === 'v6 first'
        ? [
            { address: `2001:db8::${index + 1}`, route: one },
            { address: v4, route: two },
          ]
        : [
            { address: `127.21.0.${index * 2 + 2}`, route: one },
            { address: v4, route: two },
          ],
  };
  return scenario(peer, `addresses, ${name}`, levelName, level.domain([host]), expected);
});

function scenario(
  peer: string,
  behaviour: string,
  level: LevelName,
  domain: DomainSpec,
  expected: Expected,
  settings: Readonly<Record<string, string>> = {},
): Scenario {
  return {
    peer,
    behaviour,
    level: levels[level].name,
    cleartext: levels[level].cleartext,
    surroundings: 'plain',
    settings: { ...levels[level].settings, ...settings },
    domain,
    expected,
    speed: 'fast',
  };
}

const mxLookups = [
  ['servfail', 'dns-lookup-failed', '4.4.3'],
  ['bogus', 'dnssec-invalid', '4.7.5'],
  ['timeout', 'dns-lookup-failed', '4.4.3'],
] as const;

const others: readonly Scenario[] = [
  scenario(
    'bounced.example',
    'no-starttls, bounce',
    'mandatory',
    { mx: [{ behaviour: 'no-starttls' }] },
    bounced('5.7.4', 'EHLO', 'starttls-not-supported'),
    { action_on_failure: 'bounce' },
  ),
  scenario(
    'without-address.example',
    'MX host without address',
    'mandatory',
    { mx: [{ addresses: [] }] },
    deferred('dns-lookup-failed', '4.4.3', 'nothing', 0),
    { action_on_failure: 'bounce' },
  ),
  scenario('null-mx.example', 'null MX', 'mandatory', { mx: 'null' }, bounced('5.1.10', 'nothing', '', 0)),
  scenario(
    'no-such-domain.example',
    'no such domain',
    'mandatory',
    { mx: 'null', lookups: { MX: 'nxdomain' } },
    bounced('5.1.2', 'nothing', '', 0),
  ),
  ...mxLookups.map(([fate, reason, status]) =>
    scenario(
      `mx-${fate}.example`,
      `MX lookup: ${fate}`,
      'mandatory',
      { lookups: { MX: fate } },
      deferred(reason, status, 'nothing', 0),
      { action_on_failure: 'bounce' },
    ),
  ),
  {
    ...scenario(
      'monitored.example',
      'handshake-close, monitor',
      'mandatory',
      { mx: [{ behaviour: 'handshake-close' }] },
      cleartext('tls-handshake-failed'),
      { enforcement: 'monitor' },
    ),
    cleartext: 'allowed',
  },
];

export const hostScenarios: readonly Scenario[] = [...several, ...addressed, ...others];
