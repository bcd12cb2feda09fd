/**
 * The part of Haraka's outbound that this suite stands on: stable from 3.0.4 to 3.3.4. Everything here is either a type
 * for what Haraka hands us, or the check that it is really there.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ClientCertificate } from '../tls/options';
import type { EnvelopeAddress } from './address';

/** What a hook answers, from haraka-constants. */
export const hookAnswer = { cont: 900, deny: 902, denysoft: 903, ok: 906, delay: 908 } as const;

/** Routes of other plugins hold what those wrote; Haraka goes by what counts as true. */
export interface HarakaMx {
  /** A host name or an address; absent for a UNIX socket, empty for a null MX. */
  exchange?: string;
  /** Of a UNIX socket. */
  path?: string | null;
  priority?: number;
  /** A plugin may have written it as text. */
  port?: number | string;
  /** The host name, where `exchange` is the address that it resolved to; the domain that was asked for, behind an MX look-up. */
  from_dns?: string;
  using_lmtp?: unknown;
  /** What EHLO says. */
  bind_helo?: unknown;
  /** The address to connect from. */
  bind?: unknown;
  auth_user?: unknown;
  auth_pass?: unknown;
  auth_type?: unknown;
}

/** A reply for a DSN, shaped as haraka-dsn makes them. */
export interface Dsn {
  readonly code: number;
  readonly msg: string;
  readonly cls: number;
  readonly sub: number;
  readonly det: number;
}

/** An envelope address of Haraka's. */
interface Formatted {
  /** With angle brackets; `ascii` writes the domain as A-labels. */
  format(ascii?: boolean): string;
}

export interface Recipient {
  reason?: string;
  dsn_action?: string;
  dsn_status?: string;
  dsn_code?: unknown;
  dsn_msg?: unknown;
  dsn_remote_mta?: string;
  /** What the peer said last, for the DSN's diagnostic code. */
  dsn_smtp_code?: unknown;
  dsn_smtp_extc?: unknown;
  dsn_smtp_response?: unknown;
}

export interface Todo {
  readonly uuid?: string;
  readonly domain: string;
  readonly mail_from: EnvelopeAddress & Formatted;
  readonly rcpt_to: (Recipient & Formatted)[];
  readonly notes?: { readonly outbound_ip?: unknown; readonly outbound_helo?: unknown } & Readonly<
    Record<string, unknown>
  >;
}

/** Haraka's stream over a TCP socket, as `client_pool` hands it out. */
export interface PluggableSocket extends EventEmitter {
  readonly targetsocket: Socket;
  destroy(): void;
}

/** One message for one next-hop domain on its way out. */
export interface HMailItem {
  readonly todo: Todo;
  readonly filename: string;
  readonly notes: Record<string, unknown>;
  readonly num_failures: number;
  /** Octets of the queue file, and where the message begins in it. */
  readonly file_size?: number;
  readonly data_start?: number;
  /** How many deliveries still need the queue file. */
  refcount: number;
  mxlist: HarakaMx[];
  /** What `get_force_tls` said of the host at hand. */
  force_tls?: boolean;
  send_email_respond(retval: number, seconds: number): void;
  /** Runs the `send_email` hooks; Haraka's own is on the prototype. */
  _send?(): void;
  /** Runs the `get_mx` hooks. */
  get_mx(): void;
  /** The hook that runs now, null or absent while none does. */
  current_hook?: unknown;
  get_mx_respond(retval: number | undefined, mx: unknown): unknown;
  /** Finds addresses for the hosts of an answer to `get_mx`, and begins to try them. */
  found_mx(mxs: HarakaMx[]): unknown;
  get_force_tls(mx: HarakaMx): boolean;
  try_deliver(): unknown;
  try_deliver_host_on_socket(mx: HarakaMx, host: string, port: number, socket: PluggableSocket): void;
  /** The message, dot-stuffed, without the final dot. */
  data_stream(): Readable;
  temp_fail(err: string, extra?: unknown): unknown;
  bounce(err: string, extra?: unknown): unknown;
  delivered(
    ip: string,
    port: number,
    mode: 'SMTP' | 'LMTP',
    host: string,
    response: string,
    accepted: readonly Recipient[],
    deferred: readonly Recipient[],
    refused: readonly Recipient[],
    secured: boolean,
    authenticated: boolean,
  ): unknown;
  /** Lets go of the queue file; the last one removes it. */
  discard(): unknown;
  extend_rcpt_with_dsn(rcpt: Recipient, dsn: Dsn): void;
  /** Calls back with another message for `recipients`, or with this one if it has no others. */
  split_to_new_recipients(
    recipients: readonly Recipient[],
    response: string,
    take: (part: HMailItem) => void,
  ): void;
  logdebug(...args: unknown[]): void;
  logprotocol(...args: unknown[]): void;
  logdata(...args: unknown[]): void;
  loginfo(...args: unknown[]): void;
  lognotice(...args: unknown[]): void;
  logwarn(...args: unknown[]): void;
  logerror(...args: unknown[]): void;
}

/** `outbound/config`, which puts another `cfg` in place when outbound.ini changes. The one on a message is as old as that. */
export interface OutboundConfigModule {
  readonly cfg: {
    readonly enable_tls?: boolean;
    readonly local_mx_ok?: boolean;
    /** Deliveries at a time. */
    readonly concurrency_max?: number;
    /** Seconds. */
    readonly temp_fail_intervals: readonly number[];
  };
}

/** Haraka's outbound TLS configuration (`outbound/tls`), and its Redis memory of hosts whose TLS is broken. */
export interface OutboundTls {
  readonly cfg?: {
    readonly no_tls_hosts?: readonly string[];
    readonly ciphers?: string;
    readonly minVersion?: string;
    readonly redis?: { readonly disable_for_failed_hosts?: boolean };
  };
  check_tls_nogo(host: string, free: () => void, broken: (since: unknown) => void): void;
  mark_tls_nogo(host: string, callback: () => void): void;
}

export interface OutboundTlsModule extends OutboundTls {
  /** Reads tls.ini: sets `cfg`. */
  load_config(): void;
  /** As `load_config`, and connects to Redis where tls.ini wants it; calls back once that is done. */
  init(callback: () => void): void;
}

/** Haraka's `logger`. */
export interface LoggerModule {
  /** What is above it is not written. */
  readonly loglevel?: number;
}

const logLevels = { debug: 7, protocol: 8 } as const;

/** Whether Haraka writes lines of this level. One that does not tell is taken for one that does. */
export function isWritten({ loglevel }: LoggerModule, level: keyof typeof logLevels): boolean {
  return (loglevel ?? Number.POSITIVE_INFINITY) >= logLevels[level];
}

/** The delivery's methods that the guard overrides or calls. */
const seam = [
  'get_mx_respond',
  'found_mx',
  'get_force_tls',
  'try_deliver',
  'try_deliver_host_on_socket',
  'temp_fail',
  'bounce',
  'extend_rcpt_with_dsn',
  'split_to_new_recipients',
  'data_stream',
  'delivered',
  'discard',
  'send_email_respond',
  '_send',
  'bounce_respond',
  'populate_bounce_message',
  'double_bounce',
  'get_mx',
] as const;

/**
 * Refuses a Haraka whose delivery cannot be guarded.
 *
 * @param hmailClass what `outbound/hmail` exports
 * @throws Error that names what is missing
 */
export function assertSeam(hmailClass: unknown): void {
  const prototype: unknown =
    typeof hmailClass === 'function' ? (hmailClass as { prototype: unknown }).prototype : undefined;
  const missing = seam.filter(
    (name) =>
      typeof prototype !== 'object' ||
      prototype === null ||
      typeof (prototype as Record<string, unknown>)[name] !== 'function',
  );
  if (missing.length > 0) {
    throw new Error(
      `tls-peers cannot guard deliveries in this Haraka: outbound/hmail lacks ${missing.join(', ')}. ` +
        'Haraka 3.0.4 to 3.3 is supported; upgrade Haraka, or remove tls-peers from config/plugins.',
    );
  }
}

/** What `tls_socket` knows of client certificates: tls.ini's `mutual_tls` and `mutual_auth_hosts`. */
export interface TlsSocketModule {
  readonly tls_valid?: boolean;
  readonly cfg?: {
    readonly main?: { readonly mutual_tls?: boolean };
    readonly mutual_auth_hosts?: Record<string, string | undefined>;
    readonly mutual_auth_hosts_exclude?: Record<string, unknown>;
  };
  readonly certsByHost?: Record<string, { readonly key?: unknown; readonly cert?: unknown } | undefined>;
}

/** The certificate that Haraka would present to `host` (the address connected to), chosen as `tls_socket` chooses it. */
export function mutualCertificate(module: TlsSocketModule, host: string): ClientCertificate | 'none' {
  const { cfg, certsByHost } = module;
  if (module.tls_valid !== true || cfg === undefined || certsByHost === undefined) return 'none';
  const named = cfg.mutual_auth_hosts?.[host];
  if (named === undefined || named === '') {
    if (cfg.mutual_auth_hosts_exclude?.[host] !== undefined) return 'none';
    if (cfg.main?.mutual_tls !== true) return 'none';
  }
  const entry = certsByHost[named === undefined || named === '' ? host : named] ?? certsByHost['*'];
  if (entry?.key === undefined || entry.cert === undefined) return 'none';
  return { key: entry.key, cert: entry.cert } as ClientCertificate;
}
