/**
 * The DANE table and the MTA-STS table as data, row by row as they stand in the design. To decide about a host is to look
 * its cell up here. Each column names the cells that it may hold, so that none of them can be weaker than its level.
 */
import type { SecurityLevel } from '../peers/rule';

/** Levels at which the DANE table applies. */
export type DaneLevel = Extract<SecurityLevel, 'opportunistic_dane' | 'auto' | 'mandatory_dane'>;

/**
 * What the DANE table says of one host.
 *
 * | cell | consequence |
 * |---|---|
 * | `skip` | the next host. The question was not answered, and an unanswered question must never strip protection |
 * | `refuse` | the next host. The level wants DANE, and there is none |
 * | `opportunistic` | DANE does not apply: TLS if it works |
 * | `mta_sts` | DANE does not apply: the MTA-STS table, by itself |
 * | `encrypt` | encryption, no authentication |
 * | `encrypt_and_mta_sts` | the MTA-STS table, with cleartext forbidden in each of its rows |
 * | `authenticate` | by the TLSA records; on failure the next host, never cleartext |
 * | `authenticate_and_mta_sts` | by the TLSA records, and as the MTA-STS table says: both must pass |
 */
export interface DaneCells {
  readonly opportunistic_dane: 'skip' | 'opportunistic' | 'encrypt' | 'authenticate';
  readonly auto: 'skip' | 'mta_sts' | 'encrypt_and_mta_sts' | 'authenticate' | 'authenticate_and_mta_sts';
  readonly mandatory_dane: 'skip' | 'refuse' | 'authenticate';
}

/** `as_below`: the row further down counts that fits what else is known. */
type OrBelow<Cells> = { readonly [Level in keyof Cells]: Cells[Level] | 'as_below' };

interface MxCells extends Omit<OrBelow<DaneCells>, 'auto'> {
  /** `as_below_and_mta_sts`: the policy as well where the row below authenticates, for DANE then vouches for the host alone. */
  readonly auto: DaneCells['auto'] | 'as_below' | 'as_below_and_mta_sts';
}

type EveryLevel<Cell> = Readonly<Record<DaneLevel, Cell>>;

/** A secure MX RRset, a domain that is its own host and a route have no row of their own among the first ones: they are the way down. */
export interface DaneTable {
  readonly mx_lookup_failed: EveryLevel<'defer'>;
  readonly address_literal: DaneCells;
  readonly insecure_mx_may: MxCells;
  readonly insecure_mx_dane: MxCells;
  readonly insecure_address: DaneCells;
  readonly secure_alias: OrBelow<DaneCells>;
  readonly address_lookup_failed: DaneCells;
  readonly tlsa_denied: DaneCells;
  readonly tlsa_lookup_failed: DaneCells;
  readonly tlsa_unusable: DaneCells;
  readonly tlsa_usable: DaneCells;
}

// prettier-ignore
export const daneTable: DaneTable = {
  // The MX RRset: its lookup failed, or is bogus. No host is known at any level.
  mx_lookup_failed:      { opportunistic_dane: 'defer',         auto: 'defer',                mandatory_dane: 'defer' },
  // An address literal instead of a domain has no DANE.
  address_literal:       { opportunistic_dane: 'opportunistic', auto: 'mta_sts',              mandatory_dane: 'refuse' },
  // Insecure, with `insecure_mx = may`, and with `insecure_mx = dane`.
  insecure_mx_may:       { opportunistic_dane: 'opportunistic', auto: 'mta_sts',              mandatory_dane: 'refuse' },
  insecure_mx_dane:      { opportunistic_dane: 'as_below',      auto: 'as_below_and_mta_sts', mandatory_dane: 'refuse' },
  // The host's A and AAAA: insecure; a secure CNAME into an insecure zone; no address, and a lookup failed.
  insecure_address:      { opportunistic_dane: 'opportunistic', auto: 'mta_sts',              mandatory_dane: 'refuse' },
  secure_alias:          { opportunistic_dane: 'as_below',      auto: 'as_below',             mandatory_dane: 'as_below' },
  address_lookup_failed: { opportunistic_dane: 'skip',          auto: 'skip',                 mandatory_dane: 'skip' },
  // The TLSA lookup: denied or insecure; failed, bogus or timed out; none usable; usable.
  tlsa_denied:           { opportunistic_dane: 'opportunistic', auto: 'mta_sts',              mandatory_dane: 'refuse' },
  tlsa_lookup_failed:    { opportunistic_dane: 'skip',          auto: 'skip',                 mandatory_dane: 'skip' },
  tlsa_unusable:         { opportunistic_dane: 'encrypt',       auto: 'encrypt_and_mta_sts',  mandatory_dane: 'refuse' },
  tlsa_usable:           { opportunistic_dane: 'authenticate',  auto: 'authenticate',         mandatory_dane: 'authenticate' },
};

/**
 * What the MTA-STS table says of one host: by itself; where TLSA records exist and none is usable, so that cleartext is
 * forbidden; and beside usable TLSA records of an insecure MX.
 *
 * | cell | consequence |
 * |---|---|
 * | `refuse` | the next host, without connecting |
 * | `…_observed` | the same, and what an `enforce` policy would ask for is held against the connection and recorded |
 * | `pkix` | a certificate that PKIX vouches for and that names the MX host, or else the next host: never cleartext |
 * | `dane_and_pkix` | both must pass |
 */
export interface StsCells {
  readonly by_itself: 'opportunistic' | 'opportunistic_observed' | 'pkix' | 'refuse';
  readonly no_usable_tlsa: 'encrypt' | 'encrypt_observed' | 'pkix' | 'refuse';
  readonly beside_dane: 'dane' | 'dane_observed' | 'dane_and_pkix' | 'refuse';
}

export interface StsTable {
  readonly no_policy: StsCells;
  readonly mode_none: StsCells;
  readonly mode_testing: StsCells;
  readonly enforce_not_named: StsCells;
  readonly enforce_named: StsCells;
  readonly policy_not_known: StsCells;
}

// prettier-ignore
export const stsTable: StsTable = {
  // None published, or never obtained and none cached.
  no_policy:         { by_itself: 'opportunistic',          no_usable_tlsa: 'encrypt',          beside_dane: 'dane' },
  mode_none:         { by_itself: 'opportunistic',          no_usable_tlsa: 'encrypt',          beside_dane: 'dane' },
  // Whether `mx` names the host or not.
  mode_testing:      { by_itself: 'opportunistic_observed', no_usable_tlsa: 'encrypt_observed', beside_dane: 'dane_observed' },
  // Mode `enforce`: `mx` does not name the host, or does.
  enforce_not_named: { by_itself: 'refuse',                 no_usable_tlsa: 'refuse',           beside_dane: 'refuse' },
  enforce_named:     { by_itself: 'pkix',                   no_usable_tlsa: 'pkix',             beside_dane: 'dane_and_pkix' },
  // One may be in force, and the store that would tell cannot be read.
  policy_not_known:  { by_itself: 'refuse',                 no_usable_tlsa: 'refuse',           beside_dane: 'refuse' },
};

/** What becomes of a host that a plugin answered with to `get_mx`. */
export interface StandingCells {
  /** The DANE table is read as for this MX RRset. `own_mx`: as our own look-up has it. */
  readonly mx: 'secure' | 'insecure' | 'own_mx';
  readonly policy: 'applies' | 'none';
  /** Refused at once: never; where DANE or an `enforce` policy protects mail to the domain; where the level asks for either. */
  readonly refused: 'never' | 'where_protected' | 'where_asked';
}

export interface StandingTable {
  readonly route: StandingCells;
  readonly own_mx: StandingCells;
  readonly forged: StandingCells;
  readonly stray: StandingCells;
  readonly unknown: StandingCells;
}

// prettier-ignore
export const standingTable: StandingTable = {
  route:   { mx: 'secure',   policy: 'none',    refused: 'never' },
  own_mx:  { mx: 'own_mx',   policy: 'applies', refused: 'never' },
  forged:  { mx: 'insecure', policy: 'applies', refused: 'where_protected' },
  stray:   { mx: 'insecure', policy: 'applies', refused: 'never' },
  unknown: { mx: 'insecure', policy: 'applies', refused: 'where_asked' },
};
