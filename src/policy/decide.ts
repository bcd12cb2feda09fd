/**
 * Rule and facts in, one requirement per MX host out. Pure: the tables of the security levels, DANE and MTA-STS.
 *
 * Any doubt at a level that forbids cleartext refuses the host with a reason; any doubt at a level that allows it lets
 * the mail go through.
 */
import type { DaneAuthentication } from '../dane/types';
import { smtpPort, type Destination, type MxHostFacts, type RoutedHostFacts } from '../dns/types';
import type { Failure } from '../failure';
import type { StsFacts } from '../mta_sts/types';
import { canonicalDomain } from '../names';
import type { OutboundRule } from '../peers/rule';
import { daneState, destinationSecurity, lookupFailure, nextHop } from './dane';
import { monitored } from './monitor';
import type {
  Authentication,
  Because,
  Decision,
  EncryptedRequirement,
  HostPlan,
  PkixAuthentication,
  RefusedHost,
  Requirement,
} from './requirement';
import { sniOf } from './sni';
import { stsState } from './sts';
import { minimumVersion } from './version';

export interface Facts {
  readonly destination: Destination;
  readonly sts: StsFacts;
}

/** What the level asks of one host, before its addresses are looked at. */
type Terms =
  | {
      readonly kind: 'requirement';
      readonly requirement: Requirement;
      readonly discovered: string;
      readonly recorded: readonly Failure[];
    }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly discovered: string };

export function decide(rule: OutboundRule, facts: Facts): Decision {
  const { destination } = facts;
  switch (destination.kind) {
    case 'null_mx':
    case 'no_such_domain':
      return { kind: 'undeliverable', domain: destination.domain, cause: destination.kind };
    case 'lookup_failed':
      return {
        kind: 'defer',
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
  const refused: RefusedHost[] = [];
  for (const outcome of outcomes) {
    if ('requirement' in outcome) hosts.push(outcome);
    else refused.push(outcome);
  }
  return { kind: 'deliver', hosts, refused };
}

function decideHost(rule: OutboundRule, facts: Facts, host: MxHostFacts): HostPlan | RefusedHost {
  const { addresses } = host;
  if (isOutOfTheQuestion(rule, facts.destination) && rule.enforcement === 'enforce') {
    return settled(rule, facts, host, { port: smtpPort, addresses: [] });
  }
  if (addresses.kind === 'failed') {
    const failure = lookupFailure(addresses, `addresses of ${host.host}`);
    return { host: host.host, failure, discovered: 'no address' };
  }
  if (addresses.kind === 'none') {
    const problem = canonicalDomain(host.host) === undefined ? 'is no host name' : 'has no address';
    const failure: Failure = { reason: 'dns-lookup-failed', text: `${host.host} ${problem}` };
    return { host: host.host, failure, discovered: 'no address' };
  }
  return settled(rule, facts, host, { port: smtpPort, addresses: addresses.addresses });
}

/** Whoever routes there has the addresses. What DNS says of them decides about DANE and nothing else. */
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
  const terms = new TermsBuilder(rule, facts.destination, host.host);
  switch (rule.level) {
    case 'none':
      return terms.accept({ kind: 'cleartext', because: 'none' }, 'not looked for');
    case 'opportunistic':
      return terms.opportunistic('opportunistic', 'not looked for', []);
    case 'mandatory':
      return terms.encrypted('mandatory', { kind: 'none' }, 'not looked for');
    case 'verify':
      return terms.encrypted(
        'verify',
        verifyAuthentication(rule, facts.destination, host.host),
        'not looked for',
      );
    case 'mta_sts':
      return stsTerms(terms, facts, host.host);
    case 'opportunistic_dane':
    case 'mandatory_dane':
    case 'auto':
      return daneTerms(terms, rule, facts, host);
  }
}

function daneTerms(
  terms: TermsBuilder,
  rule: OutboundRule,
  facts: Facts,
  host: MxHostFacts | RoutedHostFacts,
): Terms {
  const security = destinationSecurity(facts.destination);
  if (isOutOfTheQuestion(rule, facts.destination)) {
    return terms.requireDane('its MX records are not DNSSEC-signed');
  }
  const state = daneState(rule, facts.destination, host);
  if (state.kind === 'unanswered') return terms.refuse(state.failure, 'TLSA lookup failed');
  switch (state.kind) {
    case 'does_not_apply':
      if (rule.level === 'mandatory_dane') return terms.requireDane(state.why);
      if (rule.level === 'auto') return stsTerms(terms, facts, host.host);
      return terms.opportunistic('no-dane', `no DANE: ${state.why}`, []);
    case 'unusable': {
      const discovered = 'DANE: no usable TLSA record';
      if (rule.level === 'mandatory_dane') {
        return terms.refuse(
          { reason: 'tlsa-invalid', text: `none of the TLSA records of ${state.baseDomain} is usable` },
          discovered,
        );
      }
      if (rule.level === 'auto') return stsTerms(terms, facts, host.host, 'cleartext-forbidden');
      return terms.encrypted('dane-unusable', { kind: 'none' }, discovered);
    }
    case 'usable':
      return rule.level === 'auto' && security === 'insecure'
        ? daneBesidePolicy(terms, facts, host.host, state.dane)
        : terms.encrypted('dane', { kind: 'dane', dane: state.dane }, daneDiscovered(state.dane, security));
  }
}

/** No host of an unsigned MX RRset will do, whatever else is known of it, or is not. */
function isOutOfTheQuestion(rule: OutboundRule, destination: Destination): boolean {
  return rule.level === 'mandatory_dane' && destinationSecurity(destination) === 'insecure';
}

/**
 * Usable TLSA records behind an unsigned MX under `auto`: DANE proves that the host is itself, not that it belongs to
 * the domain, so an `enforce` policy applies in full as well.
 */
function daneBesidePolicy(terms: TermsBuilder, facts: Facts, host: string, dane: DaneAuthentication): Terms {
  const sts = stsState(facts.sts, facts.destination.domain, host);
  const discovered = daneDiscovered(dane, 'insecure');
  switch (sts.kind) {
    case 'refused':
      return terms.refuse(sts.failure, `${discovered}; MTA-STS enforce id ${sts.id}`);
    case 'unknown':
      return terms.refuse(sts.failure, `${discovered}; MTA-STS policy not known`);
    case 'enforce':
      return terms.encrypted(
        'dane+sts-enforce',
        { kind: 'dane_and_pkix', dane, pkix: terms.pkixFor(host) },
        `${discovered}; MTA-STS enforce id ${sts.id}`,
      );
    case 'testing':
      return terms.encrypted(
        'dane',
        { kind: 'dane', dane },
        `${discovered}; MTA-STS testing id ${sts.id}`,
        sts.recorded,
        terms.testing(host),
      );
    case 'no_policy':
      return terms.encrypted('dane', { kind: 'dane', dane }, discovered, sts.recorded);
  }
}

/** `cleartext-forbidden`: TLSA records exist but none is usable, so encryption is required whatever the policy says. */
function stsTerms(
  terms: TermsBuilder,
  facts: Facts,
  host: string,
  cleartext: 'cleartext-allowed' | 'cleartext-forbidden' = 'cleartext-allowed',
): Terms {
  const sts = stsState(facts.sts, facts.destination.domain, host);
  const pkix: Authentication = { kind: 'pkix', pkix: terms.pkixFor(host) };
  switch (sts.kind) {
    case 'refused':
      return terms.refuse(sts.failure, `MTA-STS enforce id ${sts.id}`);
    case 'unknown':
      return terms.refuse(sts.failure, 'MTA-STS policy not known');
    case 'enforce':
      return terms.encrypted('sts-enforce', pkix, `MTA-STS enforce id ${sts.id}`);
    case 'testing': {
      const discovered = `MTA-STS testing id ${sts.id}`;
      if (cleartext === 'cleartext-forbidden') {
        return terms.encrypted(
          'dane-unusable',
          { kind: 'none' },
          discovered,
          sts.recorded,
          terms.testing(host),
        );
      }
      return terms.opportunistic('sts-testing', discovered, sts.recorded, terms.testing(host));
    }
    case 'no_policy':
      if (cleartext === 'cleartext-forbidden') {
        return terms.encrypted(
          'dane-unusable',
          { kind: 'none' },
          'DANE: no usable TLSA record',
          sts.recorded,
        );
      }
      return terms.opportunistic('no-sts', sts.why, sts.recorded);
  }
}

function verifyAuthentication(rule: OutboundRule, destination: Destination, host: string): Authentication {
  if (rule.fingerprints.length > 0) return { kind: 'fingerprints', sha256: rule.fingerprints };
  const names: string[] = [];
  const subdomains: string[] = [];
  for (const match of rule.match) {
    if (match.kind === 'hostname') names.push(host);
    else if (match.kind === 'nexthop') names.push(nextHop(destination, host));
    else if (match.kind === 'dot-nexthop') subdomains.push(nextHop(destination, host));
    else if (match.kind === 'name') names.push(match.name);
    else subdomains.push(match.domain);
  }
  return { kind: 'pkix', pkix: { names, subdomains, extraRoots: rule.extraRoots } };
}

function daneDiscovered(dane: DaneAuthentication, security: string): string {
  const records =
    dane.records.length === 1 ? '1 usable TLSA record' : `${dane.records.length} usable TLSA records`;
  const port = dane.port === smtpPort ? '' : ` port ${dane.port}`;
  return `DANE: ${security} MX, ${records} at ${dane.baseDomain}${port}`;
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

/** Writes the terms for one host under one rule, so that the tables above read as tables. */
class TermsBuilder {
  constructor(
    private readonly rule: OutboundRule,
    private readonly destination: Destination,
    private readonly host: string,
  ) {}

  accept(requirement: Requirement, discovered: string, recorded: readonly Failure[] = []): Terms {
    return { kind: 'requirement', requirement, discovered, recorded };
  }

  refuse(failure: Failure, discovered: string): Terms {
    return { kind: 'refused', failure, discovered };
  }

  requireDane(why: string): Terms {
    const text = `DANE is required for ${this.destination.domain}, but does not apply to ${this.host}: ${why}`;
    return this.refuse({ reason: 'dane-required', text }, `no DANE: ${why}`);
  }

  opportunistic(
    because: Because,
    discovered: string,
    recorded: readonly Failure[],
    observe?: EncryptedRequirement,
  ): Terms {
    return this.accept(
      {
        kind: 'opportunistic',
        minVersion: minimumVersion(this.rule.minTlsVersion, 'opportunistic'),
        cleartextFallback: this.rule.cleartextFallback,
        serverName: sniOf(this.host),
        observe,
        because,
      },
      discovered,
      recorded,
    );
  }

  encrypted(
    because: Because,
    authentication: Authentication,
    discovered: string,
    recorded: readonly Failure[] = [],
    observe?: EncryptedRequirement,
  ): Terms {
    return this.accept(this.requirement(because, authentication, observe), discovered, recorded);
  }

  /** What an `enforce` policy would ask for: observed, whatever else is enforced (RFC 8461 section 5). */
  testing(host: string): EncryptedRequirement {
    return this.requirement('sts-testing', { kind: 'pkix', pkix: this.pkixFor(host) }, undefined);
  }

  private requirement(
    because: Because,
    authentication: Authentication,
    observe: EncryptedRequirement | undefined,
  ): EncryptedRequirement {
    const dane = 'dane' in authentication ? authentication.dane : undefined;
    return {
      kind: 'encrypted',
      minVersion: minimumVersion(this.rule.minTlsVersion, authentication.kind),
      authentication,
      serverName: dane?.baseDomain ?? sniOf(this.host),
      observe,
      because,
    };
  }

  pkixFor(host: string): PkixAuthentication {
    return { names: [host], subdomains: [], extraRoots: this.rule.extraRoots };
  }
}
