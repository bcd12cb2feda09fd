/**
 * What one scenario of reuse says: a host and who sends to it under which rules, the messages in their order and what happens
 * between them, and the sessions that the host must have seen.
 */
import type { Lab } from '../../../haraka-test-harness/lab';
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { SmtpPeer } from '../../../haraka-test-harness/smtp_peer';
import type { DomainSpec, HostSpec, MxSpec } from '../../../haraka-test-harness/world';

/** The names of one scenario: no two scenarios of one lab share any. */
export interface Names {
  /** The MX host of both recipient domains. */
  readonly host: string;
  /** Its address. */
  readonly address: string;
  readonly recipients: Readonly<Record<RecipientName, string>>;
  readonly senders: Readonly<Record<SenderName, string>>;
}

export type SenderName = 'a' | 'b';
export type RecipientName = 'p' | 'q';

/** Keys of a rule: `[outbound]` of the sender's file. */
export type Rule = Readonly<Record<string, string>>;

/** Who sends to whom: `a` to `p` where nothing else is said. */
export type Way = SenderName | `${SenderName} ${RecipientName}`;

export interface Scenario {
  /** A fact. */
  readonly name: string;
  /** The Haraka that it runs in. */
  readonly haraka: HarakaName;
  /** Whether it belongs to the fast part that runs with the other tests. */
  readonly speed?: 'fast';
  readonly rules: { readonly a: Rule; readonly b?: Rule };
  readonly host?: HostSpec;
  /** What the recipient domains are, given their MX host; ordinary where absent. */
  readonly domains?: (mx: MxSpec, names: Names) => Readonly<Partial<Record<RecipientName, DomainSpec>>>;
  /** What a plugin answers to `get_mx` for mail of each sender. */
  readonly routes?: (names: Names) => Readonly<Partial<Record<SenderName, unknown>>>;
  /** The list of tls.ini that names the host. */
  readonly tlsIni?: 'no_tls_hosts';
  /** Further files below config/. */
  readonly files?: (names: Names) => Readonly<Record<string, string>>;
  /**
   * Messages are numbered in order, from 0. The first one is there so that the others find the host in use: it ends its session,
   * which is not listed below.
   */
  readonly steps: readonly Step[];
  /** In the order in which they were opened; see `words.ts`. `any`: the steps look for themselves. */
  readonly sessions: readonly string[] | 'any';
  /** Of messages that are not just delivered, by number. */
  readonly outcomes?: Readonly<Record<number, Expected>>;
  /** Rules that let a message go in cleartext; `nobody` where absent: then the host may read none of it outside TLS. */
  readonly cleartext?: 'allowed';
}

/** What a function returns is waited for. */
export type Step = Way | ((stage: Stage) => unknown);

/** `deferred connection-failed`: the status, and the reasons of the hosts that failed. */
export type Expected = `${Outcome['status']}${'' | ` ${string}`}`;

/** What a step has at hand. */
export interface Stage {
  readonly lab: Lab;
  readonly names: Names;
  readonly host: SmtpPeer;
  /** What the host saw so far, in words, without the session of message 0. */
  sessions(): readonly string[];
  /** Hands a message to Haraka, and goes on at once. */
  send(way: Way, recipients?: readonly string[]): Promise<void>;
  /** As a step that is a `Way`: goes on once Haraka knows what became of it. */
  deliver(way: Way, recipients?: readonly string[]): Promise<Outcome>;
  /** What became of every message so far. */
  outcomes(): Promise<readonly Outcome[]>;
  /** Puts another rule in place, and goes on once it holds. */
  rewrite(sender: SenderName, rule: Rule): Promise<void>;
}

/** A Haraka that scenarios share, and how they are played in it. */
export interface HarakaKind {
  readonly order: 'at_once' | 'in_turn';
  /** Keys of `[delivery]`. */
  readonly delivery: Readonly<Record<string, string>>;
  /** Keys of outbound.ini. */
  readonly outbound?: Readonly<Record<string, string>>;
  readonly workers?: number;
  /** In place of the lab's own. */
  readonly smtpIni?: string;
}

/** Longer than any scenario lasts. */
const forEver = { session_idle: '120' };

export const harakas = {
  patient: { order: 'at_once', delivery: forEver },
  /** For settings that change, which concerns every session. */
  changing: { order: 'in_turn', delivery: forEver },
  hasty: { order: 'in_turn', delivery: { session_idle: '3', session_messages: '3' } },
  aging: { order: 'in_turn', delivery: { ...forEver, session_age: '4', idle_sessions: '1' } },
  /** Few connections, and few deliveries at a time. */
  narrow: {
    order: 'in_turn',
    delivery: { ...forEver, connections_per_host: '1' },
    outbound: { concurrency_max: '12' },
  },
  wide: {
    order: 'in_turn',
    delivery: { ...forEver, connections_per_host: '3' },
    outbound: { concurrency_max: '12' },
  },
  off: { order: 'at_once', delivery: { ...forEver, reuse_connections: 'false' } },
  workers: { order: 'in_turn', delivery: forEver, workers: 2 },
  restarted: { order: 'in_turn', delivery: forEver },
  graceful: {
    order: 'in_turn',
    delivery: forEver,
    smtpIni: 'listen=127.0.0.1:0\nnodes=0\ngraceful_shutdown=true\nforce_shutdown_timeout=1\n',
  },
} as const satisfies Record<string, HarakaKind>;

export type HarakaName = keyof typeof harakas;
