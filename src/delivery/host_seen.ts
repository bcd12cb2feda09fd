/** What a session with one host showed, for the record: also what it was not held to. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Sighting } from '../evidence/sighting';
import type { DaneAuthentication } from '../dane/types';
import { handshakeTerms } from '../policy/handshake_terms';
import { observedBy } from '../policy/observed';
import type { HostPlan, Requirement } from '../policy/requirement';
import { wouldPassDane, wouldPassPkix, type WouldPass } from '../policy/would_pass';
import { rootsDigest } from '../tls/roots';
import { securityLevelOf } from '../tls/security_level';
import type { TlsSession } from '../tls/session';

export interface HostSeen {
  readonly host: string;
  readonly startTls: Sighting['startTls'];
  /** The handshake, `none` where there was none. */
  readonly protocol: string;
  readonly group: string;
  readonly minimum: Sighting['minimum'];
  readonly strength: Sighting['strength'];
  readonly pkix: Sighting['pkix'];
  /** By the TLSA records that the host was held to, or that were held against it. */
  readonly dane: WouldPass;
}

/**
 * To be asked when the message is through, or will not be, and before the connection is let go of: the chain can only be
 * read until then.
 *
 * @param verified how the peer was authenticated, empty where the handshake did not meet what was asked
 */
export function hostSeen(
  { host, requirement }: HostPlan,
  startTls: HostSeen['startTls'],
  session: TlsSession | undefined,
  verified: string,
  now: Date,
): HostSeen {
  return {
    host,
    startTls,
    protocol: session?.protocol ?? '',
    group: session?.group ?? '',
    ...asked(requirement),
    pkix: session === undefined ? 'unknown' : pkixOf(session, requirement, host, now),
    dane: session === undefined ? 'unknown' : daneOf(session, requirement, verified, now),
  };
}

function asked(requirement: Requirement): Pick<HostSeen, 'minimum' | 'strength'> {
  if (requirement.kind === 'cleartext') return { minimum: 'unknown', strength: 'unknown' };
  return { minimum: requirement.minVersion, strength: securityLevelOf(handshakeTerms(requirement)) };
}

/** Hosts show the same certificate from one connection to the next. */
const verdicts = new LRUCache<string, WouldPass>({ max: 2000, ttl: 3_600_000 });

function pkixOf(session: TlsSession, requirement: Requirement, host: string, now: Date): Sighting['pkix'] {
  if (requirement.kind === 'cleartext') return 'unknown';
  const { extraRoots } = handshakeTerms(requirement);
  const { certificates, chainVerdict, securityLevel, group } = session;
  const leaf = createHash('sha256').update(certificates.leaf).digest('base64');
  const key = [host, leaf, chainVerdict, securityLevel, group, rootsDigest(extraRoots ?? '')].join('|');
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    verdict = wouldPassPkix(session, host, now);
    if (verdict !== 'unknown') verdicts.set(key, verdict);
  }
  if (verdict === 'pass') return extraRoots === undefined ? 'pass' : 'pass_added';
  // Asked by another name, the host might have shown another certificate.
  return requirement.serverName === host ? verdict : 'unknown';
}

function daneOf(session: TlsSession, requirement: Requirement, verified: string, now: Date): WouldPass {
  const dane = daneIn(requirement);
  if (dane === undefined) return 'unknown';
  return verified.startsWith('dane') ? 'pass' : wouldPassDane(session, dane, now);
}

/** The TLSA records that a host is held to, or that are held against it. */
export function daneIn(requirement: Requirement): DaneAuthentication | undefined {
  const enforced = requirement.kind === 'encrypted' ? [requirement] : [];
  for (const { authentication } of [...enforced, ...observedBy(requirement)])
    if ('dane' in authentication) return authentication.dane;
  return undefined;
}
