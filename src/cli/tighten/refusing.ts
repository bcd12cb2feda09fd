/** Rules in force that refused whatever came. Pure. */
import type { PeerKey } from '../../evidence/day_table';
import { countsOver, sumOver } from '../../evidence/views/sums';
import { faredOf } from '../../evidence/views/impact';
import type { PeerRecord } from '../../evidence/views/tighten';
import type { Day } from '../../peers/day';
import type { Settings } from '../../settings/schema/types';
import { inboundFor, outboundFor } from '../rule_changes';

export interface RefusingRule {
  readonly direction: PeerKey['direction'];
  readonly rule: string;
  readonly level: string;
  readonly peers: readonly string[];
  /** When they came first. */
  readonly refused: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** @param records of everybody: a rule may let go what came from others */
export function refusingRules(
  records: readonly PeerRecord[],
  settings: Settings,
  today: Day,
): RefusingRule[] {
  const byRule = new Map<string, { readonly level: string; readonly fared: Fared[] }>();
  for (const { key, sightings } of records) {
    const rule =
      key.direction === 'out' ? outboundFor(settings, key, today) : inboundFor(settings, key, today);
    if (rule === undefined || rule.enforcement === 'monitor') continue;
    const { name, level } = rule;
    // What came under another level says nothing of this one.
    const under = sightings.filter(([seen]) => seen.level === level);
    const text = `${key.direction} ${name}`;
    const known = byRule.get(text) ?? { level, fared: [] };
    byRule.set(text, known);
    known.fared.push({
      key,
      name,
      went: sumOver(under, ([seen, count]) => (faredOf(seen) === 'went' ? count : 0)),
      reasons: countsOver(under, ([seen, count]) =>
        // What a sender asked for is no rule's doing.
        faredOf(seen) === 'held' && seen.requireTls !== 'required' ? { [seen.reason]: count } : {},
      ),
    });
  }
  return [...byRule.values()].flatMap(({ level, fared }) => refusing(level, fared));
}

interface Fared {
  readonly key: PeerKey;
  readonly name: string;
  readonly went: number;
  readonly reasons: Readonly<Record<string, number>>;
}

function refusing(level: string, fared: readonly Fared[]): RefusingRule[] {
  const [first] = fared;
  const reasons = countsOver(fared, (one) => one.reasons);
  const refused = sumOver(Object.values(reasons), (count) => count);
  if (first === undefined || refused === 0 || fared.some((one) => one.went > 0)) return [];
  const peers = fared.filter((one) => Object.keys(one.reasons).length > 0).map(({ key }) => key.peer);
  const { direction } = first.key;
  return [{ direction, rule: first.name, level, peers: [...new Set(peers)].sort(), refused, reasons }];
}
