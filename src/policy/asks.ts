/** What a level asks about the MX hosts of a domain. */
import type { SecurityLevel } from '../peers/rule';
import type { DaneLevel } from './tables';

interface Asks {
  /** `required`: without DANE nothing is delivered. */
  readonly dane: 'no' | 'where_it_applies' | 'required';
  readonly policy: 'no' | 'yes';
}

// prettier-ignore
const asks: Readonly<Record<SecurityLevel, Asks>> = {
  none:               { dane: 'no',               policy: 'no' },
  opportunistic:      { dane: 'no',               policy: 'no' },
  mandatory:          { dane: 'no',               policy: 'no' },
  verify:             { dane: 'no',               policy: 'no' },
  opportunistic_dane: { dane: 'where_it_applies', policy: 'no' },
  mandatory_dane:     { dane: 'required',         policy: 'no' },
  mta_sts:            { dane: 'no',               policy: 'yes' },
  auto:               { dane: 'where_it_applies', policy: 'yes' },
};

export function asksDane(level: SecurityLevel): level is DaneLevel {
  return asks[level].dane !== 'no';
}

export function requiresDane(level: SecurityLevel): boolean {
  return asks[level].dane === 'required';
}

export function asksPolicy(level: SecurityLevel): boolean {
  return asks[level].policy === 'yes';
}
