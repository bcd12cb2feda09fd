/** What a level asks about the MX hosts of a domain. */
import type { SecurityLevel } from '../peers/rule';

export function asksDane(level: SecurityLevel): boolean {
  return level === 'opportunistic_dane' || level === 'mandatory_dane' || level === 'auto';
}

export function asksPolicy(level: SecurityLevel): boolean {
  return level === 'mta_sts' || level === 'auto';
}
