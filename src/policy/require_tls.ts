/**
 * What the sender of a message asks of the way to its recipients (RFC 8689): REQUIRETLS, or "TLS-Required: No". Pure.
 *
 * The tag is set when the message comes in, and travels in the notes of its queue file. What it asks for depends on who is to
 * be told of a failure, and on how far the operator holds the peer to it (`requiretls` of the rule).
 */
import { asksWhatPeersPublish, type OutboundRule, type RequireTlsMode } from '../peers/rule';
import type { SenderTag } from '../peers/sender_tag';

/** What a tag comes to at one peer. */
export interface Treatment {
  /** Whether REQUIRETLS is said at MAIL, within TLS. */
  readonly keyword: 'never' | 'where_offered' | 'required';
  /**
   * What is asked of each host beside the rule: nothing; TLS; or a host that DNSSEC, MTA-STS or the operator's routing vouches
   * for, with a certificate that DANE or PKIX verifies (section 4.2.1).
   */
  readonly host: 'by_rule' | 'encrypted' | 'authenticated';
  /** `set_aside`: what the recipient's domain publishes does not count, what the operator demands does (section 4.2.2). */
  readonly published: 'counts' | 'set_aside';
  /** When no host is left: as the rule says, or returned at once (section 4.2.1). */
  readonly failure: 'by_rule' | 'bounce';
}

const none: Treatment = { keyword: 'never', host: 'by_rule', published: 'counts', failure: 'by_rule' };

interface Treatments {
  readonly with_sender: Treatment;
  /** A bounce: nobody could be told, and a keyword that is missing must not lose it (section 5). */
  readonly null_sender: Treatment;
}

// prettier-ignore
export const requireTlsTable: Readonly<Record<RequireTlsMode, Treatments>> = {
  enforce: {
    with_sender: { keyword: 'required',      host: 'authenticated', published: 'counts', failure: 'bounce' },
    null_sender: { keyword: 'where_offered', host: 'authenticated', published: 'counts', failure: 'by_rule' },
  },
  opportunistic_tls: {
    with_sender: { keyword: 'where_offered', host: 'encrypted',     published: 'counts', failure: 'by_rule' },
    null_sender: { keyword: 'where_offered', host: 'encrypted',     published: 'counts', failure: 'by_rule' },
  },
  opportunistic: {
    with_sender: { keyword: 'where_offered', host: 'by_rule',       published: 'counts', failure: 'by_rule' },
    null_sender: { keyword: 'where_offered', host: 'by_rule',       published: 'counts', failure: 'by_rule' },
  },
};

export function treatmentOf(
  tag: SenderTag,
  sender: keyof Treatments,
  { requireTls }: Pick<OutboundRule, 'requireTls'>,
): Treatment {
  switch (tag) {
    case 'untagged':
      return none;
    case 'optional':
      return { ...none, published: 'set_aside' };
    case 'required':
      return requireTlsTable[requireTls][sender];
  }
}

/**
 * The rule that holds for a message: without what the recipient publishes where the sender sets that aside. A level that rests
 * on nothing else is what the operator demands, and so is everything else that the rule says.
 */
export function ruleUnder({ published }: Treatment, rule: OutboundRule): OutboundRule {
  const isDemand = !asksWhatPeersPublish(rule.level) || rule.level === 'mandatory_dane';
  return published === 'counts' || isDemand ? rule : { ...rule, level: 'opportunistic' };
}

/** The rule that facts are gathered for: whether anybody vouches for the hosts must be known at every level. */
export function askingUnder({ host }: Treatment, rule: OutboundRule): OutboundRule {
  return host === 'authenticated' ? { ...rule, level: 'auto', insecureMx: 'dane' } : rule;
}
