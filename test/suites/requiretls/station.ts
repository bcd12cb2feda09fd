/** The Haraka at which messages are handed in, and the peers that it sends them to. */
import { randomUUID } from 'node:crypto';
import type { Behaviour } from '../../../haraka-test-harness/behaviours';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';
import { tlsConfig } from '../../inbound/support/tls_server';
import { hand, type Heard } from './client';

const says = (...keywords: string[]): string =>
  ['250-peer', ...keywords.map((one) => `250-${one}`), '250 SIZE 10000000', ''].join('\r\n');

/** Offers REQUIRETLS within TLS. */
export const offering: Behaviour = {
  secured: { ehlo: { do: 'reply', text: says('8BITMIME', 'REQUIRETLS') } },
};
/** Offers it where it does not count. */
const withoutTls: Behaviour = { ehlo: { do: 'reply', text: says('REQUIRETLS') } };
const liar: Behaviour = {
  ehlo: { do: 'reply', text: says('STARTTLS', 'REQUIRETLS') },
  secured: { ehlo: { do: 'reply', text: says('8BITMIME') } },
};

/** Named for what each peer has. */
export const world: World = {
  domains: {
    'dane.example': {
      dnssec: 'secure',
      mx: [{ tlsa: ['match'], certificate: 'self-signed', behaviour: offering }],
    },
    'dane-bare.example': { dnssec: 'secure', mx: [{ tlsa: ['match'], certificate: 'self-signed' }] },
    'dane-wrong.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'], behaviour: offering }] },
    'dane-unknown.example': {
      dnssec: 'secure',
      mx: [{ tlsa: ['match'], behaviour: offering, lookups: { TLSA: 'servfail' } }],
    },
    'signed.example': { dnssec: 'secure', mx: [{ behaviour: offering }] },
    'signed-bare.example': { dnssec: 'secure' },
    'signed-selfmade.example': {
      dnssec: 'secure',
      mx: [{ certificate: 'self-signed', behaviour: offering }],
    },
    'sts.example': { mx: [{ behaviour: offering }], sts: { policy: { mode: 'enforce' } } },
    'sts-testing.example': { mx: [{ behaviour: offering }], sts: { policy: { mode: 'testing' } } },
    'sts-bare.example': { sts: { policy: { mode: 'enforce' } } },
    'sts-other.example': {
      mx: [{ behaviour: offering }],
      sts: { policy: { mode: 'testing', mx: ['elsewhere.example'] } },
    },
    'plain.example': { mx: [{ behaviour: offering }] },
    'plain-bare.example': {},
    'plain-selfmade.example': { mx: [{ certificate: 'self-signed' }] },
    'notls.example': { dnssec: 'secure', mx: [{ behaviour: { ...withoutTls, starttlsOffer: 'withheld' } }] },
    'liar.example': { dnssec: 'secure', mx: [{ behaviour: liar }] },
    'broken.example': { dnssec: 'secure', mx: [{ behaviour: 'handshake-garbage' }] },
    'second.example': {
      dnssec: 'secure',
      mx: [
        { host: 'mx1.second.example', preference: 10 },
        { host: 'mx2.second.example', preference: 20, behaviour: offering },
      ],
    },
    'half.example': {
      dnssec: 'secure',
      mx: [
        { host: 'mx1.half.example', preference: 10 },
        {
          host: 'mx2.half.example',
          preference: 20,
          addresses: [{ address: '192.0.2.77', route: 'refused' }],
        },
      ],
    },
    'bogus.example': { dnssec: 'secure', mx: [{ behaviour: offering }], lookups: { MX: 'bogus' } },
    'alone.example': { dnssec: 'secure', implicit: { behaviour: offering } },
    'refusing.example': {
      dnssec: 'secure',
      mx: [{ behaviour: { ...offering, mail: { do: 'reply', text: '550 5.7.1 not you\r\n' } } }],
    },
    'later.example': {
      dnssec: 'secure',
      mx: [{ behaviour: [{ ...offering, mail: { do: 'reply', text: '451 4.3.0 later\r\n' } }, offering] }],
    },
    'mixed.example': {
      dnssec: 'secure',
      mx: [
        {
          behaviour: {
            ...offering,
            recipients: {
              slow: { do: 'reply', text: '450 4.2.1 later\r\n' },
              nobody: { do: 'reply', text: '550 5.1.1 nobody here\r\n' },
            },
          },
        },
      ],
    },
    // Where bounces go to.
    ...Object.fromEntries(
      [
        'auto',
        'opportunistic',
        'mandatory',
        'verify',
        'mandatory_dane',
        'mta_sts',
        'none',
        'soft_tls',
        'soft',
        'watch',
      ]
        .map((name) => name.replace('_', '-'))
        .map((name) => [
          `${name}.ours.example`,
          { dnssec: 'secure' as const, mx: [{ host: 'mx.ours.example', behaviour: offering }] },
        ]),
    ),
  },
};

const level = (name: string, more = ''): string => `[outbound]\nsecurity_level = ${name}\n${more}`;

const files: Readonly<Record<string, string>> = {
  'tls-peers.ini': '[inbound]\nrequiretls = true\n[evidence]\ntrack = true\n',
  ...Object.fromEntries(
    ['auto', 'opportunistic', 'mandatory', 'verify', 'mandatory_dane', 'mta_sts', 'none'].map((name) => [
      `tls-peers/${name.replace('_', '-')}.ours.example.ini`,
      level(name),
    ]),
  ),
  'tls-peers/soft-tls.ours.example.ini': level('auto', 'requiretls = opportunistic_tls\n'),
  'tls-peers/soft.ours.example.ini': level('auto', 'requiretls = opportunistic\n'),
  'tls-peers/watch.ours.example.ini': level('mandatory', 'enforcement = monitor\n'),
};

/** `+no`: with the header field "TLS-Required: No". */
export type Ask = '-' | 'required' | 'no' | 'required+no';

export interface Sent {
  readonly id: string;
  readonly sender: string;
  readonly heard: Heard;
}

export interface Station {
  readonly lab: Lab;
  send(message: {
    readonly as: string;
    readonly ask: Ask;
    readonly to: string | readonly string[];
    readonly sender?: string;
    /** At MAIL, whatever is asked for. */
    readonly parameters?: string;
    readonly header?: string;
    readonly tls?: boolean;
  }): Promise<Sent>;
  /** The MAIL commands that peers heard for `path`, each behind `TLS ` or `cleartext `. */
  mails(path: string): string[];
  stop(): Promise<void>;
}

export async function startStation(
  options: LabOptions = {},
  more: World = { domains: {} },
): Promise<Station> {
  const lab = await startLab(
    { ...more, domains: { ...world.domains, ...more.domains } },
    {
      plugins: ['tls', 'tls-peers'],
      ...options,
      config: { ...files, ...(await tlsConfig('mail.lab.example', 'TLSv1.2')), ...options.config },
    },
  );
  let count = 0;
  return {
    lab,
    send: async ({ as, ask, to, header = '', tls = true, ...given }) => {
      const id = randomUUID();
      const sender = given.sender ?? `m${(count += 1)}@${as}.ours.example`;
      const heard = await hand({
        port: lab.haraka.port,
        tls,
        from: sender,
        parameters: given.parameters ?? (ask.startsWith('required') ? ' REQUIRETLS' : ''),
        to: typeof to === 'string' ? [to] : to,
        data: `Lab-Message-Id: ${id}\r\n${ask.endsWith('no') ? 'TLS-Required: no\r\n' : ''}${header}Subject: hello\r\n\r\nThe body of ${id}.\r\n`,
      });
      return { id, sender, heard };
    },
    mails: (path) =>
      lab.peers.flatMap(({ connections }) =>
        connections.flatMap(({ cleartext, encrypted }) => [
          ...mailsIn(cleartext, path, 'cleartext'),
          ...mailsIn(encrypted, path, 'TLS'),
        ]),
      ),
    stop: () => lab.stop(),
  };
}

function mailsIn(octets: string, path: string, channel: string): string[] {
  return octets
    .split('\r\n')
    .filter((line) => line.startsWith(`MAIL FROM:<${path}>`))
    .map((line) => `${channel} ${line}`);
}
