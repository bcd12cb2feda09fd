/** Whether everything that was seen of a peer meets a stricter rule. Pure. */
import type { FailureReason } from '../../failure';
import type { OutboundRule, SecurityLevel } from '../../peers/rule';
import { asksDane, asksPolicy } from '../../policy/asks';
import { keyText, type PeerKey } from '../day_table';
import type { DayCounts } from '../evidence';
import { unasked, type Sighting } from '../sighting';
import { effectOf, faredOf, type Missing } from './impact';

/** All that was seen of one peer in a window. */
export interface PeerRecord {
  readonly key: PeerKey;
  /** That went. */
  readonly messages: number;
  /** Days on which messages went. */
  readonly days: number;
  readonly sightings: readonly (readonly [sighting: Sighting, count: number])[];
  /** Messages of kinds that this version does not know. */
  readonly strange: number;
}

/** One for each (managed domain, direction, peer), in the order of their names. */
export function recordsByPeer(rows: readonly DayCounts[]): PeerRecord[] {
  const byPeer = new Map<string, DayCounts[]>();
  for (const row of rows) {
    const text = keyText(row.key);
    const known = byPeer.get(text);
    if (known === undefined) byPeer.set(text, [row]);
    else known.push(row);
  }
  return [...byPeer]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, of]) => {
      const [first] = of;
      return first === undefined ? [] : [recordOf(first.key, of)];
    });
}

function recordOf(key: PeerKey, rows: readonly DayCounts[]): PeerRecord {
  const busy = rows.filter(({ sightings }) => sightings.some(([seen]) => went(seen)));
  const sightings = rows.flatMap((row) => row.sightings);
  return {
    key,
    messages: sightings.reduce((sum, [seen, count]) => sum + (went(seen) ? count : 0), 0),
    days: new Set(busy.map(({ day }) => day)).size,
    sightings,
    strange: rows.reduce((sum, { strange }) => sum + strange, 0),
  };
}

export function went(seen: Sighting): boolean {
  return faredOf(seen) === 'went';
}

export type RecordVerdict =
  | { readonly kind: 'holds' }
  /** Messages that the rule would refuse or send in cleartext, and those of which that is not known, by cause. */
  | {
      readonly kind: 'open';
      readonly reasons: Readonly<Partial<Record<FailureReason, number>>>;
      readonly missing: Readonly<Partial<Record<Missing, number>>>;
      readonly weakened: number;
    };

/** Whether `after` would have let go all that was seen, and every attempt that came as far as to TLS. */
export function holdsInRecord(
  { sightings }: Pick<PeerRecord, 'sightings'>,
  before: OutboundRule,
  after: OutboundRule,
): RecordVerdict {
  const reasons = new Map<FailureReason, number>();
  const missing = new Map<Missing, number>();
  let weakened = 0;
  for (const [seen, count] of sightings) {
    if (!went(seen) && !tellsOfTls(seen)) continue;
    const effect = effectOf({ direction: 'out', before, after }, unasked(seen), 'went');
    if (effect.kind === 'refused') reasons.set(effect.reason, (reasons.get(effect.reason) ?? 0) + count);
    if (effect.kind === 'weakened') weakened += count;
    if (effect.kind === 'notKnown')
      for (const one of effect.missing) missing.set(one, (missing.get(one) ?? 0) + count);
  }
  if (reasons.size === 0 && missing.size === 0 && weakened === 0) return { kind: 'holds' };
  return {
    kind: 'open',
    reasons: Object.fromEntries(reasons),
    missing: Object.fromEntries(missing),
    weakened,
  };
}

/** Faults of ours, of DNS or of the way there, and what a sender asked for, which say nothing of what the peer does with TLS. */
const saysNothing: ReadonlySet<Sighting['reason']> = new Set([
  'none',
  'connection-failed',
  'reply',
  'undeliverable',
  'dns-lookup-failed',
  'config-invalid',
  'internal-error',
  'requiretls-not-offered',
  'requiretls-no-tls',
]);

/** An attempt that failed: it came as far as to TLS, or a rule held it up. */
function tellsOfTls({ startTls, reason }: Sighting): boolean {
  return (startTls !== 'unknown' && startTls !== 'not_tried') || !saysNothing.has(reason);
}

/** What a rule of `level` followed of what the peer publishes, and `verify` would not look at. */
export function publishedFor(
  level: SecurityLevel,
  { sightings }: Pick<PeerRecord, 'sightings'>,
): 'TLSA records' | 'an MTA-STS policy' | undefined {
  const some = (is: (seen: Sighting) => boolean) => sightings.some(([seen]) => is(seen));
  if (asksDane(level) && some(({ tlsa }) => tlsa !== 'none' && tlsa !== 'unknown')) return 'TLSA records';
  const quiet: ReadonlySet<Sighting['policy']> = new Set(['none', 'mode_none', 'unknown']);
  return asksPolicy(level) && some(({ policy }) => !quiet.has(policy)) ? 'an MTA-STS policy' : undefined;
}
