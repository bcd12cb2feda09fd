/** Values as people write them. Pure. */
import type { NameMatch } from '../../peers/rule';

/** A value as it would be written, or nearly. */
export function show(value: unknown): string {
  if (value === undefined || value === '') return '(not set)';
  if (Array.isArray(value)) return value.length === 0 ? '(not set)' : value.map(show).join(', ');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (typeof value !== 'object' || value === null) return '';
  if ('kind' in value && isNameMatch(value)) return showMatch(value);
  return Object.values(value).map(show).join(' ');
}

function isNameMatch(value: { kind: unknown }): value is NameMatch {
  return ['hostname', 'nexthop', 'dot-nexthop', 'name', 'subdomains'].includes(String(value.kind));
}

function showMatch(match: NameMatch): string {
  if (match.kind === 'name') return match.name;
  return match.kind === 'subdomains' ? `*.${match.domain}` : match.kind;
}
