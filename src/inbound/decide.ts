/** Holds one recipient of an incoming message to its rule. Pure. */
import { enhancedStatus, type Failure } from '../failure';
import type { InboundRule } from '../peers/rule';
import { minimumVersion } from '../policy/minimum_version';
import { printable } from '../text';
import { compareVersions, tlsVersion, type TlsVersion } from '../tls/version';
import type { FoundForClient } from './client_rule';

/** How the client's connection is protected when it names the recipient. */
export type Protection =
  /** `withheld`: the client asked what there is, and this server did not offer STARTTLS. */
  | { readonly kind: 'cleartext'; readonly startTls: 'available' | 'withheld' }
  /** TLS with a cipher that does not encrypt: it counts as none. */
  | { readonly kind: 'null_cipher'; readonly cipher: string }
  /** `protocol` as OpenSSL names it; empty where it is not known. */
  | { readonly kind: 'tls'; readonly protocol: string };

export interface SmtpReply {
  readonly code: number;
  /** RFC 3463. */
  readonly status: string;
  readonly text: string;
}

export type RecipientVerdict =
  /** `rule` is empty where none is meant for this client. */
  | { readonly kind: 'admitted'; readonly rule: string }
  /** `enforcement = monitor`: admitted although the rule is not met. */
  | { readonly kind: 'recorded'; readonly rule: string; readonly failure: Failure }
  | {
      readonly kind: 'refused';
      readonly rule: string;
      readonly failure: Failure;
      readonly reply: SmtpReply;
    };

export function judgeRecipient(found: FoundForClient, seen: Protection): RecipientVerdict {
  switch (found.kind) {
    case 'none':
      return { kind: 'admitted', rule: '' };
    case 'invalid':
      return refusedForNow(found.failure);
    case 'rule':
      return hold(found.rule, seen);
  }
}

/** For a recipient whose rule could not be found out: kept out for now, never let in under a weaker one. */
export function refusedForNow(failure: Failure): RecipientVerdict {
  const text = 'This server cannot tell which rules apply to the recipient. Try again later';
  return {
    kind: 'refused',
    rule: '',
    failure,
    reply: { code: 451, status: enhancedStatus(failure.reason), text },
  };
}

function hold(rule: InboundRule, seen: Protection): RecipientVerdict {
  const failure = violation(rule, seen);
  if (failure === undefined) return { kind: 'admitted', rule: rule.name };
  if (rule.enforcement === 'monitor') return { kind: 'recorded', rule: rule.name, failure };
  return { kind: 'refused', rule: rule.name, failure, reply: refusal(rule, failure, seen) };
}

/** `undefined` where the rule is met. */
function violation(rule: InboundRule, seen: Protection): Failure | undefined {
  if (seen.kind !== 'tls') {
    if (rule.level !== 'mandatory') return undefined;
    return { reason: 'starttls-not-supported', text: wantingText(seen) };
  }
  const wanted = minimumVersion(rule.minTlsVersion, 'none');
  // Without a minimum, a protocol that cannot be told is as good as any other.
  if (rule.minTlsVersion === 'none') return undefined;
  const version = tlsVersion(seen.protocol);
  if (version !== undefined && compareVersions(version, wanted) >= 0) return undefined;
  const used = version === undefined ? printable(seen.protocol, 20) || 'an unknown version' : spoken(version);
  return {
    reason: 'tls-version-too-low',
    text: `${spoken(wanted)} or later is required, this session uses ${used}`,
  };
}

function wantingText(seen: Exclude<Protection, { kind: 'tls' }>): string {
  return seen.kind === 'cleartext'
    ? wanting[seen.startTls]
    : `Encryption is required for this recipient, and ${printable(seen.cipher, 40)} does not encrypt`;
}

const wanting = {
  available: 'Must issue a STARTTLS command first',
  withheld: 'STARTTLS is required for this recipient, and this server does not offer it at the moment',
} as const;

/**
 * RFC 3207 section 4 has 530 5.7.0 for a client that has to begin TLS first. One that was not offered STARTTLS cannot, and
 * the fault is ours: it may come again.
 */
function refusal(rule: InboundRule, { reason, text }: Failure, seen: Protection): SmtpReply {
  const withheld = seen.kind === 'cleartext' && seen.startTls === 'withheld';
  if (rule.actionOnFailure === 'defer' || withheld) return { code: 450, status: '4.7.0', text };
  return reason === 'starttls-not-supported'
    ? { code: 530, status: '5.7.0', text }
    : { code: 550, status: enhancedStatus(reason, true), text };
}

const names = {
  TLSv1: 'TLS 1.0',
  'TLSv1.1': 'TLS 1.1',
  'TLSv1.2': 'TLS 1.2',
  'TLSv1.3': 'TLS 1.3',
} as const satisfies Record<TlsVersion, string>;

function spoken(version: TlsVersion): string {
  return names[version];
}
