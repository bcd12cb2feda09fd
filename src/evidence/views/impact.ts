/** What changed rules would have done to the messages of a window. Pure. */
import { failureStatus, type FailureReason } from '../../failure';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { asksDane, asksPolicy } from '../../policy/asks';
import { keyText, type PeerKey } from '../day_table';
import type { DayCounts } from '../evidence';
import type { Sighting } from '../sighting';
import { fatesElsewhere, inboundFates, outboundFates, type Fate } from './fates';
import { knownOtherwise } from './known_otherwise';
import { countsOver, sumOver } from './sums';

interface Changed<Direction, Rule> {
  readonly direction: Direction;
  readonly before: Rule;
  readonly after: Rule;
  /** Rules that might be meant instead: which one goes by what the record does not hold. */
  readonly orElse?: readonly Rule[];
}

/** The rules for one (managed domain, peer); `unchanged` where nothing becomes of it. */
export type RuleChange = Changed<'out', OutboundRule> | Changed<'in', InboundRule> | 'unchanged';

/** What would have to be known. */
export type Missing =
  /** STARTTLS was not tried, or its outcome under these terms is open. */
  | 'handshake'
  | 'certificate'
  | 'dane'
  | 'policy'
  /** Which rule it would be: that goes by the address of a client, or by a domain that was not managed. */
  | 'rule'
  /** The host that was seen would be refused; the peer has others. */
  | 'other_hosts';

export interface Impact {
  /** That went, or were let in, and those that a rule held up or refused when they came first. */
  readonly messages: number;
  /** Went, and would be refused. */
  readonly refused: number;
  /** Went over TLS, and would go in cleartext. */
  readonly weakened: number;
  /** Were held up or refused, and would go. */
  readonly released: number;
  readonly notKnown: number;
  readonly reasons: Readonly<Partial<Record<FailureReason, number>>>;
  readonly missing: Readonly<Partial<Record<Missing, number>>>;
}

export interface PeerImpact extends Impact, PeerKey {}

interface Sums {
  readonly key: PeerKey;
  readonly sums: Record<'messages' | 'refused' | 'weakened' | 'released' | 'notKnown', number>;
  readonly reasons: Map<FailureReason, number>;
  readonly missing: Map<Missing, number>;
}

/**
 * Peers whose rule is changed, those with most refused messages first.
 *
 * @param all what else was counted in the window: what it shows of the same peers counts as well
 */
export function impactOf(
  rows: readonly DayCounts[],
  changeFor: (key: PeerKey) => RuleChange,
  all: readonly DayCounts[] = rows,
): PeerImpact[] {
  const complete = knownOtherwise(all);
  const peers = new Map<string, { readonly change: RuleChange; readonly sums: Sums }>();
  for (const { key, sightings } of rows) {
    const text = keyText(key);
    let one = peers.get(text);
    if (one === undefined) peers.set(text, (one = { change: changeFor(key), sums: empty(key) }));
    if (one.change === 'unchanged') continue;
    for (const [seen, count] of sightings)
      add(one.sums, one.change, { seen, known: complete(key.peer, seen) }, count);
  }
  return [...peers.values()]
    .filter(({ change }) => change !== 'unchanged')
    .map(({ sums }) => finished(sums))
    .sort((a, b) => b.refused - a.refused || b.notKnown - a.notKnown || (keyText(a) < keyText(b) ? -1 : 1));
}

/** All of them in one. */
export function totalImpact(peers: readonly PeerImpact[]): Impact {
  return {
    messages: sumOver(peers, ({ messages }) => messages),
    refused: sumOver(peers, ({ refused }) => refused),
    weakened: sumOver(peers, ({ weakened }) => weakened),
    released: sumOver(peers, ({ released }) => released),
    notKnown: sumOver(peers, ({ notKnown }) => notKnown),
    reasons: countsOver(peers, ({ reasons }) => reasons),
    missing: countsOver(peers, ({ missing }) => missing),
  };
}

function empty(key: PeerKey): Sums {
  const sums = { messages: 0, refused: 0, weakened: 0, released: 0, notKnown: 0 };
  return { key, sums, reasons: new Map(), missing: new Map() };
}

/** A message, and the same with what others showed of its peer. */
interface Told {
  readonly seen: Sighting;
  readonly known: Sighting;
}

function add(of: Sums, change: Exclude<RuleChange, 'unchanged'>, { seen, known }: Told, count: number): void {
  const fared = faredOf(seen);
  if (fared === 'not_by_rule') return;
  of.sums.messages += count;
  const effect = effectOf(change, seen, fared, known);
  switch (effect.kind) {
    case 'none':
      return;
    case 'refused':
      of.reasons.set(effect.reason, (of.reasons.get(effect.reason) ?? 0) + count);
      break;
    case 'notKnown':
      for (const one of effect.missing) of.missing.set(one, (of.missing.get(one) ?? 0) + count);
      break;
    case 'weakened':
    case 'released':
  }
  of.sums[effect.kind] += count;
}

/** A message that waits is counted when it waits for the first time. */
export function faredOf({ outcome, attempt, reason }: Sighting): 'went' | 'held' | 'not_by_rule' {
  if (outcome === 'delivered' || outcome === 'accepted') return 'went';
  return attempt === 'first' && Object.hasOwn(failureStatus, reason) ? 'held' : 'not_by_rule';
}

export type Effect =
  | { readonly kind: 'none' | 'weakened' | 'released' }
  | { readonly kind: 'refused'; readonly reason: FailureReason }
  | { readonly kind: 'notKnown'; readonly missing: readonly Missing[] };

/**
 * What becomes of one message by the change.
 *
 * @param known with what others showed of the peer
 */
export function effectOf(
  change: Exclude<RuleChange, 'unchanged'>,
  seen: Sighting,
  fared: 'went' | 'held',
  known: Sighting = seen,
): Effect {
  const fates = fatesIn(change, known);
  const [reason] = fates.filter(isRefusal);
  if (reason === undefined) return goes(change, { seen, known }, fared, fates);
  if (!fates.every(isRefusal)) return { kind: 'notKnown', missing: missingIn(change, known) };
  // Of hosts that no message came to nothing is known; inbound there are none.
  if (seen.otherHosts !== 'none' && !elsewhere(change, known).every(isRefusal))
    return { kind: 'notKnown', missing: ['other_hosts'] };
  return fared === 'held' ? { kind: 'none' } : { kind: 'refused', reason };
}

function isRefusal(fate: Fate): fate is FailureReason {
  return fate !== 'tls' && fate !== 'cleartext';
}

function fatesIn(change: Exclude<RuleChange, 'unchanged'>, seen: Sighting): Fate[] {
  const fates =
    change.direction === 'out'
      ? rulesIn(change).map((rule) => outboundFates(rule, seen, change.before))
      : rulesIn(change).map((rule) => inboundFates(rule, seen));
  return [...new Set(fates.flatMap((some) => [...some]))];
}

function rulesIn<Rule>({ after, orElse = [] }: Changed<unknown, Rule>): Rule[] {
  return [after, ...orElse];
}

function elsewhere(change: Exclude<RuleChange, 'unchanged'>, seen: Sighting): Fate[] {
  return change.direction === 'out'
    ? rulesIn(change).flatMap((rule) => [...fatesElsewhere(rule, seen, change.before)])
    : [];
}

function goes(
  change: Exclude<RuleChange, 'unchanged'>,
  { seen, known }: Told,
  fared: 'went' | 'held',
  fates: readonly Fate[],
): Effect {
  if (fared === 'held') return { kind: 'released' };
  if (seen.tls === 'none' || seen.tls === 'unknown') return { kind: 'none' };
  // A host that the rule in force had refused comes first, and may take it in cleartext.
  if (seen.otherHosts === 'before' && elsewhere(change, known).includes('cleartext'))
    return { kind: 'notKnown', missing: ['other_hosts'] };
  if (!fates.includes('cleartext')) return { kind: 'none' };
  return fates.includes('tls')
    ? { kind: 'notKnown', missing: missingIn(change, known) }
    : { kind: 'weakened' };
}

const handshakeKnown: ReadonlySet<Sighting['startTls']> = new Set(['used', 'not_offered', 'broken']);

function missingIn(change: Exclude<RuleChange, 'unchanged'>, seen: Sighting): Missing[] {
  if (change.direction === 'in') return ['rule'];
  const missing: Missing[] = [];
  if (!handshakeKnown.has(seen.startTls)) missing.push('handshake');
  const { level } = change.after;
  if (asksDane(level) && (seen.tlsa === 'unknown' || seen.mx === 'unknown')) missing.push('dane');
  if (asksPolicy(level) && seen.policy === 'unknown') missing.push('policy');
  if (missing.length > 0) return missing;
  return [(change.orElse ?? []).length > 0 ? 'rule' : 'certificate'];
}

function finished({ key, sums, reasons, missing }: Sums): PeerImpact {
  return {
    ...key,
    ...sums,
    reasons: Object.fromEntries(reasons),
    missing: Object.fromEntries(missing),
  };
}
