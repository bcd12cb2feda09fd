/** What differs between two loadings, one line for each rule, for the log. Pure. */
import { allSections, sectionsByPeer, type PeerIndex } from '../../peers/index';
import { isWritten, type Section } from '../../peers/section';
import { printable } from '../../text';
import type { InvalidDomain, ManagedDomain, Settings } from '../schema/types';
import { show } from '../schema/value_text';

/** Lines such as `example.com [outbound partner.example]: security_level: mandatory -> verify`. */
export function changes(before: Settings, after: Settings): string[] {
  if (before === after) return [];
  return [...globalChanges(before, after), ...domainChanges(before, after)].map((line) =>
    printable(line, 1000),
  );
}

function globalChanges(before: Settings, after: Settings): string[] {
  const lines: string[] = [];
  // Valid settings stay in force, so this is the one way that it changes.
  if (before.validity.kind !== after.validity.kind) lines.push('not all mail is held back any more');
  if (before.global === after.global) return lines;
  const { outbound, inbound, outboundPeers, inboundPeers, ...others } = after.global;
  const { global: was } = before;
  lines.push(
    ...sectionChange(was.outbound, outbound),
    ...sectionChange(was.inbound, inbound),
    ...peerChanges(was.outboundPeers, outboundPeers),
    ...peerChanges(was.inboundPeers, inboundPeers),
  );
  for (const [name, section] of Object.entries(others)) {
    const old = was[name as keyof typeof others];
    lines.push(...valueChanges(`tls-peers.ini [${asWritten(name)}]`, { ...old }, { ...section }));
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
  if (was?.kind !== 'managed') return newDomain(now);
  return [
    ...valueChanges(now.domain, { status: was.status }, { status: now.status }),
    ...sectionChange(was.outbound, now.outbound),
    ...sectionChange(was.inbound, now.inbound),
    ...peerChanges(was.outboundPeers, now.outboundPeers),
    ...peerChanges(was.inboundPeers, now.inboundPeers),
    ...valueChanges(`${now.domain} [mta_sts]`, withoutLine(was.policy), withoutLine(now.policy)),
  ];
}

function newDomain(now: ManagedDomain): string[] {
  const peers = now.outboundPeers.size + now.inboundPeers.size;
  const defaults = [now.outbound, now.inbound].filter(isWritten);
  const sections = [...defaults, ...allSections(now.outboundPeers), ...allSections(now.inboundPeers)];
  return [
    `${now.domain}: managed, ${now.status}, ${peers} ${peers === 1 ? 'peer' : 'peers'}`,
    ...sections.map(added),
    ...valueChanges(`${now.domain} [mta_sts]`, {}, withoutLine(now.policy)),
  ];
}

/** However a peer is written, it is the same one. */
function peerChanges(was: PeerIndex<Section<object>>, now: PeerIndex<Section<object>>): string[] {
  const before = new Map(sectionsByPeer(was));
  const after = new Map(sectionsByPeer(now));
  const lines: string[] = [];
  for (const [peer, section] of after) {
    const old = before.get(peer);
    lines.push(...(old === undefined ? [added(section)] : sectionChange(old, section)));
  }
  for (const [peer, { name }] of before) if (!after.has(peer)) lines.push(`${name}: removed`);
  return lines;
}

function added({ name, status, values }: Section<object>): string {
  const written = Object.entries({ ...(status === 'disabled' && { status }), ...values });
  const texts = written.map(([key, value]) => (isContents(key) ? key : `${key} = ${show(value)}`));
  return texts.length === 0 ? `${name}: added` : `${name}: added: ${texts.join('; ')}`;
}

function sectionChange(was: Section<object>, now: Section<object>): string[] {
  return valueChanges(now.name, { status: was.status, ...was.values }, { status: now.status, ...now.values });
}

function withoutLine(policy: ManagedDomain['policy']): Record<string, unknown> {
  return policy.kind === 'none' ? {} : { ...policy, kind: undefined, line: undefined };
}

function valueChanges(name: string, was: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const keys = new Set([...Object.keys(was), ...Object.keys(now)]);
  const lines: string[] = [];
  for (const key of keys) {
    const [before, after] = [show(was[key]), show(now[key])];
    if (before === after) continue;
    lines.push(`${name}: ${asWritten(key)}: ${isContents(key) ? 'changed' : `${before} -> ${after}`}`);
  }
  return lines;
}

/** The name of a key or section as a file has it: `maxAge` is written `max_age`. */
function asWritten(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether settings hold what a file says in place of its name, which says nothing to a reader. */
function isContents(key: string): boolean {
  return key === 'ca_file';
}
