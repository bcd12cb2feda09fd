/** Haraka's own settings for TLS beside a rule: whichever is stricter, and exemptions only where cleartext is allowed. */
import type { DomainSpec, HostSpec } from '../../../haraka-test-harness/world';
import {
  cleartext,
  deferred,
  encrypted,
  levels,
  noStartTls,
  versionTooLow,
  type Expected,
  type LevelName,
  type Scenario,
  type SurroundingsName,
} from './scenario';

type Row = readonly [
  surroundings: SurroundingsName,
  level: LevelName,
  host: HostSpec,
  expected: Expected,
  differs?: Partial<Pick<Scenario, 'cleartext' | 'settings'>>,
];

const fine: HostSpec = {};
const bare: HostSpec = { behaviour: 'no-starttls' };
const selfSigned: HostSpec = { certificate: 'self-signed' };
const untrusted = deferred('certificate-not-trusted', '4.7.5', 'STARTTLS');
const unusable = deferred('config-invalid', '4.3.5', 'STARTTLS');
const disabled = deferred('config-invalid', '4.3.5', 'nothing', 0);

const rows: readonly Row[] = [
  ['forced', 'opportunistic', fine, encrypted, { cleartext: 'forbidden' }],
  ['forced', 'opportunistic', bare, noStartTls(), { cleartext: 'forbidden' }],
  ['forced', 'opportunistic', selfSigned, untrusted, { cleartext: 'forbidden' }],
  [
    'forced',
    'opportunistic',
    { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } },
    versionTooLow,
    { cleartext: 'forbidden', settings: { min_tls_version: '1.3' } },
  ],
  ['forced', 'none', bare, noStartTls(), { cleartext: 'forbidden' }],
  ['forced', 'mandatory', selfSigned, untrusted],
  ['forced', 'daneOnly', selfSigned, encrypted],
  ['exempt', 'opportunistic', fine, cleartext()],
  ['exempt', 'opportunistic', { behaviour: 'handshake-close' }, cleartext()],
  ['exempt', 'never', fine, encrypted],
  ['exempt', 'mandatory', fine, encrypted],
  ['exempt', 'mandatory', bare, noStartTls()],
  ['exempt', 'dane', selfSigned, encrypted],
  ['no_tls', 'opportunistic', fine, cleartext()],
  ['no_tls', 'never', fine, disabled],
  ['no_tls', 'mandatory', fine, disabled],
  ['no_tls', 'dane', fine, disabled],
  ['mutual', 'opportunistic', selfSigned, encrypted],
  ['mutual', 'mandatory', fine, encrypted],
  ['mutual', 'verify', fine, encrypted],
  ['mutual', 'verify', selfSigned, untrusted],
  ['mutual', 'dane', selfSigned, encrypted],
  [
    'mutual',
    'mandatory',
    { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } },
    versionTooLow,
    { settings: { min_tls_version: '1.3' } },
  ],
  // Haraka merges `rejectUnauthorized` over what the connection asks for, and Node ends the handshake.
  ['mutual_strict', 'dane', selfSigned, encrypted],
  ['mutual_strict', 'verify', fine, encrypted],
  [
    'mutual',
    'opportunistic',
    { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } },
    cleartext('tls-version-too-low'),
    { settings: { min_tls_version: '1.3' } },
  ],
  ['bad_ciphers', 'opportunistic', fine, cleartext('config-invalid')],
  // The fault is ours: never a ground to bounce.
  ['bad_ciphers', 'mandatory', fine, unusable, { settings: { action_on_failure: 'bounce' } }],
  ['bad_ciphers', 'daneOnly', selfSigned, unusable],
];

const explained: Record<string, string> = {
  forced: 'force_tls_hosts',
  exempt: 'no_tls_hosts',
  no_tls: 'enable_tls = false',
  mutual: 'mutual_tls',
  mutual_strict: 'mutual_tls, rejectUnauthorized',
  bad_ciphers: 'unknown ciphers',
};

export const settingScenarios: readonly Scenario[] = rows.map(
  ([surroundings, levelName, host, expected, differs], index): Scenario => {
    const level = levels[levelName];
    const domain: DomainSpec = level.domain([host]);
    return {
      peer: `${surroundings.replaceAll('_', '-')}-${index}.example`,
      behaviour: `${explained[surroundings]}${typeof host.behaviour === 'string' ? `, ${host.behaviour}` : ''}${typeof host.certificate === 'string' ? `, ${host.certificate}` : ''}`,
      level: level.name,
      cleartext: differs?.cleartext ?? level.cleartext,
      surroundings,
      settings: { ...level.settings, ...differs?.settings },
      domain,
      expected,
      speed: 'slow',
    };
  },
);
