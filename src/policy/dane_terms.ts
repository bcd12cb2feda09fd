/** Carries out the cells of the DANE table. Pure. */
import type { DaneAuthentication } from '../dane/types';
import type { MxHostFacts, RoutedHostFacts } from '../dns/types';
import type { OutboundRule } from '../peers/rule';
import { daneEntry, type DaneEntry } from './dane';
import type { Facts } from './facts';
import { policyBesideDane, policyByItself, policyOverUnusable } from './sts_terms';
import type { DaneLevel } from './tables';
import { accepted, encrypted, opportunistic, refused, unauthenticated, type Terms } from './terms';
import { daneText, skipped, withoutDane } from './texts';

export function daneTerms(
  level: DaneLevel,
  rule: OutboundRule,
  facts: Facts,
  host: MxHostFacts | RoutedHostFacts,
): Terms {
  const { destination } = facts;
  const name = host.host;
  const entry = daneEntry(level, rule.insecureMx, destination, host);
  switch (entry.cell) {
    case 'skip':
      return refused(skipped(entry, name), daneText(entry, destination));
    case 'refuse':
      return refused(withoutDane(entry, destination.domain, name), daneText(entry, destination));
    case 'opportunistic':
      return accepted(opportunistic(rule, name, 'no-dane'), daneText(entry, destination));
    case 'mta_sts':
      return beside(daneText(entry, destination), policyByItself(rule, facts, name));
    case 'encrypt': {
      const asked = { because: 'dane-unusable', authentication: unauthenticated } as const;
      return accepted(encrypted(rule, name, asked), daneText(entry, destination));
    }
    case 'encrypt_and_mta_sts':
      return policyOverUnusable(rule, facts, name, daneText(entry, destination));
    case 'authenticate': {
      const authentication = { kind: 'dane', dane: recordsIn(entry) } as const;
      return accepted(
        encrypted(rule, name, { because: 'dane', authentication }),
        daneText(entry, destination),
      );
    }
    case 'authenticate_and_mta_sts': {
      const usable = { dane: recordsIn(entry), text: daneText(entry, destination) };
      return policyBesideDane(rule, facts, name, usable);
    }
  }
}

/** DANE was looked for, and what was found of it belongs to what was found. */
function beside(dane: string, terms: Terms): Terms {
  return { ...terms, discovered: `${dane}; ${terms.discovered}` };
}

function recordsIn(entry: DaneEntry): DaneAuthentication {
  if (entry.row === 'tlsa_usable') return entry.dane;
  throw new Error(`the DANE table authenticates a host that has no usable record (${entry.row})`);
}
