/** Hosts that another plugin chose: the rule of the recipient domain holds for them as well. */
import type { Behaviour } from '../../../haraka-test-harness/behaviours';
import type { DomainSpec, HostSpec } from '../../../haraka-test-harness/world';
import {
  bounced,
  cleartext,
  deferred,
  encrypted,
  handshakeFailed,
  levels,
  lost,
  noStartTls,
  type Expected,
  type LevelName,
  type Scenario,
  type SurroundingsName,
  type Target,
} from './scenario';

export const credentials = { user: 'the-user', password: 'the-password' } as const;

const auth = { auth_user: credentials.user, auth_pass: credentials.password, auth_type: 'PLAIN' };

/** Offers AUTH before TLS as well as after it. */
const capabilities = '250-mx\r\n250-AUTH PLAIN LOGIN\r\n';
const takesAuth: Behaviour = {
  ehlo: { do: 'reply', text: `${capabilities}250 STARTTLS\r\n` },
  secured: { ehlo: { do: 'reply', text: `${capabilities}250 8BITMIME\r\n` } },
};
const authWithoutTls: Behaviour = { ehlo: { do: 'reply', text: `${capabilities}250 8BITMIME\r\n` } };
const authBrokenTls: Behaviour = {
  ...takesAuth,
  starttls: { do: 'upgrade', text: '220 go\r\n', handshake: 'close' },
};

type Answer = (first: Target, second: Target) => unknown;

type Row = readonly [
  name: string,
  level: LevelName,
  host: HostSpec,
  answer: Answer,
  expected: Expected,
  differs?: Partial<Pick<Scenario, 'cleartext' | 'settings' | 'domain' | 'surroundings'>>,
];

const fine: HostSpec = {};
const bare: HostSpec = { behaviour: 'no-starttls' };

const byName: Answer = ({ host }) => host;
const withPort: Answer = ({ host, port }) => `${host}:${port}`;
const byAddress: Answer = ({ address, port }) => ({ exchange: address, port });
const withAuth: Answer = ({ host }) => ({ exchange: host, ...auth });
const lmtp: Answer = ({ host, port }) => ({ exchange: host, port, using_lmtp: true });
const lmtpUrl: Answer = ({ host, port }) =>
  `lmtp://${credentials.user}:${credentials.password}@${host}:${port}`;
const unix: Answer = ({ socket }) => ({ path: socket });
const unixLmtp: Answer = ({ socket }) => ({ path: socket, using_lmtp: true });

const signed = (mx: DomainSpec['mx']): DomainSpec => ({ dnssec: 'secure', mx: mx! });

const rows: readonly Row[] = [
  ['name', 'mandatory', fine, byName, encrypted],
  ['name', 'mandatory', bare, byName, noStartTls()],
  [
    'name, bounce',
    'mandatory',
    bare,
    byName,
    bounced('5.7.4', 'EHLO', 'starttls-not-supported'),
    { settings: { action_on_failure: 'bounce' } },
  ],
  ['name in capitals with a dot', 'mandatory', fine, ({ host }) => `${host.toUpperCase()}.`, encrypted],
  ['name and port', 'verify', fine, withPort, encrypted],
  ['name and port', 'mandatory', bare, withPort, noStartTls()],
  ['name and port', 'opportunistic', bare, withPort, cleartext()],
  // As recipient-routes and smtp_forward's `queue.next_hop` have it.
  ['smtp: URL', 'mandatory', bare, ({ host, port }) => `smtp://${host}:${port}`, noStartTls()],
  ['lmtp: URL with AUTH', 'never', { behaviour: authBrokenTls }, lmtpUrl, handshakeFailed],
  ['address and port', 'mandatory', fine, byAddress, encrypted],
  ['address and port', 'mandatory', bare, byAddress, noStartTls()],
  ['address and port', 'verify', fine, byAddress, deferred('certificate-host-mismatch', '4.7.5', 'STARTTLS')],
  ['address and port', 'daneOnly', fine, byAddress, deferred('dane-required', '4.7.5', 'nothing', 0)],
  ['name', 'daneOnly', { tlsa: ['match'] }, byName, encrypted],
  [
    'name, wrong TLSA',
    'dane',
    { tlsa: ['mismatch'] },
    byName,
    deferred('certificate-not-trusted', '4.7.5', 'STARTTLS'),
    { domain: signed([{ tlsa: ['mismatch'] }]) },
  ],
  [
    'name, no DANE',
    'daneOnly',
    fine,
    byName,
    deferred('dane-required', '4.7.5', 'nothing', 0),
    { domain: {} },
  ],
  // A policy speaks of MX hosts; a host that the operator chose has none.
  ['name', 'sts', bare, byName, cleartext(), { cleartext: 'allowed' }],
  ['bind address', 'mandatory', fine, ({ host }) => ({ exchange: host, bind: '127.0.0.1' }), encrypted],
  ['AUTH', 'mandatory', { behaviour: takesAuth }, withAuth, encrypted],
  ['AUTH', 'verify', { behaviour: takesAuth }, withAuth, encrypted],
  ['AUTH, no STARTTLS', 'mandatory', { behaviour: authWithoutTls }, withAuth, noStartTls()],
  ['AUTH, no STARTTLS', 'never', { behaviour: authWithoutTls }, withAuth, noStartTls()],
  ['AUTH, broken TLS', 'mandatory', { behaviour: authBrokenTls }, withAuth, handshakeFailed],
  ['AUTH, broken TLS', 'never', { behaviour: authBrokenTls }, withAuth, handshakeFailed],
  ['AUTH, no STARTTLS', 'opportunistic', { behaviour: authWithoutTls }, withAuth, cleartext()],
  [
    'AUTH, refused',
    'mandatory',
    { behaviour: { ...takesAuth, auth: { do: 'reply', text: '535 5.7.8 no\r\n' } } },
    withAuth,
    bounced('5.7.8', 'STARTTLS'),
  ],
  ['LMTP', 'mandatory', fine, lmtp, encrypted],
  ['LMTP', 'mandatory', bare, lmtp, noStartTls()],
  ['LMTP', 'mandatory', { behaviour: 'handshake-close' }, lmtp, handshakeFailed],
  ['LMTP', 'mandatory', { behaviour: 'ehlo-502' }, lmtp, noStartTls()],
  ['LMTP', 'mandatory', { behaviour: 'banner-554' }, lmtp, lost('nothing')],
  ['LMTP', 'opportunistic', bare, lmtp, cleartext()],
  ['LMTP', 'opportunistic', { behaviour: 'handshake-close' }, lmtp, cleartext('tls-handshake-failed')],
  // Haraka connects to the host.
  ['empty path', 'mandatory', bare, ({ host }) => ({ exchange: host, path: '' }), noStartTls()],
  ['path that is null', 'mandatory', fine, ({ host }) => ({ exchange: host, path: null }), encrypted],
  // A UNIX socket is local: no rule applies.
  ['UNIX socket', 'mandatory', bare, unix, cleartext(), { cleartext: 'allowed' }],
  ['UNIX socket, LMTP', 'mandatory', bare, unixLmtp, cleartext(), { cleartext: 'allowed' }],
  [
    'UNIX socket that offers STARTTLS, no Redis',
    'mandatory',
    fine,
    unix,
    cleartext(),
    { cleartext: 'allowed', surroundings: 'routed_memory' },
  ],
  [
    'UNIX socket that breaks off, no Redis',
    'mandatory',
    { behaviour: { data: { do: 'close', text: '354 go on\r\n' } } },
    unixLmtp,
    lost('envelope'),
    { cleartext: 'allowed', surroundings: 'routed_memory' },
  ],
  [
    'UNIX socket that is not there, then a host',
    'mandatory',
    fine,
    ({ host }) => [{ path: '/nonexistent/lmtp.sock', using_lmtp: true }, { exchange: host }],
    { ...encrypted, reasons: 'connection-failed' },
  ],
  [
    'two hosts, first without STARTTLS',
    'mandatory',
    bare,
    (one, two) => [
      { exchange: one.host, port: one.port },
      { exchange: two.host, port: two.port },
    ],
    { ...encrypted, reasons: 'starttls-not-supported', connections: 2 },
  ],
  [
    'unknown name',
    'mandatory',
    fine,
    () => 'nowhere.invalid',
    deferred('connection-failed', '4.4.1', 'nothing', 0),
  ],
  [
    'not a URL',
    'mandatory',
    fine,
    () => 'smtp://[',
    deferred('config-invalid', '4.3.5', 'nothing', 0),
    { settings: { action_on_failure: 'bounce' } },
  ],
  ['DENY', 'mandatory', fine, () => 'deny', bounced('5.1.2', 'nothing', '', 0)],
  ['DENYSOFT', 'mandatory', fine, () => 'denysoft', deferred('', '4.1.2', 'nothing', 0)],
];

const chosen = rows.map(([name, levelName, host, answer, expected, differs], index): Scenario => {
  const level = levels[levelName];
  const peer = `route-${index}.example`;
  const domain = differs?.domain ?? level.domain([host, fine]);
  const mx = (domain.mx === 'null' ? undefined : domain.mx) ?? [{}];
  return {
    peer,
    behaviour: `route, ${name}${typeof host.behaviour === 'string' ? `, ${host.behaviour}` : ''}`,
    level: level.name,
    cleartext: differs?.cleartext ?? level.cleartext,
    surroundings: differs?.surroundings ?? 'routed',
    settings: { ...level.settings, ...differs?.settings },
    domain: { ...domain, mx: mx.map((one, at) => ({ ...one, host: `mx${at + 1}.${peer}` })) },
    route: ([first, second]) => answer(first!, second ?? first!),
    expected,
    speed: 'fast',
  };
});

/** The same through plugins that Haraka's users have. */
type PluginRow = readonly [SurroundingsName, LevelName, HostSpec, Expected];

const plugins: readonly PluginRow[] = [
  ['smtp_forward', 'mandatory', { behaviour: takesAuth }, encrypted],
  ['smtp_forward', 'mandatory', { behaviour: authWithoutTls }, noStartTls()],
  ['smtp_forward', 'never', { behaviour: authBrokenTls }, handshakeFailed],
  ['relay', 'mandatory', fine, encrypted],
  ['relay', 'mandatory', bare, noStartTls()],
  ['relay', 'opportunistic', bare, cleartext()],
];

const byPlugins = plugins.map(([surroundings, levelName, host, expected], index): Scenario => {
  const level = levels[levelName];
  const peer = `by-${surroundings.replaceAll('_', '-')}-${index}.example`;
  return {
    peer,
    behaviour: `${surroundings}${typeof host.behaviour === 'string' ? `, ${host.behaviour}` : ''}`,
    level: level.name,
    cleartext: level.cleartext,
    surroundings,
    settings: level.settings,
    domain: level.domain([host]),
    expected,
    speed: 'slow',
  };
});

export const routeScenarios: readonly Scenario[] = [...chosen, ...byPlugins];
