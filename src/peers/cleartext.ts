/** What a rule says of cleartext before anything is known of the peer. Pure. */
import type { OutboundRule, SecurityLevel } from './rule';

/** Levels at which nothing goes in cleartext, to any peer. */
export const encryptedLevels: ReadonlySet<SecurityLevel> = new Set(['mandatory', 'verify', 'mandatory_dane']);

type Terms = Pick<OutboundRule, 'level' | 'enforcement' | 'cleartextFallback'>;

/** Whether the rule forbids cleartext for every peer. */
export function forbidsCleartext({ level, enforcement, cleartextFallback }: Terms): boolean {
  if (enforcement === 'monitor' || level === 'none') return false;
  return encryptedLevels.has(level) || cleartextFallback === 'never';
}

/** Whether there are peers for which the rule forbids cleartext: all of them, or those with DANE or a policy. */
export function mayForbidCleartext(rule: Terms): boolean {
  if (forbidsCleartext(rule)) return true;
  return rule.enforcement === 'enforce' && rule.level !== 'none' && rule.level !== 'opportunistic';
}
