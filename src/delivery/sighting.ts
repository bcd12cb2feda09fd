/** One attempt at one message as the record counts it. */
import { isIP } from 'node:net';
import { usableRecords } from '../dane/records';
import {
  unseen,
  type SeenOutcome,
  type SeenPolicy,
  type SeenReason,
  type SeenTlsa,
  type Sighting,
} from '../evidence/sighting';
import { matchesPolicy } from '../mta_sts/match';
import type { StsFacts } from '../mta_sts/types';
import { askedBy, type SenderTag } from '../peers/sender_tag';
import { destinationSecurity, nextHop } from '../policy/dane';
import { isWeakGroup, type WouldPass } from '../policy/would_pass';
import { tlsVersion } from '../tls/version';
import { principal, type Attempt } from './attempt';
import { foundHost, type FoundHost } from './found_host';
import type { HostSeen } from './host_seen';

export function sightingOf(attempt: Attempt, outcome: SeenOutcome, tag: SenderTag): Sighting {
  const { rule } = attempt;
  const session = attempt.connected === 'not_yet' ? undefined : attempt.connected;
  const host = session?.plan.host ?? principalHost(attempt);
  const seen = attempt.seen.findLast((one) => one.host === host);
  return {
    ...unseen,
    outcome,
    attempt: attempt.failuresBefore > 0 ? 'again' : 'first',
    level: rule === 'unknown' ? 'unknown' : rule.level,
    enforcement: rule === 'unknown' ? 'enforce' : rule.enforcement,
    ...(seen === undefined ? {} : handshakeOf(seen)),
    verified:
      session === undefined ? (seen?.startTls === 'used' ? 'none' : 'unknown') : verifiedAs(session.verified),
    ...factsOf(attempt.facts, host, seen?.dane ?? 'unknown'),
    otherHosts: otherHosts(attempt, host),
    reason: outcome === 'delivered' ? 'none' : reasonOf(attempt),
    requireTls: askedBy[tag],
  };
}

function principalHost(attempt: Attempt): string {
  const name = nameIn(principal(attempt.failures)?.host ?? '');
  if (name !== '') return name;
  const { phase } = attempt;
  return phase.kind === 'decided' && phase.decision.kind === 'deliver'
    ? (phase.decision.hosts[0]?.host ?? '')
    : '';
}

function reasonOf(attempt: Attempt): SeenReason {
  if (attempt.connected !== 'not_yet') return 'reply';
  const failure = principal(attempt.failures);
  if (failure === undefined) return 'undeliverable';
  return failure.kind === 'policy' ? failure.failure.reason : 'connection-failed';
}

function handshakeOf(
  seen: HostSeen,
): Pick<Sighting, 'tls' | 'startTls' | 'group' | 'minimum' | 'strength' | 'pkix' | 'named'> {
  const { startTls, minimum, strength, pkix, named } = seen;
  const used = startTls === 'used';
  return {
    tls: used ? (tlsVersion(seen.protocol) ?? 'unknown') : startTls === 'unknown' ? 'unknown' : 'none',
    startTls,
    group: used ? groupOf(seen.group) : startTls === 'unknown' ? 'unknown' : 'none',
    minimum,
    strength,
    pkix,
    named,
  };
}

export function groupOf(name: string): Sighting['group'] {
  if (name === '') return 'unknown';
  if (/MLKEM|KYBER/i.test(name)) return 'post_quantum';
  return isWeakGroup(name) ? 'weak' : 'classic';
}

/** `dane 3 1 1` and its like are all `dane`. */
function verifiedAs(verified: string): Sighting['verified'] {
  if (verified.startsWith('dane')) return verified.endsWith(' and pkix') ? 'dane+pkix' : 'dane';
  switch (verified) {
    case 'none':
    case 'unauthenticated':
    case 'pkix':
    case 'fingerprint':
      return verified;
    default:
      return 'unknown';
  }
}

/** Hosts of other names that might have had it, had this one not, or had the rule been another. */
function otherHosts({ queue, connected, failures }: Attempt, host: string): Sighting['otherHosts'] {
  const isOther = (name: string): boolean => name !== '' && name !== host;
  if (failures.some((failure) => isOther(nameIn(failure.host))))
    return connected === 'not_yet' ? 'some' : 'before';
  return queue !== 'unread' && queue.some(({ plan }) => isOther(plan.host)) ? 'some' : 'none';
}

/** Of a host as it stands in a failure, which may have its address behind it. */
function nameIn(where: string): string {
  const end = where.indexOf(' ');
  return end === -1 ? where : where.slice(0, end);
}

/** The next-hop domain of a host; empty where it is not known. */
export function nextHopOf(facts: Attempt['facts'], host: string): string {
  const found = foundHost(facts, host);
  return found === undefined ? '' : nextHop(found.destination, host);
}

type Known = Pick<Sighting, 'mx' | 'tlsa' | 'policy'>;

function factsOf(facts: Attempt['facts'], name: string, dane: WouldPass): Partial<Known> {
  const found = foundHost(facts, name);
  return found === undefined ? {} : known(found, dane);
}

function known({ destination, host, sts }: FoundHost, dane: WouldPass): Known {
  const isRoute = destination.kind === 'route';
  const hasNone = isRoute || destination.kind === 'literal';
  return {
    mx: isRoute
      ? 'route'
      : 'domain' in destination && 'failure' in destination
        ? 'unknown'
        : destinationSecurity(destination),
    tlsa: destination.kind === 'literal' ? 'none' : host === undefined ? 'unknown' : tlsaOf(host, dane),
    policy: hasNone ? 'none' : policyOf(sts, host?.host ?? ''),
  };
}

function tlsaOf({ host, addresses, tlsa }: NonNullable<FoundHost['host']>, dane: WouldPass): SeenTlsa {
  if (isIP(host) !== 0) return 'none';
  switch (tlsa.kind) {
    case 'not_asked':
      return addresses.kind === 'found' && addresses.security === 'insecure' ? 'none' : 'unknown';
    case 'absent':
      return 'none';
    case 'failed':
      return 'lookup_failed';
    case 'present':
      if (usableRecords(tlsa.records).length === 0) return 'unusable';
      return dane === 'pass' || dane === 'unknown' ? dane : 'fail';
  }
}

function policyOf(sts: StsFacts, host: string): SeenPolicy {
  switch (sts.kind) {
    case 'not_asked':
      return 'unknown';
    case 'no_policy':
      return 'none';
    case 'unknown':
      return 'not_known';
    case 'policy': {
      const { policy } = sts;
      if (policy.mode === 'none') return 'mode_none';
      return matchesPolicy(policy, host) ? policy.mode : `${policy.mode}_not_named`;
    }
  }
}
