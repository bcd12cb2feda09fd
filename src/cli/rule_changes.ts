/** Rules as they would be: with keys set by the call, or as another config directory has them. */
import { isDeepStrictEqual } from 'node:util';
import { otherPeers, type PeerKey } from '../evidence/day_table';
import { nullSender } from '../evidence/peer_name';
import type { RuleChange } from '../evidence/views/impact';
import type { Day } from '../peers/day';
import { buildIndex, formatPeer, parsePeer, sectionsByPeer, type Peer, type PeerIndex } from '../peers/index';
import type { InboundRule, OutboundRule } from '../peers/rule';
import type { DomainRules, RuleSet } from '../peers/rule_set';
import { inboundRule, outboundRule } from '../peers/rules';
import type { Section } from '../peers/section';
import { inboundKeys, outboundKeys, type Keys } from '../settings/schema/keys';
import { UsageError } from './command';
import { newlyManaged, OtherInboundRules, otherInboundRules, otherOutboundRules } from './other_rules';

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
  const network = peer.kind === 'network' ? { network: name } : {};
  const blank = {
    name,
    ...network,
    file: '',
    line: 1,
    status: 'enabled',
    values: {} as V,
    lines: {},
  } as const;
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

type Change<Direction, Rule> = {
  readonly direction: Direction;
  readonly before: Rule;
  readonly after: Rule;
  readonly orElse: readonly Rule[];
};

function changeOf<Direction, Rule extends OutboundRule | InboundRule>(
  direction: Direction,
  before: Rule | undefined,
  [after, ...orElse]: readonly Rule[],
): Change<Direction, Rule> | 'unchanged' {
  if (before === undefined || after === undefined || (orElse.length === 0 && isSame(before, after)))
    return 'unchanged';
  return { direction, before, after, orElse };
}

/** What becomes of the rule for each peer of the record. */
export function changesBetween(before: RuleSet, after: RuleSet, today: Day): (key: PeerKey) => RuleChange {
  const added = newlyManaged(before, after);
  const others = new Map<string, OtherInboundRules>();
  const othersFor = (managed: string): OtherInboundRules => {
    const known = others.get(managed) ?? new OtherInboundRules(before, after, managed, today);
    others.set(managed, known);
    return known;
  };
  return (key) => {
    // Its mail was counted as of no managed domain.
    const domains = key.managed === '' ? ['', ...added] : [key.managed];
    if (key.peer === otherPeers && areOthersUntouched(before, after, key, today)) return 'unchanged';
    const areOthers = key.peer === otherPeers;
    if (key.direction === 'out') {
      const was = outboundFor(before, key, today);
      const found = domains.flatMap((managed) => [
        outboundFor(after, { ...key, managed }, today),
        ...(areOthers ? otherOutboundRules(before, after, managed, today) : []),
      ]);
      return changeOf('out', was, different(found));
    }
    const was = inboundFor(before, key, today);
    const found = domains.flatMap((managed) => [
      inboundFor(after, { ...key, managed }, today),
      ...(areOthers ? otherInboundRules(before, after, managed, today) : []),
      ...othersFor(managed).for(key.peer),
    ]);
    return changeOf('in', was, different(found));
  };
}

/** Whether no rule that peers without a line of their own may fall under is another one. */
function areOthersUntouched(before: RuleSet, after: RuleSet, key: PeerKey, today: Day): boolean {
  const rulesOf = (rules: RuleSet): (OutboundRule | InboundRule | undefined)[] =>
    key.direction === 'out'
      ? [outboundFor(rules, key, today), ...otherOutboundRules(before, rules, key.managed, today)]
      : [inboundFor(rules, key, today), ...otherInboundRules(before, rules, key.managed, today)];
  const [were, are] = [rulesOf(before), rulesOf(after)].map((rules) =>
    rules.map((rule) => rule && withoutNames(rule)),
  );
  return newlyManaged(before, after).length === 0 && isDeepStrictEqual(were, are);
}

/** The rule for an outbound key of the record; `undefined` where no valid file says. */
export function outboundFor(
  rules: RuleSet,
  { managed, peer }: PeerKey,
  today: Day,
): OutboundRule | undefined {
  const found = outboundRule(rules, managed, peer, today);
  return found.kind === 'rule' ? found.rule : undefined;
}

/** The same for an inbound one. */
export function inboundFor(rules: RuleSet, { managed, peer }: PeerKey, today: Day): InboundRule | undefined {
  const found = inboundRule(rules, managed, inboundPeerOf(peer), today);
  return found.kind === 'rule' ? found.rule : undefined;
}

/** Those that differ by more than their names. */
function different<R extends OutboundRule | InboundRule>(rules: readonly (R | undefined)[]): R[] {
  const found: R[] = [];
  for (const rule of rules)
    if (rule !== undefined && !found.some((other) => isSame(other, rule))) found.push(rule);
  return found;
}

function isSame<R extends OutboundRule | InboundRule>(a: R, b: R): boolean {
  return isDeepStrictEqual(withoutNames(a), withoutNames(b));
}

function withoutNames(rule: OutboundRule | InboundRule): object {
  return { ...rule, name: '', network: '' };
}

/** The peer of the record as a connection: a name without an address, or an address of its network. */
export function inboundPeerOf(peer: string): { readonly ip: string; readonly senderDomain: string } {
  const isNetwork = parsePeer(peer)?.kind === 'network';
  const [ip = ''] = isNetwork ? peer.split('/') : [];
  return { ip, senderDomain: isNetwork || peer === nullSender ? '' : peer };
}
