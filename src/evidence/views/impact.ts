/** What changed rules would have done to the messages of a window. Pure. */
import { failureStatus, type FailureReason } from '../../failure';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { asksDane, asksPolicy } from '../../policy/asks';
import { keyText, type PeerKey } from '../day_table';
import type { DayCounts } from '../evidence';
import type { Sighting } from '../sighting';
import { inboundFates, outboundFates, type Fate } from './fates';
import { countsOver, sumOver } from './sums';

/** The rules for one (managed domain, peer); `unchanged` where nothing becomes of it. */
export type RuleChange =
  | { readonly direction: 'out'; readonly before: OutboundRule; readonly after: OutboundRule }
  | { readonly direction: 'in'; readonly before: InboundRule; readonly after: InboundRule }
  | 'unchanged';

/** What would have to be known. */
export type Missing =
  /** STARTTLS was not tried, or its outcome under these terms is open. */
  | 'handshake'
  | 'certificate'
  | 'dane'
  | 'policy'
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

/** Peers whose rule is changed, those with most refused messages first. */
export function impactOf(rows: readonly DayCounts[], changeFor: (key: PeerKey) => RuleChange): PeerImpact[] {
  const peers = new Map<string, { readonly change: RuleChange; readonly sums: Sums }>();
  for (const { key, sightings } of rows) {
    const text = keyText(key);
    let one = peers.get(text);
    if (one === undefined) peers.set(text, (one = { change: changeFor(key), sums: empty(key) }));
    if (one.change === 'unchanged') continue;
    for (const [sighting, count] of sightings) add(one.sums, one.change, sighting, count);
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

function add(of: Sums, change: Exclude<RuleChange, 'unchanged'>, seen: Sighting, count: number): void {
  const fared = faredOf(seen);
  if (fared === 'not_by_rule') return;
  of.sums.messages += count;
  const effect = effectOf(change, seen, fared);
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
function faredOf({ outcome, attempt, reason }: Sighting): 'went' | 'held' | 'not_by_rule' {
  if (outcome === 'delivered' || outcome === 'accepted') return 'went';
  return attempt === 'first' && Object.hasOwn(failureStatus, reason) ? 'held' : 'not_by_rule';
}

export type Effect =
  | { readonly kind: 'none' | 'weakened' | 'released' }
  | { readonly kind: 'refused'; readonly reason: FailureReason }
  | { readonly kind: 'notKnown'; readonly missing: readonly Missing[] };

/** What becomes of one message by the change. */
export function effectOf(
  change: Exclude<RuleChange, 'unchanged'>,
  seen: Sighting,
  fared: 'went' | 'held',
): Effect {
  const fates = [
    ...(change.direction === 'out'
      ? outboundFates(change.after, seen, change.before)
      : inboundFates(change.after, seen)),
  ];
  const reasons = fates.filter((fate): fate is FailureReason => fate !== 'tls' && fate !== 'cleartext');
  const [reason] = reasons;
  if (reason !== undefined && reasons.length < fates.length)
    return { kind: 'notKnown', missing: missingIn(change, seen) };
  if (reason === undefined) return goes(fates, seen, fared);
  // Of hosts that no message came to nothing is known; inbound there are none.
  if (seen.otherHosts === 'some' && !isUnchangedFor(change))
    return { kind: 'notKnown', missing: ['other_hosts'] };
  return fared === 'held' ? { kind: 'none' } : { kind: 'refused', reason };
}

function goes(fates: readonly Fate[], seen: Sighting, fared: 'went' | 'held'): Effect {
  if (fared === 'held') return { kind: 'released' };
  const wasProtected = seen.tls !== 'none' && seen.tls !== 'unknown';
  return wasProtected && fates.every((fate) => fate === 'cleartext')
    ? { kind: 'weakened' }
    : { kind: 'none' };
}

function isUnchangedFor({ before, after }: Exclude<RuleChange, 'unchanged'>): boolean {
  return before === after;
}

function missingIn(change: Exclude<RuleChange, 'unchanged'>, seen: Sighting): Missing[] {
  const missing: Missing[] = [];
  if (seen.startTls !== 'used' && seen.startTls !== 'not_offered') missing.push('handshake');
  if (change.direction === 'out') {
    const { level } = change.after;
    if (asksDane(level) && (seen.tlsa === 'unknown' || seen.mx === 'unknown')) missing.push('dane');
    if (asksPolicy(level) && seen.policy === 'unknown') missing.push('policy');
  }
  return missing.length > 0 ? missing : ['certificate'];
}

function finished({ key, sums, reasons, missing }: Sums): PeerImpact {
  return {
    ...key,
    ...sums,
    reasons: Object.fromEntries(reasons),
    missing: Object.fromEntries(missing),
  };
}
