/** Peers that misbehave at each point of the conversation, at every level: one row per behaviour. */
import type { Behaviour, BehaviourName, Step } from '../../../haraka-test-harness/behaviours';
import type { HostSpec } from '../../../haraka-test-harness/world';
import {
  bounced,
  cleartext,
  deferred,
  encrypted,
  handshakeFailed,
  levels,
  lost,
  noStartTls,
  versionTooLow,
  type Expected,
  type LevelName,
  type Scenario,
} from './scenario';

type Row = readonly [
  name: string,
  host: BehaviourName | Behaviour | HostSpec,
  /** Where cleartext is forbidden. */
  forbidden: Expected,
  /** At `opportunistic`; `any` where it is the peer's own luck what comes of it, and nothing is at stake. */
  allowed: Expected | 'any',
  /** Other levels that differ from both. */
  others?: Partial<Record<LevelName, Expected>>,
];

const reply = (text: string): Step => ({ do: 'reply', text: `${text}\r\n` });
const close: Step = { do: 'close' };
const reset: Step = { do: 'reset' };
const silence: Step = { do: 'silence' };

/** The peer's TLS is broken: the message stays, or goes on a new connection without TLS. */
const broken = [handshakeFailed, cleartext('tls-handshake-failed'), { none: cleartext() }] as const;
const untrusted = deferred('certificate-not-trusted', '4.7.5', 'STARTTLS');
/** The host failed for its TLS, which was on record before it was tried without. */
const locked = deferred('tls-handshake-failed tls-handshake-failed', '4.7.5', 'envelope', 2);
const same = (expected: Expected): readonly [Expected, Expected] => [expected, expected];

const tls12 = { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } } as const;

const endlessLine = 'x'.repeat(4 * 1024 * 1024 + 1);
const manyLines = Array.from({ length: 500 }, () => '250-X\r\n').join('');

const greeting: readonly Row[] = [
  ['banner-554', 'banner-554', lost('nothing'), bounced('5.3.2', 'nothing')],
  ['banner-421', 'banner-421', ...same(deferred('connection-failed', '4.3.2', 'nothing'))],
  ['banner-garbage', 'banner-garbage', ...same(lost('nothing'))],
  ['banner-silence', 'banner-silence', ...same(lost('nothing'))],
  ['banner-close', 'banner-close', ...same(lost('nothing'))],
  ['banner-reset', { greeting: reset }, ...same(lost('nothing'))],
  ['banner-cut', { greeting: { do: 'close', text: '220-mx' } }, ...same(lost('nothing'))],
];

const ehlo: readonly Row[] = [
  ['no-starttls', 'no-starttls', noStartTls(), cleartext(), { none: cleartext() }],
  ['ehlo-502', 'ehlo-502', noStartTls(), cleartext(), { none: cleartext() }],
  [
    'ehlo-502-helo-offers-starttls',
    { ehlo: reply('502 5.5.1 no'), helo: reply('250-mx\r\n250-STARTTLS\r\n250 STARTTLS') },
    noStartTls(),
    cleartext(),
    { none: cleartext() },
  ],
  ['ehlo-and-helo-502', 'ehlo-and-helo-502', noStartTls(), bounced('5.5.1', 'EHLO')],
  ['ehlo-421', 'ehlo-421', ...same(deferred('connection-failed', '4.3.2', 'EHLO'))],
  ['ehlo-close', 'ehlo-close', ...same(lost('EHLO'))],
  ['ehlo-reset', { ehlo: reset }, ...same(lost('EHLO'))],
  ['ehlo-silence', { ehlo: silence }, ...same(lost('EHLO'))],
  ['ehlo-garbage', { ehlo: reply('\x7f\x00 250') }, ...same(lost('EHLO'))],
  ['ehlo-cut', { ehlo: { do: 'close', text: '250-mx\r\n250-STARTTLS\r\n250-SI' } }, ...same(lost('EHLO'))],
  ['ehlo-mixed-codes', { ehlo: reply('250-mx\r\n550-no\r\n250 STARTTLS') }, ...same(lost('EHLO'))],
  ['ehlo-endless-line', { ehlo: reply(`250-${'x'.repeat(20_000)}`) }, ...same(lost('EHLO'))],
  ['ehlo-endless-lines', { ehlo: reply(`${manyLines}250 STARTTLS`) }, ...same(lost('EHLO'))],
  ['ehlo-greeting-named-starttls', { ehlo: reply('250 STARTTLS') }, noStartTls(), cleartext()],
  [
    'everything-at-once',
    { greeting: reply('220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250-mx\r\n250 ok\r\n250 ok') },
    handshakeFailed,
    'any',
  ],
  // Haraka skips one such mark itself.
  [
    'ehlo-starttls-behind-two-marks',
    { ehlo: reply('250-mx\r\n250 ##STARTTLS'), ...handshakeThat('reset') },
    noStartTls(),
    cleartext(),
    { none: cleartext() },
  ],
  ['ehlo-lower-case', { ehlo: reply('250-mx\r\n250 starttls') }, ...same(encrypted)],
];

const startTls: readonly Row[] = [
  ['starttls-354', 'starttls-354', ...broken],
  ['starttls-454', 'starttls-454', ...broken],
  ['starttls-502', 'starttls-502', ...broken],
  ['starttls-554', 'starttls-554', ...broken],
  [
    'starttls-250',
    { starttls: { do: 'upgrade', text: '250 2.0.0 fine\r\n', handshake: 'complete' } },
    ...broken,
  ],
  ['starttls-garbage', 'starttls-garbage', ...broken],
  ['starttls-silence', 'starttls-silence', ...broken],
  ['starttls-close', 'starttls-close', ...broken],
  ['starttls-reset', { starttls: reset }, ...broken],
  ['starttls-cut', { starttls: { do: 'close', text: '220-go' } }, ...broken],
  ['starttls-answered-twice', 'starttls-injected', ...broken],
  ['starttls-partial-line', 'starttls-partial-line', ...broken],
  [
    'starttls-injected-session',
    {
      starttls: {
        do: 'upgrade',
        handshake: 'complete',
        text: '220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n',
      },
    },
    ...broken,
  ],
];

const handshake: readonly Row[] = [
  ['handshake-close', 'handshake-close', ...broken],
  ['handshake-reset', handshakeThat('reset'), ...broken],
  ['handshake-alert', handshakeThat('alert'), ...broken],
  ['handshake-garbage', 'handshake-garbage', ...broken],
  ['handshake-silence', 'handshake-silence', ...broken],
  ['close-after-handshake', 'close-after-handshake', ...broken],
  ['no-certificate', { ciphers: 'aNULL' }, ...broken],
  ['no-encryption-cipher', { ciphers: 'eNULL' }, ...broken],
  [
    'tls-1.1-only',
    { tls: { min: 'TLSv1.1', max: 'TLSv1.1' } },
    versionTooLow,
    encrypted,
    { never: encrypted, noStartTls: encrypted, none: cleartext() },
  ],
  ['renegotiation', { ...tls12, behaviour: handshakeThat('then_renegotiate') }, ...same(encrypted)],
  [
    'renegotiation-self-signed',
    { ...tls12, certificate: 'self-signed', behaviour: handshakeThat('then_renegotiate') },
    ...same(encrypted),
    { verify: untrusted, sts: untrusted },
  ],
  ['weak-cipher-only', { ...tls12, behaviour: { ciphers: 'PSK' } }, ...broken],
  // One broken handshake must not bounce mail that the peer takes through TLS the next time.
  [
    'handshake-reset-tls-demanded',
    lockedOut('530 5.7.0 Must issue a STARTTLS command first', 'mail'),
    handshakeFailed,
    locked,
  ],
  [
    'handshake-reset-tls-demanded-at-rcpt',
    lockedOut('550 5.7.1 Session encryption is required', 'rcpt'),
    handshakeFailed,
    locked,
  ],
  [
    'handshake-reset-then-refused',
    lockedOut('550 5.1.1 nobody here', 'rcpt'),
    handshakeFailed,
    bounced('5.1.1', 'envelope', 'tls-handshake-failed', 2),
  ],
];

const afterTls: readonly Row[] = [
  [
    'starttls-offered-again',
    { secured: { ehlo: reply('250-mx\r\n250 STARTTLS') } },
    ...same(encrypted),
    { none: cleartext() },
  ],
  [
    'capabilities-change',
    { secured: { ehlo: reply('250-mx\r\n250-SMTPUTF8\r\n250 AUTH LOGIN') } },
    ...same(encrypted),
  ],
  ['secured-ehlo-554', 'secured-ehlo-554', ...same(encrypted)],
  [
    'secured-ehlo-421',
    { secured: { ehlo: reply('421 4.3.2 no') } },
    ...same(deferred('connection-failed', '4.3.2', 'STARTTLS')),
  ],
  ['secured-ehlo-silence', { secured: { ehlo: silence } }, ...same(lost('STARTTLS'))],
  ['secured-mail-close', { secured: { mail: close } }, ...same(lost('STARTTLS'))],
  ['secured-mail-reset', { secured: { mail: reset } }, ...same(lost('STARTTLS'))],
  ['secured-rcpt-close', { secured: { rcpt: close } }, ...same(lost('STARTTLS'))],
  ['secured-data-close', { secured: { data: close } }, ...same(lost('STARTTLS'))],
  ['secured-data-reset', { secured: { data: reset } }, ...same(lost('STARTTLS'))],
  ['secured-message-close', { secured: { message: close } }, ...same(lost('STARTTLS'))],
  ['secured-message-reset', { secured: { message: reset } }, ...same(lost('STARTTLS'))],
  [
    'secured-message-silence',
    { secured: { message: silence } },
    ...same(deferred('connection-failed', '4.4.2', 'STARTTLS')),
  ],
  ['secured-quit-reset', { secured: { quit: reset } }, ...same(encrypted)],
  ['secured-quit-silence', { secured: { quit: silence } }, ...same(encrypted)],
  [
    'secured-ehlo-cut',
    { secured: { ehlo: { do: 'close', text: '250-mx\r\n250-SI' } } },
    ...same(lost('STARTTLS')),
  ],
  ['secured-rcpt-reset', { secured: { rcpt: reset } }, ...same(lost('STARTTLS'))],
  [
    'secured-data-354-close',
    { secured: { data: { do: 'close', text: '354 go on\r\n' } } },
    ...same(lost('STARTTLS')),
  ],
  [
    'secured-endless-line',
    { secured: { ehlo: { do: 'reply', text: endlessLine } } },
    ...same(lost('STARTTLS')),
  ],
  [
    'secured-endless-lines',
    { secured: { mail: { do: 'drip', text: '250-X\r\n'.repeat(10_000), everyMs: 1 } } },
    ...same(lost('STARTTLS')),
  ],
  // Haraka would begin the message anew.
  ['data-354-twice', { data: reply('354 go on\r\n354 go on') }, ...same(lost('STARTTLS'))],
  ['data-354-then-250', { data: reply('354 go on\r\n250 2.0.0 taken') }, ...same(lost('STARTTLS'))],
  // Haraka says QUIT, and would go on with the message.
  [
    'data-354-then-451',
    { data: reply('354 go on\r\n451 4.3.0 later') },
    ...same(deferred('', '4.3.0', 'STARTTLS')),
  ],
  [
    'data-354-then-552',
    { data: reply('354 go on\r\n552 5.3.4 too big') },
    ...same(bounced('5.3.4', 'STARTTLS')),
  ],
  ['mail-451', 'mail-451', ...same(deferred('', '4.3.0', 'STARTTLS'))],
  ['mail-550', 'mail-550', ...same(bounced('5.7.1', 'STARTTLS'))],
  ['rcpt-450', 'rcpt-450', ...same(deferred('', '4.2.1', 'STARTTLS'))],
  ['rcpt-550', 'rcpt-550', ...same(bounced('5.1.1', 'STARTTLS'))],
  // Haraka by itself drops this message.
  [
    'rcpt-251',
    { rcpt: reply('251 2.1.5 not here, will forward') },
    ...same(encrypted),
    { none: cleartext() },
  ],
  ['data-451', 'data-451', ...same(deferred('', '4.3.0', 'STARTTLS'))],
  ['message-554', 'message-554', ...same(bounced('5.6.0', 'STARTTLS'))],
];

const normal: readonly Row[] = [['normal', 'normal', ...same(encrypted), { none: cleartext() }]];

const rows: readonly Row[] = [...normal, ...greeting, ...ehlo, ...startTls, ...handshake, ...afterTls];

export const peerScenarios: readonly Scenario[] = rows.flatMap((row) =>
  (Object.keys(levels) as LevelName[]).flatMap((level) => scenarioOf(row, level)),
);

function scenarioOf([name, host, forbidden, allowed, others = {}]: Row, levelName: LevelName): Scenario[] {
  const expected = others[levelName] ?? expectedAt(levelName, forbidden, allowed);
  if (expected === undefined) return [];
  const level = levels[levelName];
  return [
    {
      peer: `${name.replaceAll('.', '')}.${slug(level.name)}.example`,
      behaviour: name,
      level: level.name,
      cleartext: level.cleartext,
      surroundings: 'plain',
      settings: level.settings,
      domain: level.domain([hostOf(host)]),
      expected,
      speed:
        levelName === 'mandatory' || levelName === 'opportunistic' || levelName === 'never' ? 'fast' : 'slow',
    },
  ];
}

/** `no_starttls` allows cleartext only to a peer that offers no TLS: its broken TLS is as bad as anywhere. */
function expectedAt(level: LevelName, forbidden: Expected, allowed: Expected | 'any'): Expected | undefined {
  switch (level) {
    case 'none':
      return undefined;
    case 'opportunistic':
      return allowed === 'any' ? undefined : allowed;
    case 'noStartTls':
      return allowed !== 'any' && allowed.reasons === '' ? allowed : forbidden;
    default:
      return forbidden;
  }
}

export function slug(name: string): string {
  return name.replace(/[^a-z0-9]+/g, '-');
}

function hostOf(host: BehaviourName | Behaviour | HostSpec): HostSpec {
  if (typeof host === 'string') return { behaviour: host };
  return 'tls' in host || 'behaviour' in host ? host : { behaviour: host as Behaviour };
}

function handshakeThat(how: 'reset' | 'alert' | 'then_renegotiate'): Behaviour {
  return { starttls: { do: 'upgrade', text: '220 2.0.0 go ahead\r\n', handshake: how } };
}

/** The first handshake breaks; without TLS the peer answers `text` at `point`. */
function lockedOut(text: string, point: 'mail' | 'rcpt'): HostSpec {
  const demanding: Behaviour = { [point]: reply(text), secured: { [point]: reply('250 2.0.0 ok') } };
  return { behaviour: [{ ...demanding, ...handshakeThat('reset') }, demanding] };
}
