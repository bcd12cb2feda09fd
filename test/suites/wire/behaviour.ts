/** One behaviour of a peer: what the hosts of one domain do, the message, and what must come of it. */
import type { Peer } from './peer';
import type { Script } from './script';

/** The three that each behaviour is run through. */
export const columns = ['stock', 'opportunistic', 'mandatory'] as const;
export type Column = (typeof columns)[number];
/** Those with the suite. */
export type Ours = Exclude<Column, 'stock'>;

/**
 * What came of one message, each part in one line of text, so that two can be compared part by part. Recipients are named by
 * their local parts; where all of them share a value it stands alone, and where there are many they are counted.
 */
export interface Seen {
  /** As `outcome`, by local part. */
  readonly outcomes: Readonly<Record<string, string>>;
  /** `delivered`, `deferred 4.4.1`, `bounced 5.1.1`; `lost` without any outcome; `hangs` where none came in time. `-`: no status. */
  readonly outcome: string;
  /** Whole copies that were transferred to hosts, per recipient. */
  readonly copies: string;
  /** `exact` where each copy holds the message octet for octet; `-` where there is none. */
  readonly message: string;
  /** Parameters of MAIL with which copies were transferred; `-`: none. */
  readonly mail: string;
  /** Recipients that wait in the queue. */
  readonly waiting: string;
  /** Recipients with the status in the DSN that the sender got. */
  readonly bounces: string;
  /** Hosts in the order in which they were first connected to, with the number of connections where it is not one. */
  readonly hosts: string;
  /** Whether copies were transferred within TLS. */
  readonly protection: string;
  /** `survived`, `died`, `stood still`, `grew`. */
  readonly process: string;
  /** Control characters of a peer in what Haraka logged. */
  readonly log: string;
  /** The most revealing thing that hosts saw outside TLS. Not compared with stock, where nothing is forbidden. */
  readonly outside: 'nothing' | 'EHLO' | 'STARTTLS' | 'credentials' | 'envelope' | 'message';
}

export const parts = [
  'outcome',
  'copies',
  'message',
  'mail',
  'waiting',
  'bounces',
  'hosts',
  'protection',
  'process',
  'log',
] as const satisfies readonly Exclude<keyof Seen, 'outside' | 'outcomes'>[];
export type Part = (typeof parts)[number];

/** What is expected of the suite; `waiting`, `bounces` and the rest follow from the outcome where they are not told. */
export interface Expected {
  /** As in `Seen`; `safe` where it may be anything but a loss; `?` in place of a status: any of the class that the outcome needs, or none. By local part where they differ. */
  readonly outcome: string | Readonly<Record<string, string>>;
  readonly copies?: string;
  readonly hosts?: string;
  readonly protection?: string;
  /** A regular expression for the parameters of MAIL. */
  readonly mail?: RegExp;
}

/** Where a host of the domain can be found. */
export interface Target {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly socket: string;
}

export interface RealServer {
  /** What it delivered to that domain stands for what was transferred. */
  peerOf(domain: string): Peer;
}

export interface Behaviour {
  /** Unique; says what the peer does. */
  readonly name: string;
  /** `mx1`, `mx2`, ... in the order of their preference; or a server that somebody else wrote. */
  readonly hosts: readonly Script[] | RealServer;
  /** Local parts. */
  readonly recipients: readonly string[];
  /** Local part of the sender; empty for the null sender. */
  readonly sender: string;
  /** Headers and body with CRLF line ends. */
  readonly message: string;
  /** What a plugin answers at `get_mx`; the MX RRset where it is `dns`. */
  readonly route: 'dns' | ((targets: readonly Target[]) => unknown);
  readonly expected: Readonly<Record<Ours, Expected>>;
  /** `alone`: in a process of its own, because a whole process may fall. */
  readonly company: 'shared' | 'alone';
  /** Milliseconds until what has no outcome hangs. */
  readonly patienceMs: number;
}

export interface Wish {
  readonly recipients?: readonly string[];
  readonly sender?: string;
  readonly message?: string;
  readonly route?: Behaviour['route'];
  readonly company?: Behaviour['company'];
  readonly patienceMs?: number;
  /** Where the outcome at `mandatory` is another. */
  readonly mandatory?: Expected;
}

/** With the fields that Haraka would add. */
const header = [
  'From: <sender@wire.example>',
  'Subject: a behaviour',
  'Date: Mon, 01 Jun 2026 12:00:00 +0000',
  'Message-ID: <behaviour@wire.example>',
].map((line) => `${line}\r\n`);
export const withBody = (body: string): string => `${header.join('')}\r\n${body}`;
export const plainMessage = withBody('The body.\r\n');

export function behaviour(
  name: string,
  hosts: Script | readonly Script[] | RealServer,
  expected: Expected,
  wish: Wish = {},
): Behaviour {
  return {
    name,
    hosts: isList(hosts) || isReal(hosts) ? hosts : [hosts],
    recipients: wish.recipients ?? ['a'],
    sender: wish.sender ?? 'sender',
    message: wish.message ?? plainMessage,
    route: wish.route ?? 'dns',
    expected: { opportunistic: expected, mandatory: wish.mandatory ?? expected },
    company: wish.company ?? 'shared',
    patienceMs: wish.patienceMs ?? 30_000,
  };
}

function isList(hosts: Script | readonly Script[] | RealServer): hosts is readonly Script[] {
  return Array.isArray(hosts);
}

export function isReal(hosts: Script | readonly Script[] | RealServer): hosts is RealServer {
  return 'peerOf' in hosts;
}

// --- expectations in words --------------------------------------------------------------------------------------------

export const delivered: Expected = { outcome: 'delivered' };
export const inCleartext: Expected = { outcome: 'delivered', protection: 'cleartext' };
/** The first host failed, and the second one took it. */
export const bySecondHost: Expected = { outcome: 'delivered', hosts: 'mx1 mx2' };
export const deferred = (status = '?', hosts = 'mx1'): Expected => ({ outcome: `deferred ${status}`, hosts });
export const bounced = (status = '?', hosts = 'mx1'): Expected => ({ outcome: `bounced ${status}`, hosts });
export const each = (
  outcome: Readonly<Record<string, string>>,
  more: Omit<Expected, 'outcome'> = {},
): Expected => ({
  outcome,
  ...more,
});
/** The connection broke, or the peer cannot be spoken with. */
export const lostConnection = deferred('4.4.1');
/** A level that forbids cleartext meets a peer without STARTTLS. */
export const noStartTls = deferred('4.7.4');
