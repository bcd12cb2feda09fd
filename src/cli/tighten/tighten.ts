/** Everything that `tls-peers tighten` finds out, before anything is printed or written. */
import { recordsByPeer, type PeerRecord } from '../../evidence/views/tighten';
import { isWanted, type Wanted } from '../../evidence/evidence';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { harakaTls } from '../../settings/haraka/outbound_tls';
import { directorySource } from '../../settings/load/source';
import type { Context } from '../command';
import { readEvidence, wantedOf } from '../evidence';
import { HostChecks } from '../host_checks';
import { inTurns } from '../in_turns';
import { startMeter } from '../meter';
import { openSources } from '../sources';
import { exemptions, isNotNeeded, type Exemption } from './exemptions';
import { planSections, type Plan } from './plan';
import { consider, type LeftPeer, type Proposal, type Thresholds } from './proposals';
import { refusingRules, type RefusingRule } from './refusing';

export interface Tightening {
  readonly wanted: Wanted;
  readonly problems: readonly string[];
  /** Files of the record that could not be read: a failure may stand in them. */
  readonly unread: number;
  readonly plan: Plan;
  readonly left: readonly LeftPeer[];
  /** Peers of the record of which too little was seen, or whose rule is the strictest there is. */
  readonly passedOver: number;
  readonly refusing: readonly RefusingRule[];
  readonly notNeeded: readonly Exemption[];
}

/** Days of the window where the call names none: as long as the record is kept by default. */
const usualDays = 30;

/** Peers that are looked at together. */
const atOnce = 8;

/** Reads the record, asks DNS and connects. @throws CommandError, UsageError */
export async function tightening(context: Context, thresholds: Thresholds): Promise<Tightening> {
  const { directory, output, options, today } = context;
  const wanted: Wanted = { ...wantedOf(context, usualDays), direction: 'out' };
  // Everybody, for a rule may let go what came from others, and none of theirs may change.
  const everybody = { ...context, options: { ...options, managed: undefined, peer: undefined } };
  const { rows, problems, unread, settings } = await readEvidence(everybody, usualDays);
  const records = recordsByPeer(rows);
  const source = directorySource(directory);
  const sources = openSources(settings.global, directory);
  try {
    const checks = new HostChecks({
      sources,
      global: settings.global,
      ehloName: ehloName(source),
      haraka: harakaTls(source),
      progress: () => undefined,
    });
    const asked = records.filter(({ key }) => isWanted(wanted, key));
    const weaker = exemptions(settings, peersSeen(records), today).filter((one) => isAskedFor(one, wanted));
    const meter = startMeter('looking at hosts', asked.length + weaker.length, (line) =>
      output.progress(line),
    );
    try {
      const considered = await inTurns(asked, atOnce, async (record) => {
        const found = await consider(record, { settings, today, thresholds, checks });
        meter.advance(record.key.peer);
        return found;
      });
      const needed = await inTurns(weaker, atOnce, async (one) => {
        const over = await isNotNeeded(one, checks);
        meter.advance(one.section.name);
        return over;
      });
      const proposals = considered.filter((one): one is Proposal => one.kind === 'proposed');
      const keys = records.map(({ key }) => key);
      return {
        wanted,
        problems,
        unread,
        plan: planSections(proposals, { directory, source, settings, today, keys }),
        left: considered.filter((one): one is LeftPeer => one.kind === 'left'),
        passedOver: considered.filter(({ kind }) => kind === 'passed_over').length,
        refusing: refusingRules(records, settings, today).filter((one) => isRefusedOf(one, records, wanted)),
        notNeeded: weaker.filter((_, at) => needed[at] === true),
      };
    } finally {
      meter.stop();
    }
  } finally {
    await sources.close();
  }
}

function peersSeen(records: readonly PeerRecord[]): Map<string, string[]> {
  const seen = new Map<string, string[]>();
  for (const { key } of records) {
    if (key.direction !== 'out') continue;
    const peers = seen.get(key.managed) ?? [];
    seen.set(key.managed, peers);
    peers.push(key.peer);
  }
  return seen;
}

function isAskedFor({ section, peers }: Exemption, { managed, peer }: Wanted): boolean {
  const isOfDomain =
    managed === undefined || section.name.startsWith(managed === '' ? 'tls-peers.ini ' : `${managed} `);
  return isOfDomain && (peer === undefined || peers.some((one) => isWanted({ peer }, keyOf(one))));
}

function isRefusedOf(rule: RefusingRule, records: readonly PeerRecord[], { managed, peer }: Wanted): boolean {
  if (managed === undefined && peer === undefined) return true;
  return records.some(
    ({ key }) =>
      key.direction === rule.direction &&
      rule.peers.includes(key.peer) &&
      isWanted(
        { ...(managed === undefined ? {} : { managed }), ...(peer === undefined ? {} : { peer }) },
        key,
      ),
  );
}

const keyOf = (peer: string) => ({ managed: '', direction: 'out', peer }) as const;
