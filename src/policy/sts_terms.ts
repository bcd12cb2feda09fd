/** Carries out the cells of the MTA-STS table, one function for each of its columns. Pure. */
import type { DaneAuthentication } from '../dane/types';
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';
import type { Facts } from './facts';
import type { EncryptedRequirement } from './requirement';
import { stsFinding, type StsFinding } from './sts';
import { stsTable } from './tables';
import { accepted, encrypted, opportunistic, pkixFor, refused, unauthenticated, type Terms } from './terms';
import { besideDaneText, stsText } from './texts';

/** The column `by_itself`. */
export function policyByItself(rule: OutboundRule, facts: Facts, host: string): Terms {
  const found = stsFinding(facts.sts, facts.destination.domain, host);
  const { recorded } = found;
  const discovered = stsText(found);
  switch (stsTable[found.row].by_itself) {
    case 'opportunistic':
      return accepted(opportunistic(rule, host, 'no-sts'), discovered, recorded);
    case 'opportunistic_observed': {
      const requirement = opportunistic(rule, host, 'sts-testing', observed(rule, host));
      return accepted(requirement, discovered, recorded);
    }
    case 'pkix':
      return accepted(enforced(rule, host), discovered, recorded);
    case 'refuse':
      return refused(refusalIn(found), discovered);
  }
}

/**
 * The column `no_usable_tlsa`: cleartext is forbidden, also by a policy that would allow it.
 *
 * @param dane what DNS says, for people
 */
export function policyOverUnusable(rule: OutboundRule, facts: Facts, host: string, dane: string): Terms {
  const found = stsFinding(facts.sts, facts.destination.domain, host);
  const { recorded } = found;
  const discovered = besideDaneText(dane, found);
  const because = 'dane-unusable';
  const authentication = unauthenticated;
  switch (stsTable[found.row].no_usable_tlsa) {
    case 'encrypt':
      return accepted(encrypted(rule, host, { because, authentication }), discovered, recorded);
    case 'encrypt_observed': {
      const observe = observed(rule, host);
      return accepted(encrypted(rule, host, { because, authentication, observe }), discovered, recorded);
    }
    case 'pkix':
      return accepted(enforced(rule, host), discovered, recorded);
    case 'refuse':
      return refused(refusalIn(found), discovered);
  }
}

/** What DNS says where TLSA records are usable; `text` for people. */
export interface UsableDane {
  readonly dane: DaneAuthentication;
  readonly text: string;
}

/** The column `beside_dane`: DANE proves that the host is itself, the policy that it belongs to the domain. */
export function policyBesideDane(
  rule: OutboundRule,
  facts: Facts,
  host: string,
  { dane, text }: UsableDane,
): Terms {
  const found = stsFinding(facts.sts, facts.destination.domain, host);
  const { recorded } = found;
  const discovered = besideDaneText(text, found);
  const because = 'dane';
  switch (stsTable[found.row].beside_dane) {
    case 'dane': {
      const authentication = { kind: 'dane', dane } as const;
      return accepted(encrypted(rule, host, { because, authentication }), discovered, recorded);
    }
    case 'dane_observed': {
      const authentication = { kind: 'dane', dane } as const;
      const observe = observed(rule, host);
      return accepted(encrypted(rule, host, { because, authentication, observe }), discovered, recorded);
    }
    case 'dane_and_pkix': {
      const authentication = { kind: 'dane_and_pkix', dane, pkix: pkixFor(rule, host) } as const;
      const requirement = encrypted(rule, host, { because: 'dane+sts-enforce', authentication });
      return accepted(requirement, discovered, recorded);
    }
    case 'refuse':
      return refused(refusalIn(found), discovered);
  }
}

function enforced(rule: OutboundRule, host: string): EncryptedRequirement {
  const authentication = { kind: 'pkix', pkix: pkixFor(rule, host) } as const;
  return encrypted(rule, host, { because: 'sts-enforce', authentication });
}

/** What an `enforce` policy would ask for: held against the connection beside what is enforced (RFC 8461 section 5). */
function observed(rule: OutboundRule, host: string): EncryptedRequirement {
  const authentication = { kind: 'pkix', pkix: pkixFor(rule, host) } as const;
  return encrypted(rule, host, { because: 'sts-testing', authentication });
}

function refusalIn(found: StsFinding): Failure {
  if ('failure' in found) return found.failure;
  throw new Error(`the MTA-STS table refuses a host that no policy is against (${found.row})`);
}
