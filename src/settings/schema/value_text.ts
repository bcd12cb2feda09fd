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
  if ('address' in value && 'port' in value) return showEndpoint({ ...value });
  return Object.values(value).map(show).join(' ');
}

function isNameMatch(value: { kind: unknown }): value is NameMatch {
  return ['hostname', 'nexthop', 'dot-nexthop', 'name', 'subdomains'].includes(String(value.kind));
}

interface Shown {
  readonly address: unknown;
  readonly port: unknown;
  readonly transport?: unknown;
  readonly tlsName?: unknown;
}

/** An endpoint or a resolver; a port that goes without saying is left out. */
function showEndpoint({ address, port, transport, tlsName }: Shown): string {
  const host = String(address).includes(':') ? `[${String(address)}]` : String(address);
  const usual = transport === 'plain' ? 53 : transport === 'tls' ? 853 : undefined;
  const at = port === usual ? String(address) : `${host}:${String(port)}`;
  return transport === 'tls' ? `tls://${at}#${String(tlsName)}` : at;
}

function showMatch(match: NameMatch): string {
  if (match.kind === 'name') return match.name;
  return match.kind === 'subdomains' ? `*.${match.domain}` : match.kind;
}
