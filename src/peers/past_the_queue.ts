/** Whether a message may leave by way of a plugin that sends it past Haraka's outbound queue, where no rule holds. Pure. */
import { enhancedStatus } from '../failure';
import { printable } from '../text';
import { forbidsCleartext } from './cleartext';
import type { OutboundRule } from './rule';
import type { Found } from './rules';

/** One recipient's domain with the rule that holds for it. */
export interface RuledRecipient {
  readonly domain: string;
  readonly found: Found<OutboundRule>;
}

export type QueueVerdict =
  /** No recipient's rule forbids cleartext: any plugin may send the message. */
  | { readonly kind: 'free' }
  /** Only the outbound queue may send it, where a guard holds the connection to the rule. */
  | {
      readonly kind: 'queue_only';
      /** `undefined` where the settings that would say are not valid. */
      readonly rule: string | undefined;
      /** RFC 3463. */
      readonly status: string;
      /** Continues a sentence about the message. */
      readonly text: string;
    };

/**
 * A message goes as a whole: the first recipient whose rule forbids cleartext decides. What a rule may forbid once DANE or a
 * policy is found is not looked for here.
 */
export function judgeCustody(recipients: Iterable<RuledRecipient>): QueueVerdict {
  for (const { domain, found } of recipients) {
    if (found.kind === 'invalid') {
      const { reason, text } = found.failure;
      return { kind: 'queue_only', rule: undefined, status: enhancedStatus(reason), text: printable(text) };
    }
    const { rule } = found;
    if (!forbidsCleartext(rule)) continue;
    const text = `mail to ${printable(domain, 80) || 'this recipient'} must not leave in cleartext (rule ${printable(rule.name, 120)})`;
    return { kind: 'queue_only', rule: rule.name, status: '4.7.0', text };
  }
  return { kind: 'free' };
}
