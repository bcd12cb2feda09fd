/** Whose mail is treated alike on its way to one peer. Pure. */
import type { Day } from '../peers/day';
import type { OutboundRule } from '../peers/rule';
import { outboundRule, type Found } from '../peers/rules';
import type { Settings } from '../settings/schema/types';

/** A sender, and the rule that governs its mail. */
export interface RuledSender {
  /** A domain; empty for the null sender, which stands for mail of every domain that is not managed. */
  readonly sender: string;
  /** The name of the rule; empty where the configuration is not valid. */
  readonly rule: string;
}

/** Senders under rules that differ in nothing but their names. */
export interface SenderGroup {
  /** Never empty. */
  readonly senders: readonly RuledSender[];
  readonly found: Found<OutboundRule>;
}

/** Every domain that is managed, in order. */
export function everyManaged(settings: Settings): string[] {
  return [...settings.domains.values()]
    .filter((domain) => domain.kind === 'invalid' || domain.status === 'enabled')
    .map(({ domain }) => domain)
    .sort();
}

/** The same, and the null sender for all that are not. */
export function everySender(settings: Settings): string[] {
  return [...everyManaged(settings), ''];
}

/** `senders` by what a message of theirs to `recipientDomain` is held to; `today` as for `outboundRule`. */
export function senderGroups(
  settings: Settings,
  senders: readonly string[],
  recipientDomain: string,
  today: Day,
): SenderGroup[] {
  const groups = new Map<string, { senders: RuledSender[]; found: Found<OutboundRule> }>();
  for (const sender of senders) {
    const found = outboundRule(settings, sender, recipientDomain, today);
    const key = contentOf(found);
    const group = groups.get(key) ?? { senders: [], found };
    group.senders.push({ sender, rule: found.kind === 'rule' ? found.rule.name : '' });
    groups.set(key, group);
  }
  return [...groups.values()];
}

function contentOf(found: Found<OutboundRule>): string {
  if (found.kind === 'invalid') return JSON.stringify(found);
  return JSON.stringify({ ...found.rule, name: '' });
}
