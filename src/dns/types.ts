/** What the resolver answers, and the facts about a destination that decisions are made from. Plain data. */
import type { TlsaRecord } from '../dane/types';

/** Where MX hosts listen. */
export const smtpPort = 25;

/** Why a question has no answer. `bogus` is a SERVFAIL that the resolver explained as failed validation (RFC 8914). */
export type LookupFailure =
  | 'timeout'
  | 'network'
  | 'servfail'
  | 'bogus'
  | 'refused'
  | 'malformed'
  | 'alias_loop'
  | 'cancelled'
  | 'no_resolver';

export interface FailedLookup {
  readonly kind: 'failed';
  readonly cause: LookupFailure;
  /** One line for the log: the question, the resolver, what happened. */
  readonly detail: string;
}

/** One answer. `secure`: DNSSEC-validated, and the path to the resolver is trusted. `ttl`: the seconds for which it counts, from when it came. */
export type Answer<T> =
  | {
      readonly kind: 'records';
      readonly secure: boolean;
      /** Never empty. */
      readonly records: readonly T[];
      /** The end of the CNAME chain; the name asked for where there is none. */
      readonly canonicalName: string;
      readonly ttl: number;
    }
  | {
      readonly kind: 'denied';
      readonly secure: boolean;
      readonly denial: 'nodata' | 'nxdomain';
      readonly canonicalName: string;
      readonly ttl: number;
    }
  | FailedLookup;

export interface MxRecord {
  readonly preference: number;
  /**
   * Canonical form; empty for the root of a null MX (RFC 7505). What no host can be called stays as it was written, octets that
   * are no text as `\DDD`: it exists nowhere.
   */
  readonly exchange: string;
}

/** The address records of one MX host. */
export type AddressFacts =
  | {
      readonly kind: 'found';
      /**
       * `secure_alias`: the addresses are insecure, but the host name is an alias whose own CNAME is secure, so that
       * TLSA records at the original name still count (RFC 7672 section 2.2.2).
       */
      readonly security: 'secure' | 'insecure' | 'secure_alias';
      /** IPv6 and IPv4 in the order in which they are to be tried. Never empty. */
      readonly addresses: readonly string[];
      readonly canonicalName: string;
    }
  | { readonly kind: 'none' }
  /** No address is known and a lookup failed. */
  | FailedLookup;

/** The TLSA records of one host at the port that is connected to. */
export type TlsaFacts =
  | { readonly kind: 'not_asked' }
  /** Denied, or insecure: DANE does not apply to this host. */
  | { readonly kind: 'absent' }
  /** A secure TLSA RRset, usable or not. */
  | {
      readonly kind: 'present';
      /** The TLSA base domain at which it was found (RFC 7672 section 2.2.3). */
      readonly baseDomain: string;
      readonly records: readonly TlsaRecord[];
    }
  | FailedLookup;

export interface MxHostFacts {
  /** The MX host name as the MX record names it, in canonical form. */
  readonly host: string;
  readonly preference: number;
  readonly addresses: AddressFacts;
  readonly tlsa: TlsaFacts;
}

/** One host to which somebody's routing sends mail. */
export interface RoutedHostFacts {
  /** A name in canonical form, or an address. */
  readonly host: string;
  readonly preference: number;
  /** TLSA records belong to one port (RFC 7672 section 2.2.3). */
  readonly port: number;
  /**
   * What DNS says of its addresses, where that decides whether DANE applies. Connected to are those that the routing has; they may be
   * known to nobody else (a hosts file, another view of DNS).
   */
  readonly addresses: AddressFacts | { readonly kind: 'not_asked' };
  readonly tlsa: TlsaFacts;
}

/** Where mail for a next-hop domain goes, and what DNS vouches for. */
export type Destination =
  | {
      readonly kind: 'mx';
      readonly domain: string;
      readonly secure: boolean;
      /** The CNAME expansion of the next-hop domain; the domain itself where it is no alias. */
      readonly canonicalName: string;
      /** By preference, equal preferences in random order. Never empty. */
      readonly hosts: readonly MxHostFacts[];
    }
  /** No MX RRset: the domain itself is the host (RFC 5321 section 5.1). */
  | { readonly kind: 'implicit'; readonly domain: string; readonly host: MxHostFacts }
  /** Hosts that the operator's routing named; they count as a secure MX RRset. */
  | { readonly kind: 'route'; readonly domain: string; readonly hosts: readonly RoutedHostFacts[] }
  /** Hosts that a plugin answered with, and that count as MX hosts of the domain. */
  | {
      readonly kind: 'answered';
      readonly domain: string;
      readonly secure: boolean;
      /** As of `mx`. */
      readonly canonicalName: string;
      readonly hosts: readonly RoutedHostFacts[];
    }
  /** An address instead of a domain: no DANE, no MTA-STS. */
  | { readonly kind: 'literal'; readonly domain: string; readonly address: string }
  | { readonly kind: 'null_mx'; readonly domain: string }
  | { readonly kind: 'no_such_domain'; readonly domain: string }
  | { readonly kind: 'lookup_failed'; readonly domain: string; readonly failure: FailedLookup };
