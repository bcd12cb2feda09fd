/** What differs between two loadings, one line for each rule, for the log. Pure. */
import { allSections, type PeerIndex } from '../peers/index';
import type { Section } from '../peers/section';
import type { NameMatch } from '../peers/rule';
import { printable } from '../text';
import type { InvalidDomain, ManagedDomain, Settings } from './types';

/** Lines such as `example.com [outbound partner.example]: security_level: mandatory -> verify`. */
export function changes(before: Settings, after: Settings): string[] {
  if (before === after) return [];
  return [...globalChanges(before, after), ...domainChanges(before, after)].map((line) =>
    printable(line, 1000),
  );
}

function globalChanges(before: Settings, after: Settings): string[] {
  const lines: string[] = [];
  if (before.validity.kind !== after.validity.kind)
    lines.push(`tls-peers.ini: is now ${after.validity.kind}`);
  if (before.global === after.global) return lines;
  const { outbound, inbound, ...others } = after.global;
  const { outbound: outboundBefore, inbound: inboundBefore, ...othersBefore } = before.global;
  lines.push(...sectionChange(outboundBefore, outbound), ...sectionChange(inboundBefore, inbound));
  for (const [name, section] of Object.entries(others)) {
    const old = othersBefore[name as keyof typeof others];
    lines.push(...valueChanges(`tls-peers.ini [${name}]`, { ...old }, { ...section }));
  }
  return lines;
}

function domainChanges(before: Settings, after: Settings): string[] {
  const lines: string[] = [];
  for (const [domain, now] of after.domains) {
    const was = before.domains.get(domain);
    if (was !== now) lines.push(...domainChange(was, now));
  }
  for (const domain of before.domains.keys()) {
    if (!after.domains.has(domain)) lines.push(`${domain}: no longer managed`);
  }
  return lines;
}

function domainChange(
  was: ManagedDomain | InvalidDomain | undefined,
  now: ManagedDomain | InvalidDomain,
): string[] {
  if (now.kind === 'invalid') {
    const known = was?.kind === 'invalid' && was.failure.text === now.failure.text;
    return known ? [] : [`${now.domain}: managed, its file is not valid`];
  }
  if (was?.kind !== 'managed') {
    const peers = now.outboundPeers.size + now.inboundPeers.size;
    return [`${now.domain}: managed, ${now.status}, ${peers} ${peers === 1 ? 'peer' : 'peers'}`];
  }
  return [
    ...valueChanges(now.domain, { status: was.status }, { status: now.status }),
    ...sectionChange(was.outbound, now.outbound),
    ...sectionChange(was.inbound, now.inbound),
    ...peerChanges(was.outboundPeers, now.outboundPeers),
    ...peerChanges(was.inboundPeers, now.inboundPeers),
    ...valueChanges(`${now.domain} [mta_sts]`, withoutLine(was.policy), withoutLine(now.policy)),
  ];
}

function peerChanges(was: PeerIndex<Section<object>>, now: PeerIndex<Section<object>>): string[] {
  const before = byName(was);
  const after = byName(now);
  const lines: string[] = [];
  for (const [name, section] of after) {
    const old = before.get(name);
    lines.push(...(old === undefined ? [`${name}: added`] : sectionChange(old, section)));
  }
  for (const name of before.keys()) if (!after.has(name)) lines.push(`${name}: removed`);
  return lines;
}

function byName(index: PeerIndex<Section<object>>): Map<string, Section<object>> {
  return new Map([...allSections(index)].map((section) => [section.name, section]));
}

function sectionChange(was: Section<object>, now: Section<object>): string[] {
  return valueChanges(now.name, { status: was.status, ...was.values }, { status: now.status, ...now.values });
}

function withoutLine(policy: ManagedDomain['policy']): Record<string, unknown> {
  return policy.kind === 'none' ? {} : { ...policy, line: undefined };
}

function valueChanges(name: string, was: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const keys = new Set([...Object.keys(was), ...Object.keys(now)]);
  const lines: string[] = [];
  for (const key of keys) {
    const [before, after] = [show(was[key]), show(now[key])];
    if (before === after) continue;
    // The contents of a certificate file say nothing to a reader.
    lines.push(key === 'ca_file' ? `${name}: ca_file: changed` : `${name}: ${key}: ${before} -> ${after}`);
  }
  return lines;
}

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
