/** A world and rules that are hard to show: long names, long addresses, wide characters, long reasons, many peers. */
import type { LabOptions } from '../../../haraka-test-harness/lab';
import type { DomainSpec, World } from '../../../haraka-test-harness/world';

/** As long as SMTP lets a domain be that has a host and records below it. */
export const long = `${'department-of-'.repeat(4)}mail.${'b'.repeat(63)}.${'c'.repeat(63)}.example`;
/** Longer than most, and shorter than a line. */
export const medium = 'mail-of-the-department.and-of-its-organisation.example';
/** 例子.测试 */
export const idn = 'xn--fsqu00a.xn--0zwm56d';
export const crowded = 'crowded.example';
const wide = '暂时不能使用加密连接请稍后再试'.repeat(8);
const marks = 'e\u0301👍🏽ｱＡ'.repeat(30);

const addressOf = (index: number): string =>
  `2001:db8:ffff:ffff:ffff:ffff:ffff:${(0xff00 + index).toString(16)}`;

const reply = (text: string) =>
  ({ do: 'reply', text: `${Buffer.from(text).toString('latin1')}\r\n` }) as const;

const hard: Readonly<Record<string, DomainSpec>> = {
  [medium]: {
    dnssec: 'secure',
    mx: [{ tlsa: ['mismatch', 'unusable', 'match'], addresses: [addressOf(3)] }],
  },
  [long]: {
    dnssec: 'secure',
    mx: [{ tlsa: ['mismatch', 'unusable', 'match-ta'], addresses: [addressOf(1), '198.51.100.201'] }],
    sts: { policy: { mode: 'enforce', mx: [`mx.${long}`, `*.${long}`] } },
  },
  [idn]: { mx: [{ behaviour: { starttls: reply(`454 4.7.0 ${wide}`) }, addresses: [addressOf(2)] }] },
  'greeting.example': { mx: [{ behaviour: { greeting: reply(`554 5.3.2 ${marks}`) } }] },
  'word.example': { mx: [{ behaviour: { starttls: reply(`454 4.7.0 ${'x'.repeat(400)}`) } }] },
  'names.example': {
    mx: [
      {
        certificate: {
          kind: 'trusted',
          names: [
            'mx.names.example',
            ...Array.from({ length: 60 }, (_, i) => `alternative-${i}.names.example`),
          ],
        },
      },
    ],
  },
  'policy.example': {
    mx: [{ host: `mx.${'elsewhere-'.repeat(5)}.example` }],
    sts: { policy: { mode: 'enforce', mx: Array.from({ length: 30 }, (_, i) => `mx${i}.policy.example`) } },
  },
  'unreadable.example': { sts: { policy: `version: STSv1\r\nmode: ${wide}\r\nmax_age: 1\r\n` } },
  [crowded]: {
    dnssec: 'secure',
    mx: Array.from({ length: 14 }, (_, i) => ({
      host: `mx${i}.crowded.example`,
      preference: i,
      addresses: [addressOf(16 + i), `198.51.100.${i + 1}`],
      tlsa: i % 3 === 0 ? ['match' as const] : ['mismatch' as const],
    })),
  },
};

const kinds = ['trusted', 'self-signed', 'expired', 'wrong-name', 'untrusted'] as const;

const many: Readonly<Record<string, DomainSpec>> = Object.fromEntries(
  Array.from({ length: 30 }, (_, i) => [
    `peer-${i}.${'sub.'.repeat(i % 7)}example`,
    {
      mx: [{ certificate: kinds[i % kinds.length] ?? 'trusted' }],
      ...(i % 4 === 0 ? { sts: { policy: { mode: 'testing' as const } } } : {}),
    },
  ]),
);

export const world: World = { domains: { ...hard, ...many } };

export const senders = ['me@ours.example', `me@${long}`, ''] as const;

export function options(): LabOptions {
  return {
    config: {
      'tls-peers.ini':
        '[hosting]\nlisten = 203.0.113.9:443, [2001:db8::9]:443\n[outbound]\nsecurity_level = auto\n',
      'tls-peers/ours.example.ini': [
        '[outbound]',
        'security_level = verify',
        `match = ${Array.from({ length: 12 }, (_, i) => `alternative-${i}.names.example`).join(', ')}, hostname`,
        `[outbound ${long}]`,
        'security_level = mandatory_dane',
        `[outbound ${idn}]`,
        'security_level = mandatory',
        '',
      ].join('\n'),
      [`tls-peers/${medium}.ini`]: `[mta_sts]\nmode = testing\nmx[] = mx.${medium}\n`,
      [`tls-peers/${long}.ini`]: [
        '[mta_sts]',
        'mode = enforce',
        `mx[] = mx.${long}`,
        ...Array.from({ length: 10 }, (_, i) => `mx[] = another-mail-exchanger-${i}.${long}`),
        '',
      ].join('\n'),
    },
    resolver: { timeout: '1', deadline: '3' },
  };
}

/** Files below config/ that are wrong in ways that are long to tell. */
export const wrongFiles: Readonly<Record<string, string>> = {
  'tls-peers.ini': `[resolver]\nservers = ${addressOf(7)} ${wide}\n[outbound]\nsecurity_level = ${wide}\nno_such_key_that_is_${'very_'.repeat(20)}long = 1\n[${marks}]\n`,
  [`tls-peers/${long}.ini`]: `[outbound]\nsecurity_level = ${'x'.repeat(300)}\nmin_tls_version = 1.9\n[outbound ${'a.'.repeat(60)}example]\nmatch = ${wide}\n`,
  'tls-peers/ours.example.ini': Array.from(
    { length: 40 },
    (_, i) => `[outbound peer-${i}.example]\nsecurity_level = mandatry\nexempt_until = 2026-13-4${i}\n`,
  ).join(''),
};

/** To import. */
export const tables: Readonly<Record<string, string>> = {
  'peers.csv': `peer,security_level,comment\n${long},mandatory_dane,${wide}\n${crowded},verify,${'why '.repeat(40)}\n`,
  'wrong.csv': `peer,security_level\n${long},${'x'.repeat(200)}\n${idn},${wide}\n`,
};
