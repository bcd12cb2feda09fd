/**
 * What is known of one message to or from a peer: one cell of the joint distribution that the record counts. Pure.
 *
 * Everything stands in one cell, because what a changed rule would have done depends on all of it together. `unknown` is
 * a value of its own: nothing looked, or nothing could tell. No field holds an address, a host or a text of the peer's.
 */
import { failureStatus, type FailureReason } from '../failure';
import { securityLevels, type SecurityLevel } from '../peers/rule';
import type { TlsVersion } from '../tls/version';

/** Outbound the first three, of one attempt; inbound the last two. */
export type SeenOutcome = 'delivered' | 'deferred' | 'bounced' | 'accepted' | 'refused';

/** What became of STARTTLS on the last connection. */
export type SeenStartTls =
  /** A handshake was done, whatever it was worth. */
  | 'used'
  /** The other side offers none, or uses none. */
  | 'not_offered'
  /** The handshake failed, for what may well be other under other terms. */
  | 'failed'
  /** It was not wanted: the level is `none`, or `no_tls_hosts` says so. */
  | 'not_tried'
  /** The peer speaks only versions that are older than the handshake asked for. */
  | 'too_old'
  /** The peer answers STARTTLS with a refusal, or breaks off without a word of TLS: no terms have a part in that. */
  | 'broken'
  | 'unknown';

/** What the TLSA records of the host said of its certificate, where DNSSEC vouches for them. */
export type SeenTlsa =
  /** DANE does not apply to the host: there are none, or its address is insecure. */
  'none' | 'pass' | 'fail' | 'unusable' | 'lookup_failed' | 'unknown';

/** The domain's MTA-STS policy, and whether it names the host. */
export type SeenPolicy =
  | 'none'
  | 'mode_none'
  | 'testing'
  | 'testing_not_named'
  | 'enforce'
  | 'enforce_not_named'
  /** One may be in force, and nobody can tell. */
  | 'not_known'
  /** Nobody asked. */
  | 'unknown';

/** Why it did not go, or was not let in: a reason of ours, or none of ours. */
export type SeenReason =
  | FailureReason
  | 'none'
  /** No connection, or it broke. */
  | 'connection-failed'
  /** The other side said no. */
  | 'reply'
  /** The domain takes no mail, or there is none. */
  | 'undeliverable';

export interface Sighting {
  readonly outcome: SeenOutcome;
  /** Whether the message had been tried before. */
  readonly attempt: 'first' | 'again';
  /** Of the rule in force. */
  readonly level: SecurityLevel | 'unknown';
  readonly enforcement: 'enforce' | 'monitor';
  readonly tls: TlsVersion | 'none' | 'unknown';
  readonly startTls: SeenStartTls;
  readonly group: 'none' | 'post_quantum' | 'classic' | 'weak' | 'unknown';
  /** How the peer was authenticated. */
  readonly verified: 'none' | 'unauthenticated' | 'pkix' | 'dane' | 'dane+pkix' | 'fingerprint' | 'unknown';
  /** The lowest version that the handshake asked for. */
  readonly minimum: TlsVersion | 'unknown';
  /** OpenSSL's security level of the handshake. */
  readonly strength: 0 | 1 | 2 | 'unknown';
  /** Whether the certificate would pass PKIX for the name of its MX host; `pass_added`: with roots that the rule adds. */
  readonly pkix: 'pass' | 'pass_added' | 'unknown' | FailureReason;
  /** How far DNSSEC vouches for the MX records; `route`: the operator wrote where the mail goes. */
  readonly mx: 'secure' | 'insecure' | 'literal' | 'route' | 'unknown';
  readonly tlsa: SeenTlsa;
  readonly policy: SeenPolicy;
  /**
   * Whether the peer has hosts beside the one that this is about: what another one would have done is not in here. `before`: of
   * those, some were tried before it, and failed.
   */
  readonly otherHosts: 'none' | 'some' | 'before';
  readonly reason: SeenReason;
  /**
   * For which other names of `match` the certificate is good, where PKIX vouches for its chain: the next-hop domain, or one below
   * it.
   */
  readonly named: 'neither' | 'nexthop' | 'dot_nexthop' | 'both' | 'unknown';
  /** What the sender asked for (RFC 8689): nothing, REQUIRETLS, or by "TLS-Required: No". */
  readonly requireTls: 'unasked' | 'required' | 'no';
}

/** What nobody looked at. */
export const unseen = {
  attempt: 'first',
  enforcement: 'enforce',
  tls: 'unknown',
  startTls: 'unknown',
  group: 'unknown',
  verified: 'unknown',
  minimum: 'unknown',
  strength: 'unknown',
  pkix: 'unknown',
  mx: 'unknown',
  tlsa: 'unknown',
  policy: 'unknown',
  otherHosts: 'none',
  reason: 'none',
  named: 'unknown',
  requireTls: 'unasked',
} as const satisfies Omit<Sighting, 'outcome' | 'level'>;

/** The same message, had nobody asked for anything: what a sender asks for says nothing of rules, nor of the peer. */
export function unasked(seen: Sighting): Sighting {
  return { ...seen, requireTls: 'unasked' };
}

/** What messages can be counted by whose sender asked for something. `failed`: the attempt ended otherwise than in a delivery. */
export const askedCounts = ['required', 'no', 'failed'] as const;

/** @returns `undefined` where nothing was asked for */
export function askedCount({ requireTls, outcome }: Sighting): (typeof askedCounts)[number] | undefined {
  if (requireTls === 'unasked') return undefined;
  return outcome === 'delivered' || outcome === 'accepted' ? requireTls : 'failed';
}

const reasons = Object.keys(failureStatus) as FailureReason[];
const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/**
 * The values of each field in the order of their letters, which is part of the format: fields, and values of a field, are
 * only ever added at the end. A reason that `failureStatus` gains comes last there.
 */
const fields = {
  outcome: ['delivered', 'deferred', 'bounced', 'accepted', 'refused'],
  attempt: ['first', 'again'],
  level: ['unknown', ...securityLevels],
  enforcement: ['enforce', 'monitor'],
  tls: ['unknown', 'none', ...versions],
  startTls: ['unknown', 'used', 'not_offered', 'failed', 'not_tried', 'too_old', 'broken'],
  group: ['unknown', 'none', 'post_quantum', 'classic', 'weak'],
  verified: ['unknown', 'none', 'unauthenticated', 'pkix', 'dane', 'dane+pkix', 'fingerprint'],
  minimum: ['unknown', ...versions],
  strength: ['unknown', 0, 1, 2],
  pkix: ['unknown', 'pass', 'pass_added', ...reasons],
  mx: ['unknown', 'secure', 'insecure', 'literal', 'route'],
  tlsa: ['unknown', 'none', 'pass', 'fail', 'unusable', 'lookup_failed'],
  policy: [
    'unknown',
    'none',
    'mode_none',
    'testing',
    'testing_not_named',
    'enforce',
    'enforce_not_named',
    'not_known',
  ],
  otherHosts: ['none', 'some', 'before'],
  reason: ['none', 'connection-failed', 'reply', 'undeliverable', ...reasons],
  named: ['unknown', 'neither', 'nexthop', 'dot_nexthop', 'both'],
  requireTls: ['unasked', 'required', 'no'],
} as const satisfies { readonly [Field in keyof Sighting]: readonly Sighting[Field][] };

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const names = Object.keys(fields) as (keyof Sighting)[];

/** One letter for each field; the last is left out where nothing was asked, so that an earlier release reads it as well. */
export function sightingText(sighting: Sighting): string {
  let text = '';
  for (const name of names)
    text += letters[(fields[name] as readonly unknown[]).indexOf(sighting[name])] ?? 'a';
  return sighting.requireTls === 'unasked' ? text.slice(0, -1) : text;
}

/** Fields of the first version: what was added since is unknown in what that wrote. */
const leastFields = 16;

/** @returns `undefined` where `text` is none that this version, or one before it, writes */
export function parseSighting(text: string): Sighting | undefined {
  if (text.length < leastFields || text.length > names.length) return undefined;
  const entries: [string, unknown][] = [];
  for (const [at, name] of names.entries()) {
    const values: readonly unknown[] = fields[name];
    const value = values[letters.indexOf(text[at] ?? 'a')];
    if (value === undefined) return undefined;
    entries.push([name, value]);
  }
  return Object.fromEntries(entries) as unknown as Sighting;
}
