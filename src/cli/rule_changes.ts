/** Rules as they would be: with keys set by the call, or as another config directory has them. */
import { isDeepStrictEqual } from 'node:util';
import type { PeerKey } from '../evidence/day_table';
import { nullSender } from '../evidence/peer_name';
import type { RuleChange } from '../evidence/views/impact';
import type { Day } from '../peers/day';
import { buildIndex, formatPeer, parsePeer, sectionsByPeer, type Peer, type PeerIndex } from '../peers/index';
import type { DomainRules, RuleSet } from '../peers/rule_set';
import { inboundRule, outboundRule } from '../peers/rules';
import type { Section } from '../peers/section';
import { inboundKeys, outboundKeys, type Keys } from '../settings/schema/keys';
import { UsageError } from './command';

/** What a call would have written, and where. */
export interface Wish {
  readonly direction: PeerKey['direction'];
  /** Absent: in tls-peers.ini where no peer is named, else in the file of every managed domain. */
  readonly managed: string | undefined;
  /** Absent: in the default. */
  readonly peer: Peer | undefined;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What `--set key=value` asks for. @throws UsageError that names the key and what is allowed */
export function wishedValues(
  sets: readonly string[],
  direction: PeerKey['direction'],
): Record<string, unknown> {
  const keys: Keys = direction === 'out' ? outboundKeys : inboundKeys;
  const values: Record<string, unknown> = {};
  for (const set of sets) {
    const at = set.indexOf('=');
    const name = set.slice(0, at).trim();
    const key = at > 0 && Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined)
      throw new UsageError(`--set takes KEY=VALUE, where KEY is one of ${Object.keys(keys).join(', ')}`);
    const text = set.slice(at + 1).trim();
    if (name === 'security_level' && text.toLowerCase() === 'secure')
      throw new UsageError('--set security_level=secure: write verify, and match=nexthop,dot-nexthop');
    const reading = key.type.read(text);
    if (reading.kind === 'wrong')
      throw new UsageError(`--set ${name}: ${reading.problem}: ${text}; allowed: ${key.type.allowed}`);
    values[name] = reading.value;
  }
  return values;
}

/** The rules with the wish fulfilled. @throws UsageError where there is no such managed domain */
export function withWish(settings: RuleSet, wish: Wish): RuleSet {
  const { managed, peer, direction } = wish;
  if (managed === undefined || managed === '') {
    if (peer === undefined) return withGlobalDefault(settings, wish);
    if (managed === '') return withGlobalPeer(settings, peer, wish);
  }
  const domains = new Map(settings.domains);
  for (const [name, rules] of settings.domains) {
    if (rules.kind !== 'managed' || (managed !== undefined && managed !== name)) continue;
    domains.set(name, direction === 'out' ? withOutbound(rules, wish) : withInbound(rules, wish));
  }
  if (managed !== undefined && domains.get(managed)?.kind !== 'managed')
    throw new UsageError(`no managed domain with a valid file: ${managed}`);
  return { ...settings, domains };
}

function withGlobalDefault(settings: RuleSet, { direction, values }: Wish): RuleSet {
  const { global } = settings;
  return direction === 'out'
    ? { ...settings, global: { ...global, outbound: edited(global.outbound, values) } }
    : { ...settings, global: { ...global, inbound: edited(global.inbound, values) } };
}

/** A peer of tls-peers.ini. */
function withGlobalPeer(settings: RuleSet, peer: Peer, { direction, values }: Wish): RuleSet {
  const { global } = settings;
  return direction === 'out'
    ? { ...settings, global: { ...global, outboundPeers: withPeer(global.outboundPeers, peer, values) } }
    : { ...settings, global: { ...global, inboundPeers: withPeer(global.inboundPeers, peer, values) } };
}

function withOutbound(rules: DomainRules, { peer, values }: Wish): DomainRules {
  return peer === undefined
    ? { ...rules, outbound: edited(rules.outbound, values) }
    : { ...rules, outboundPeers: withPeer(rules.outboundPeers, peer, values) };
}

function withInbound(rules: DomainRules, { peer, values }: Wish): DomainRules {
  return peer === undefined
    ? { ...rules, inbound: edited(rules.inbound, values) }
    : { ...rules, inboundPeers: withPeer(rules.inboundPeers, peer, values) };
}

/** Written, whether it was before or not. */
function edited<V>(section: Section<V>, values: Wish['values']): Section<V> {
  return {
    ...section,
    line: Math.max(1, section.line),
    status: 'enabled',
    values: { ...section.values, ...(values as Partial<V>) },
  };
}

function withPeer<V>(
  index: PeerIndex<Section<V>>,
  peer: Peer,
  values: Wish['values'],
): PeerIndex<Section<V>> {
  const name = formatPeer(peer);
  const blank = { name, file: '', line: 1, status: 'enabled', values: {} as V, lines: {} } as const;
  let own: Section<V> = blank;
  const others: [Peer, Section<V>][] = [];
  for (const [text, section] of sectionsByPeer(index)) {
    if (text === name) own = section;
    else {
      const parsed = parsePeer(text);
      if (parsed !== undefined) others.push([parsed, section]);
    }
  }
  return buildIndex([...others, [peer, edited(own, values)]]);
}

/** What becomes of the rule for each peer of the record. */
export function changesBetween(before: RuleSet, after: RuleSet, today: Day): (key: PeerKey) => RuleChange {
  return (key) => {
    if (key.direction === 'out') {
      const [was, is] = [before, after].map((rules) => outboundRule(rules, key.managed, key.peer, today));
      if (was?.kind !== 'rule' || is?.kind !== 'rule' || isSame(was.rule, is.rule)) return 'unchanged';
      return { direction: 'out', before: was.rule, after: is.rule };
    }
    const peer = inboundPeerOf(key.peer);
    const [was, is] = [before, after].map((rules) => inboundRule(rules, key.managed, peer, today));
    if (was?.kind !== 'rule' || is?.kind !== 'rule' || isSame(was.rule, is.rule)) return 'unchanged';
    return { direction: 'in', before: was.rule, after: is.rule };
  };
}

function isSame(a: { readonly name: string }, b: { readonly name: string }): boolean {
  return isDeepStrictEqual({ ...a, name: '' }, { ...b, name: '' });
}

/** The peer of the record as a connection: a name without an address, or an address of its network. */
export function inboundPeerOf(peer: string): { readonly ip: string; readonly senderDomain: string } {
  const isNetwork = parsePeer(peer)?.kind === 'network';
  const [ip = ''] = isNetwork ? peer.split('/') : [];
  return { ip, senderDomain: isNetwork || peer === nullSender ? '' : peer };
}
