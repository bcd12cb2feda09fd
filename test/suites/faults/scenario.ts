/** What one fault scenario says: how the peers of one domain behave, the rule, and what must come of one message. */
import type { DomainSpec, HostSpec } from '../../../haraka-test-harness/world';

/** The most revealing thing that peers may see outside TLS, from least to most. */
export const sights = ['nothing', 'EHLO', 'STARTTLS', 'credentials', 'envelope', 'message'] as const;
export type Sight = (typeof sights)[number];

export interface Expected {
  readonly outcome: 'delivered' | 'deferred' | 'bounced';
  /** Reasons of the hosts that failed, in order, then those only recorded; joined by spaces. */
  readonly reasons: string;
  /** The enhanced status of every recipient; empty where delivered. */
  readonly status: string;
  /** Outside TLS, over all connections. */
  readonly seen: Sight;
  readonly connections: number;
}

/** One kind of Haraka that scenarios share: its plugins and its own files. */
export type SurroundingsName =
  | 'plain'
  | 'routed'
  | 'routed_memory'
  | 'smtp_forward'
  | 'relay'
  | 'forced'
  | 'exempt'
  | 'no_tls'
  | 'mutual'
  | 'mutual_strict'
  | 'bad_ciphers';

/** A host that a route may name. */
export interface Target {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** A UNIX socket that leads to the same host. */
  readonly socket: string;
}

export interface Scenario {
  /** The recipient domain; unique. */
  readonly peer: string;
  readonly behaviour: string;
  /** What stands for the level in the table. */
  readonly level: string;
  /** Where the rule, or Haraka's own settings beside it, forbid cleartext. */
  readonly cleartext: 'allowed' | 'forbidden';
  readonly surroundings: SurroundingsName;
  /** The keys of the peer's section. */
  readonly settings: Readonly<Record<string, string>>;
  readonly domain: DomainSpec;
  /** What a plugin answers at `get_mx`, given the hosts of the domain. */
  readonly route?: (targets: readonly Target[]) => unknown;
  readonly expected: Expected;
  /** Whether it belongs to the fast part that runs with the other tests. */
  readonly speed: 'fast' | 'slow';
}

/** One way of setting a rule for a domain, and what its DNS must hold for the rule to come to its strictest end. */
export interface Level {
  readonly name: string;
  readonly cleartext: 'allowed' | 'forbidden';
  readonly settings: Readonly<Record<string, string>>;
  domain(hosts: readonly HostSpec[]): DomainSpec;
}

const unsigned = (mx: readonly HostSpec[]): DomainSpec => ({ mx });
const signed = (mx: readonly HostSpec[]): DomainSpec => ({
  dnssec: 'secure',
  mx: mx.map((host) => ({ ...host, tlsa: ['match'] })),
});

export const levels = {
  none: { name: 'none', cleartext: 'allowed', settings: { security_level: 'none' }, domain: unsigned },
  opportunistic: {
    name: 'opportunistic',
    cleartext: 'allowed',
    settings: { security_level: 'opportunistic' },
    domain: unsigned,
  },
  noStartTls: {
    name: 'opportunistic, fallback no_starttls',
    cleartext: 'allowed',
    settings: { security_level: 'opportunistic', cleartext_fallback: 'no_starttls' },
    domain: unsigned,
  },
  never: {
    name: 'opportunistic, fallback never',
    cleartext: 'forbidden',
    settings: { security_level: 'opportunistic', cleartext_fallback: 'never' },
    domain: unsigned,
  },
  mandatory: {
    name: 'mandatory',
    cleartext: 'forbidden',
    settings: { security_level: 'mandatory' },
    domain: unsigned,
  },
  verify: {
    name: 'verify',
    cleartext: 'forbidden',
    settings: { security_level: 'verify' },
    domain: unsigned,
  },
  dane: {
    name: 'opportunistic_dane',
    cleartext: 'forbidden',
    settings: { security_level: 'opportunistic_dane' },
    domain: signed,
  },
  daneOnly: {
    name: 'mandatory_dane',
    cleartext: 'forbidden',
    settings: { security_level: 'mandatory_dane' },
    domain: signed,
  },
  sts: {
    name: 'mta_sts',
    cleartext: 'forbidden',
    settings: { security_level: 'mta_sts' },
    domain: (mx) => ({ mx, sts: {} }),
  },
} as const satisfies Record<string, Level>;

export type LevelName = keyof typeof levels;

// --- what may be expected, in words ------------------------------------------------------------------------------

/** Delivered through TLS, on the first connection. */
export const encrypted: Expected = {
  outcome: 'delivered',
  reasons: '',
  status: '',
  seen: 'STARTTLS',
  connections: 1,
};

/** Delivered in cleartext: at once, or on a second connection after `reason`. */
export function cleartext(reason = '', connections = reason === '' ? 1 : 2): Expected {
  return { outcome: 'delivered', reasons: reason, status: '', seen: 'message', connections };
}

/** Deferred without anything of the envelope being sent in cleartext. */
export function deferred(reasons: string, status: string, seen: Sight, connections = 1): Expected {
  return { outcome: 'deferred', reasons, status, seen, connections };
}

export function bounced(status: string, seen: Sight, reasons = '', connections = 1): Expected {
  return { outcome: 'bounced', reasons, status, seen, connections };
}

export const noStartTls = (seen: Sight = 'EHLO'): Expected =>
  deferred('starttls-not-supported', '4.7.4', seen);
export const handshakeFailed = deferred('tls-handshake-failed', '4.7.5', 'STARTTLS');
export const versionTooLow = deferred('tls-version-too-low', '4.7.4', 'STARTTLS');
/** The connection broke, or the peer cannot be spoken with. */
export const lost = (seen: Sight): Expected => deferred('connection-failed', '4.4.1', seen);
