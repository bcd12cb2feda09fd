/** The decisions that are measured: each level with the kind of peer at which it has most to do. */
import type { SecurityLevel } from '../../src/peers/rule';

/** Neither DNSSEC nor a policy; a signed zone with TLSA records; an MTA-STS policy in enforce mode. */
export const peers = { plain: 'plain.example', dane: 'dane.example', sts: 'sts.example' } as const;

export interface Case {
  readonly name: string;
  readonly level: SecurityLevel;
  readonly peer: string;
  /** The fewest network round trips, one after the other, within which the answer can be known; see docs/performance.md. */
  readonly roundTrips: number;
}

/** MX, then the addresses. */
const addresses = 2;
/** And then TLSA, which must not be asked for before the addresses are known to be secure (RFC 7672 section 2.2.2). */
const records = 3;
/** TXT; then the address of the policy host, the TCP connection, the TLS handshake, the request (RFC 8461 section 3). */
const policy = 5;

export const cases: readonly Case[] = [
  { name: 'none', level: 'none', peer: peers.plain, roundTrips: addresses },
  { name: 'opportunistic', level: 'opportunistic', peer: peers.plain, roundTrips: addresses },
  { name: 'mandatory', level: 'mandatory', peer: peers.plain, roundTrips: addresses },
  { name: 'verify', level: 'verify', peer: peers.plain, roundTrips: addresses },
  { name: 'opportunistic_dane', level: 'opportunistic_dane', peer: peers.dane, roundTrips: records },
  { name: 'mandatory_dane', level: 'mandatory_dane', peer: peers.dane, roundTrips: records },
  { name: 'mta_sts', level: 'mta_sts', peer: peers.sts, roundTrips: policy },
  { name: 'auto, peer with DANE', level: 'auto', peer: peers.dane, roundTrips: records },
  { name: 'auto, peer with MTA-STS', level: 'auto', peer: peers.sts, roundTrips: policy },
  { name: 'auto, peer with neither', level: 'auto', peer: peers.plain, roundTrips: addresses },
];
