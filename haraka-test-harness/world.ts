/**
 * A world is the outside that a mail server meets, as plain data: peer domains with their DNS, their MX hosts with
 * certificates and behaviours, and their MTA-STS policies. What is left out is ordinary: one MX host that offers TLS 1.2
 * and 1.3 with a trusted certificate for its name, in a zone without DNSSEC, and no policy.
 */
import type { Behaviour, BehaviourName } from './behaviours';
import type { MiddleboxSpec } from './middlebox';
import type { KeyType } from './pki';
import type { PolicyBehaviour } from './policy_host';

/** Whether a zone is signed and validates, as a validating resolver sees it. */
export type Validation = 'secure' | 'insecure';

/**
 * What becomes of one lookup. `secure` and `insecure` answer with the records there are; `bogus` is a SERVFAIL that
 * says that validation failed (RFC 8914 code 6); `timeout` is never answered.
 */
export type LookupFate = Validation | 'bogus' | 'servfail' | 'refused' | 'timeout' | 'nodata' | 'nxdomain';

export type RecordType = 'A' | 'AAAA' | 'MX' | 'TXT' | 'CNAME' | 'TLSA' | 'NS';

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/**
 * - `trusted`: issued by the lab's CA, which Haraka trusts, for the host's own name
 * - `self-signed`, `expired` (trusted CA), `wrong-name` (trusted CA), `untrusted` (a CA that nobody knows)
 * - `private-ca`: an unknown CA whose certificate the host sends along: what DANE-TA records speak of
 */
export type CertificateKind =
  'trusted' | 'self-signed' | 'expired' | 'not-yet-valid' | 'wrong-name' | 'untrusted' | 'private-ca';

export type CertificateSpec =
  | {
      readonly kind: CertificateKind;
      /** DNS names of the SAN; the host's own name where absent, `wrong.example` at `wrong-name`. */
      readonly names?: readonly string[];
      /** P-256 where absent. */
      readonly key?: KeyType;
    }
  /** A chain made elsewhere, leaf first. */
  | { readonly kind: 'given'; readonly chainPem: string; readonly keyPem: string };

/**
 * - `match`: 3 1 1 of the host's certificate; `match-ta`: 2 0 1 of its CA's certificate
 * - `mismatch`: 3 1 1 of another key; `unusable`: 1 0 1, which SMTP does not use
 * - `of`: computed from the certificate in this form; `data`: these octets, hex
 */
export type TlsaSpec =
  | 'match'
  | 'match-ta'
  | 'mismatch'
  | 'unusable'
  | {
      readonly usage: number;
      readonly selector: number;
      readonly matchingType: number;
      readonly of: 'leaf' | 'issuer' | 'another';
    }
  | {
      readonly usage: number;
      readonly selector: number;
      readonly matchingType: number;
      readonly data: string;
    };

/** An address, and what happens to a connection on its way there. */
export interface AddressSpec {
  /** Any IPv4 or IPv6 address: the lab maps it to the host, wherever it seems to be. */
  readonly address: string;
  readonly route?: Route;
}

/** `silent`: neither accepted nor refused, as behind a firewall that drops. `delayMs`: milliseconds. */
export type Route = 'open' | 'refused' | 'silent' | { readonly delayMs: number };

export interface HostSpec {
  /** The validation of the host's own zone; that of the domain that lists it where absent. */
  readonly dnssec?: Validation;
  /** One address of the lab's choice where absent. */
  readonly addresses?: readonly (string | AddressSpec)[];
  /** The host name is a CNAME for `target`, where the addresses are; `tlsa` are the records at the target. */
  readonly alias?: {
    readonly target: string;
    readonly dnssec?: Validation;
    readonly tlsa?: readonly TlsaSpec[];
  };
  /** Lookups at the host's name (TLSA: at `_25._tcp.` below it) that go otherwise than the zone says. */
  readonly lookups?: Partial<Record<RecordType, LookupFate>>;
  readonly tlsa?: readonly TlsaSpec[];
  readonly certificate?: CertificateKind | CertificateSpec;
  /** The range of TLS versions offered; 1.2 to 1.3 where absent. */
  readonly tls?: { readonly min: TlsVersion; readonly max: TlsVersion };
  /** How it behaves; a list gives each connection in turn its own behaviour, and the last one goes on. */
  readonly behaviour?: BehaviourName | Behaviour | readonly (BehaviourName | Behaviour)[];
  /** What stands before it, at all of its addresses; nothing where absent. */
  readonly middlebox?: MiddleboxSpec;
}

export interface MxSpec extends HostSpec {
  /** `mx.<domain>` where absent. A host that several domains list is described once, the first time or in `hosts`. */
  readonly host?: string;
  /** 10 where absent. */
  readonly preference?: number;
}

export interface StsSpec {
  /** The id of the TXT record; `1` where absent. */
  readonly id?: string;
  /** The TXT strings at `_mta-sts.`, each a record of its own; the proper one where absent, none when empty. */
  readonly txt?: readonly string[];
  /** What becomes of the TXT lookup. */
  readonly txtFate?: LookupFate;
  /** The policy, or the raw body. The `mx` of a policy are the domain's MX hosts where absent. */
  readonly policy?:
    | string
    | {
        readonly mode: 'enforce' | 'testing' | 'none';
        readonly mx?: readonly string[];
        /** Seconds; 86400 where absent. */
        readonly maxAge?: number;
      };
  readonly behaviour?: PolicyBehaviour;
  /** Where `mta-sts.<domain>` points; a public address of the lab's choice where absent. */
  readonly address?: string;
  readonly certificate?: CertificateKind | CertificateSpec;
  readonly route?: Route;
}

export interface DomainSpec {
  /** Of the domain's own zone; `insecure` where absent. */
  readonly dnssec?: Validation;
  /** One ordinary host where absent; `null`: a null MX (RFC 7505). */
  readonly mx?: readonly MxSpec[] | 'null';
  /** No MX RRset, and the domain itself is this host (RFC 5321 section 5.1); beside it `mx` is not used. */
  readonly implicit?: HostSpec;
  /** Lookups at the domain's own name that go otherwise than the zone says. */
  readonly lookups?: Partial<Record<RecordType, LookupFate>>;
  readonly sts?: StsSpec;
}

export interface World {
  readonly domains: Readonly<Record<string, DomainSpec>>;
  /** Hosts that are no domain's own: those that routes name, or that several domains share. */
  readonly hosts?: Readonly<Record<string, HostSpec>>;
  /** Anything else in DNS. */
  readonly records?: readonly RawRecordSet[];
  /** What the resolver makes of EDNS from the start; `spoken` where absent. */
  readonly edns?: EdnsBehaviour;
  /** Zones whose validation matters though nothing above names them. */
  readonly zones?: Readonly<Record<string, Validation>>;
}

/**
 * What a resolver makes of questions with OPT. `formerr` (with nothing but a header), `notimp` and `dropped` are those of resolvers that
 * know no EDNS; `ignored`: it answers as if there were none; `over_tcp`: drops them over UDP only, as some firewalls do.
 */
export type EdnsBehaviour = 'spoken' | 'formerr' | 'notimp' | 'dropped' | 'ignored' | 'over_tcp';

/** One RRset. */
export interface RawRecordSet {
  readonly name: string;
  readonly records: readonly DnsRecord[];
  readonly type: RecordType;
  readonly fate?: LookupFate;
  /** Seconds; 300 where absent. */
  readonly ttl?: number;
}

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly text: string | readonly string[] }
  | { readonly type: 'CNAME' | 'NS'; readonly target: string }
  | {
      readonly type: 'TLSA';
      readonly usage: number;
      readonly selector: number;
      readonly matchingType: number;
      readonly data: Uint8Array;
    };
