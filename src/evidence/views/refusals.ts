/** What the rules in force have refused: messages that they held up or did not let in, and would again. Pure. */
import type { FailureReason } from '../../failure';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { keyText, type PeerKey } from '../day_table';
import type { DayCounts } from '../evidence';
import { unasked, type Sighting } from '../sighting';
import { effectOf, faredOf } from './impact';

/** The rule for one (managed domain, peer), as it is in force now. */
export type RuleInForce =
  | { readonly direction: 'out'; readonly rule: OutboundRule }
  | { readonly direction: 'in'; readonly rule: InboundRule }
  | 'none';

export interface Refusals extends PeerKey {
  /** The name of the rule. */
  readonly rule: string;
  /** Each once, however often it was tried. */
  readonly messages: number;
  readonly reasons: Readonly<Partial<Record<FailureReason, number>>>;
}

/** Those with most first. What another rule refused, before the one that is in force now, is not among them. */
export function refusalsOf(rows: readonly DayCounts[], ruleFor: (key: PeerKey) => RuleInForce): Refusals[] {
  const all = new Map<string, { key: PeerKey; rule: string; reasons: Map<FailureReason, number> }>();
  for (const { key, sightings } of rows) {
    const refused = sightings.filter(([seen]) => isRefused(seen));
    if (refused.length === 0) continue;
    const found = ruleFor(key);
    if (found === 'none') continue;
    const text = keyText(key);
    const one = all.get(text) ?? { key, rule: found.rule.name, reasons: new Map<FailureReason, number>() };
    for (const [seen, count] of refused) {
      const reason = seen.reason as FailureReason;
      if (wouldAgain(found, seen)) one.reasons.set(reason, (one.reasons.get(reason) ?? 0) + count);
    }
    if (one.reasons.size > 0) all.set(text, one);
  }
  return [...all.values()]
    .map(({ key, rule, reasons }) => ({
      ...key,
      rule,
      messages: [...reasons.values()].reduce((sum, count) => sum + count, 0),
      reasons: Object.fromEntries(reasons),
    }))
    .sort((a, b) => b.messages - a.messages || (keyText(a) < keyText(b) ? -1 : 1));
}

/** Faults of our own, and what a sender asked for, are no rule's doing. */
const noRules: ReadonlySet<string> = new Set([
  'config-invalid',
  'internal-error',
  'requiretls-not-offered',
  'requiretls-no-tls',
]);

function isRefused(seen: Sighting): boolean {
  return faredOf(seen) === 'held' && !noRules.has(seen.reason);
}

function wouldAgain(found: Exclude<RuleInForce, 'none'>, seen: Sighting): boolean {
  const change =
    found.direction === 'out'
      ? ({ direction: 'out', before: found.rule, after: found.rule } as const)
      : ({ direction: 'in', before: found.rule, after: found.rule } as const);
  return effectOf(change, unasked(seen), 'held').kind !== 'released';
}
