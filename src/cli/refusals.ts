/** What the rules in force have refused in the last days, for those who look at the configuration. */
import { refusalsOf, type Refusals, type RuleInForce } from '../evidence/views/refusals';
import type { PeerKey } from '../evidence/day_table';
import type { Day } from '../peers/day';
import type { Settings } from '../settings/schema/types';
import type { Context } from './command';
import { countsText, lastWeekOfAll } from './evidence';
import { labelled, paragraph } from './layout/paragraph';
import type { Output } from './output';
import { inboundFor, outboundFor } from './rule_changes';

export interface RecentRefusals {
  readonly refused: readonly Refusals[];
  /** What of the record could not be read. */
  readonly problems: readonly string[];
}

/** Nothing where nothing is counted. */
export async function recentRefusals(context: Context, settings: Settings): Promise<RecentRefusals> {
  const { rows, problems } = await lastWeekOfAll(context, settings);
  return { refused: refusalsOf(rows, (key) => ruleInForce(settings, key, context.today)), problems };
}

function ruleInForce(settings: Settings, key: PeerKey, today: Day): RuleInForce {
  if (key.direction === 'out') {
    const rule = outboundFor(settings, key, today);
    return rule === undefined ? 'none' : { direction: 'out', rule };
  }
  const rule = inboundFor(settings, key, today);
  return rule === undefined ? 'none' : { direction: 'in', rule };
}

const mostShown = 10;

export function refusalLines(output: Output, { refused, problems }: RecentRefusals): string[] {
  const more = refused.length - mostShown;
  return [
    ...refused
      .slice(0, mostShown)
      .flatMap((one) =>
        labelled(output, { text: 'refused', style: 'yellow' }, [refusalText(one)], { width }),
      ),
    ...(more > 0
      ? paragraph(output, [`${more} more: tls-peers traffic --sort failures`], { indent: width })
      : []),
    ...problems.flatMap((problem) =>
      labelled(output, { text: 'record', style: 'yellow' }, [problem], { width }),
    ),
  ];
}

const width = 9;

function refusalText({ managed, direction, peer, rule, messages, reasons }: Refusals): string {
  const count = messages === 1 ? '1 message' : `${messages} messages`;
  const ours = managed === '' ? 'no managed domain' : managed;
  const way = direction === 'out' ? `of ${ours} to ${peer}` : `from ${peer} to ${ours}`;
  return `${count} ${way} in the last 7 days, by ${rule}: ${countsText(reasons)}`;
}
