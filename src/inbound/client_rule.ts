/** Which rule an incoming recipient falls under. Pure. */
import { addressCandidates, ownerOf } from '../peers/candidates';
import type { Day } from '../peers/day';
import { parseAddress } from '../peers/network';
import type { InboundRule } from '../peers/rule';
import { completeInbound, inboundDefaults, inboundRule, type Found } from '../peers/rules';
import { standing } from '../peers/section';
import type { Settings } from '../settings/schema/types';

/** Who hands us the message. */
export interface Client {
  /** The address that Haraka believes, behind a proxy too. */
  readonly ip: string;
  /** The domain of the envelope sender, empty for the null sender. */
  readonly senderDomain: string;
  /**
   * `own`: authenticated, or allowed to relay. Whatever sender it names, it is not that domain's server, so only a rule
   * for its address can be meant for it.
   */
  readonly kind: 'peer' | 'own';
}

/** `none`: no rule is meant for this client. */
export type FoundForClient = Found<InboundRule> | { readonly kind: 'none' };

/** @param today the day in UTC as `YYYY-MM-DD`, for `exempt_until` */
export function ruleForClient(
  settings: Settings,
  recipientDomain: string,
  client: Client,
  today: Day,
): FoundForClient {
  return client.kind === 'peer'
    ? inboundRule(settings, recipientDomain, client, today)
    : ruleForAddress(settings, recipientDomain, client.ip, today);
}

function ruleForAddress(settings: Settings, recipientDomain: string, ip: string, today: Day): FoundForClient {
  const owner = ownerOf(settings, recipientDomain);
  if (owner.kind === 'invalid') return owner;
  const address = parseAddress(ip);
  if (address === undefined) return { kind: 'none' };
  for (const { section, barred } of addressCandidates(settings, owner, address)) {
    if (barred !== 'no' || standing(section, today) !== 'applies') continue;
    return { kind: 'rule', rule: completeInbound(section, inboundDefaults(settings, owner), today) };
  }
  return { kind: 'none' };
}
