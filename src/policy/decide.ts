/**
 * Rule and facts in, one requirement per MX host out. Pure.
 *
 * The rule's level chooses what is asked of a host: something by itself, or a cell of the DANE table (RFC 7672) or of the
 * MTA-STS table (RFC 8461). `tables.ts` holds both as data; `dane_terms.ts` and `sts_terms.ts` carry their cells out,
 * `terms.ts` writes requirements down, and `texts.ts` says in words what was found.
 *
 * Any doubt at a level that forbids cleartext refuses the host with a reason; any doubt at a level that allows it lets
 * the mail go through.
 */
import { smtpPort, type Destination, type MxHostFacts, type RoutedHostFacts } from '../dns/types';
import type { OutboundRule } from '../peers/rule';
import { asksDane } from './asks';
import { nextHop, rulesOutEveryHost } from './dane';
import { daneTerms } from './dane_terms';
import type { Facts } from './facts';
import { monitored } from './monitor';
import type { Authentication, Decision, HostPlan, RefusedHost } from './requirement';
import { sniOf } from './sni';
import { policyByItself } from './sts_terms';
import { daneTable } from './tables';
import { accepted, encrypted, opportunistic, unauthenticated, type Terms } from './terms';
import { lookupFailure, notLookedFor, withoutAddress } from './texts';

export function decide(rule: OutboundRule, facts: Facts): Decision {
  const { destination } = facts;
  switch (destination.kind) {
    case 'null_mx':
    case 'no_such_domain':
      return { kind: 'undeliverable', domain: destination.domain, cause: destination.kind };
    case 'lookup_failed':
      return {
        kind: asksDane(rule.level) ? daneTable.mx_lookup_failed[rule.level] : 'defer',
        failure: lookupFailure(destination.failure, `MX records of ${destination.domain}`),
      };
    case 'implicit':
      // Nothing failed, there just is nowhere to deliver to (RFC 5321 section 5.1): to try again would not help.
      if (destination.host.addresses.kind === 'none') {
        return { kind: 'undeliverable', domain: destination.domain, cause: 'no_address' };
      }
      return sorted([decideHost(rule, facts, destination.host)]);
    case 'route':
    case 'answered':
      return sorted(destination.hosts.map((host) => decideRoutedHost(rule, facts, host)));
    case 'mx':
      return sorted(destination.hosts.map((host) => decideHost(rule, facts, host)));
    case 'literal':
      return sorted([decideHost(rule, facts, literalHost(destination.address))]);
  }
}

function sorted(outcomes: readonly (HostPlan | RefusedHost)[]): Decision {
  const hosts: HostPlan[] = [];
  const refusedHosts: RefusedHost[] = [];
  for (const outcome of outcomes) {
    if ('requirement' in outcome) hosts.push(outcome);
    else refusedHosts.push(outcome);
  }
  return { kind: 'deliver', hosts, refused: refusedHosts };
}

function decideHost(rule: OutboundRule, facts: Facts, host: MxHostFacts): HostPlan | RefusedHost {
  const { addresses } = host;
  if (addresses.kind === 'found') {
    return settled(rule, facts, host, { port: smtpPort, addresses: addresses.addresses });
  }
  // Refused for the MX RRset, as a host with an address is, and not for the address that would be of no help.
  if (isRuledOut(rule, facts.destination) && rule.enforcement === 'enforce') {
    return settled(rule, facts, host, { port: smtpPort, addresses: [] });
  }
  const failure =
    addresses.kind === 'failed'
      ? lookupFailure(addresses, `addresses of ${host.host}`)
      : withoutAddress(host.host);
  return { host: host.host, failure, discovered: 'no address' };
}

function isRuledOut({ level, insecureMx }: OutboundRule, destination: Destination): boolean {
  return asksDane(level) && rulesOutEveryHost(level, insecureMx, destination);
}

/** The routing has the addresses. What DNS says of them decides about DANE and nothing else. */
function decideRoutedHost(rule: OutboundRule, facts: Facts, host: RoutedHostFacts): HostPlan | RefusedHost {
  return settled(rule, facts, host, { port: host.port, addresses: [] });
}

function settled(
  rule: OutboundRule,
  facts: Facts,
  host: MxHostFacts | RoutedHostFacts,
  at: Pick<HostPlan, 'port' | 'addresses'>,
): HostPlan | RefusedHost {
  const terms = termsFor(rule, facts, host);
  if (rule.enforcement === 'monitor') {
    return offered(host, at, monitored(terms, sniOf(host.host)));
  }
  if (terms.kind === 'refused') {
    return { host: host.host, failure: terms.failure, discovered: terms.discovered };
  }
  return offered(host, at, terms);
}

/** Each property by name: this runs for every message, and V8 takes twenty times as long to add to a spread object. */
function offered(
  { host, preference }: Pick<HostPlan, 'host' | 'preference'>,
  { port, addresses }: Pick<HostPlan, 'port' | 'addresses'>,
  { requirement, discovered, recorded }: Pick<HostPlan, 'requirement' | 'discovered' | 'recorded'>,
): HostPlan {
  return { host, preference, port, addresses, requirement, discovered, recorded };
}

function termsFor(rule: OutboundRule, facts: Facts, host: MxHostFacts | RoutedHostFacts): Terms {
  const { level } = rule;
  switch (level) {
    case 'none':
      return accepted({ kind: 'cleartext', because: 'none' }, notLookedFor);
    case 'opportunistic':
      return accepted(opportunistic(rule, host.host, 'opportunistic'), notLookedFor);
    case 'mandatory': {
      const asked = { because: 'mandatory', authentication: unauthenticated } as const;
      return accepted(encrypted(rule, host.host, asked), notLookedFor);
    }
    case 'verify': {
      const authentication = byRule(rule, facts.destination, host.host);
      return accepted(encrypted(rule, host.host, { because: 'verify', authentication }), notLookedFor);
    }
    case 'mta_sts':
      return policyByItself(rule, facts, host.host);
    case 'opportunistic_dane':
    case 'mandatory_dane':
    case 'auto':
      return daneTerms(level, rule, facts, host);
  }
}

/** What the rule itself lists: fingerprints, or the names that a certificate may bear. */
function byRule(rule: OutboundRule, destination: Destination, host: string): Authentication {
  if (rule.fingerprints.length > 0) return { kind: 'fingerprints', sha256: rule.fingerprints };
  const names: string[] = [];
  const subdomains: string[] = [];
  for (const match of rule.match) {
    switch (match.kind) {
      case 'hostname':
        names.push(host);
        break;
      case 'nexthop':
        names.push(nextHop(destination, host));
        break;
      case 'dot-nexthop':
        subdomains.push(nextHop(destination, host));
        break;
      case 'name':
        names.push(match.name);
        break;
      case 'subdomains':
        subdomains.push(match.domain);
    }
  }
  return { kind: 'pkix', pkix: { names, subdomains, extraRoots: rule.extraRoots } };
}

function literalHost(address: string): MxHostFacts {
  const addresses = {
    kind: 'found',
    security: 'insecure',
    addresses: [address],
    canonicalName: address,
  } as const;
  return { host: address, preference: 0, addresses, tlsa: { kind: 'not_asked' } };
}
