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
  readonly named: Sighting['named'];
  /** By the TLSA records that the host was held to, or that were held against it. */
  readonly dane: WouldPass;
}

/** What is known of a session when a message is through, or will not be. */
export interface SessionShown {
  readonly plan: HostPlan;
  /** The next-hop domain; empty where there is none. */
  readonly nextHop: string;
  readonly startTls: HostSeen['startTls'];
  readonly session: TlsSession | undefined;
  /** How the peer was authenticated, empty where the handshake did not meet what was asked. */
  readonly verified: string;
}

/** To be asked before the connection is let go of: the chain can only be read until then. */
export function hostSeen(shown: SessionShown, now: Date): HostSeen {
  const { plan, startTls, session } = shown;
  return {
    host: plan.host,
    startTls,
    protocol: session?.protocol ?? '',
    group: session?.group ?? '',
    ...asked(plan.requirement),
    ...(session === undefined ? unjudged : certificateOf(session, shown, now)),
    dane: session === undefined ? 'unknown' : daneOf(session, plan.requirement, shown.verified, now),
  };
}

function asked(requirement: Requirement): Pick<HostSeen, 'minimum' | 'strength'> {
  if (requirement.kind === 'cleartext') return { minimum: 'unknown', strength: 'unknown' };
  return { minimum: requirement.minVersion, strength: securityLevelOf(handshakeTerms(requirement)) };
}

type Certificate = Pick<HostSeen, 'pkix' | 'named'>;

const unjudged: Certificate = { pkix: 'unknown', named: 'unknown' };

interface Judged {
  readonly verdict: WouldPass;
  /** Lower case. */
  readonly alternativeNames: string;
}

/** Hosts show the same certificate from one connection to the next, and one connection is there for many messages. */
const kept = { max: 2000, ttl: 3_600_000 } as const;
const verdicts = new LRUCache<string, Judged>(kept);
/** Whom a certificate names beside its host, by that and the next-hop domain. */
const namings = new LRUCache<string, Sighting['named']>(kept);

/** Of the octets of certificates, for as long as a session with them is there. */
const digests = new WeakMap<Uint8Array, string>();

function digestOf(leaf: Uint8Array): string {
  const known = digests.get(leaf) ?? createHash('sha256').update(leaf).digest('base64');
  digests.set(leaf, known);
  return known;
}

function certificateOf(
  session: TlsSession,
  { plan: { host, requirement }, nextHop }: SessionShown,
  now: Date,
): Certificate {
  if (requirement.kind === 'cleartext') return unjudged;
  const { extraRoots } = handshakeTerms(requirement);
  const { certificates, chainVerdict, securityLevel, group } = session;
  const key = [
    host,
    digestOf(certificates.leaf),
    chainVerdict,
    securityLevel,
    group,
    rootsDigest(extraRoots ?? ''),
  ].join('|');
  let judged = verdicts.get(key);
  if (judged === undefined) {
    judged = {
      verdict: wouldPassPkix(session, { names: [host], subdomains: [] }, now),
      alternativeNames: certificates.chain()[0]?.subjectAltName?.toLowerCase() ?? '',
    };
    if (judged.verdict !== 'unknown') verdicts.set(key, judged);
  }
  const { verdict } = judged;
  // Asked by another name, the host might have shown another certificate.
  const isItsOwn = requirement.serverName === host;
  const isTrusted = verdict === 'pass' || verdict === 'certificate-host-mismatch';
  return {
    pkix:
      verdict === 'pass'
        ? extraRoots === undefined
          ? 'pass'
          : 'pass_added'
        : isItsOwn
          ? verdict
          : 'unknown',
    named:
      isItsOwn && isTrusted && nextHop !== ''
        ? naming(`${key}|${nextHop}`, session, judged, nextHop, now)
        : 'unknown',
  };
}

function naming(key: string, ...of: Parameters<typeof namedIn>): Sighting['named'] {
  const known = namings.get(key);
  if (known !== undefined) return known;
  const named = namedIn(...of);
  if (named !== 'unknown') namings.set(key, named);
  return named;
}

/** Few certificates speak of the next-hop domain: for all others, a look at their names is enough. */
function namedIn(
  session: TlsSession,
  { alternativeNames }: Judged,
  nextHop: string,
  now: Date,
): Sighting['named'] {
  const above = nextHop.slice(nextHop.indexOf('.') + 1);
  if (!alternativeNames.includes(nextHop) && !alternativeNames.includes(`*.${above}`)) return 'neither';
  const isNextHop = wouldPassPkix(session, { names: [nextHop], subdomains: [] }, now);
  const isBelow = wouldPassPkix(session, { names: [], subdomains: [nextHop] }, now);
  if (isNextHop === 'unknown' || isBelow === 'unknown') return 'unknown';
  if (isNextHop === 'pass') return isBelow === 'pass' ? 'both' : 'nexthop';
  return isBelow === 'pass' ? 'dot_nexthop' : 'neither';
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
