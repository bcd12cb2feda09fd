/** `enable_tls = false` in outbound.ini, while a rule asks for more than Haraka would then do. Pure. */
import { encryptedLevels, forbidsCleartext, mayForbidCleartext } from '../../peers/cleartext';
import type { Day } from '../../peers/day';
import type { OutboundRule, SecurityLevel } from '../../peers/rule';
import { completeOutbound } from '../../peers/rules';
import { isTrue } from '../haraka/config_files';
import { openIfReadable } from '../load/file';
import type { Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import type { FilesView } from './check';
import { writtenOutbound } from './written_rules';

export function tlsSwitchedOff({ source, settings, today }: FilesView): Fault[] {
  const file = openIfReadable(source, 'outbound.ini');
  const at = file?.located.sections.find(({ name }) => name === 'main')?.keys.get('enable_tls');
  const value = at?.texts.at(-1);
  if (file === undefined || at === undefined || value === undefined || isTrue(value)) return [];
  const rule = ruleAgainstCleartext(settings, today);
  if (rule === undefined) return [];
  const problem = `Haraka will not use TLS, but ${rule.name} asks for ${demandText(rule)}`;
  const mend = { kind: 'write', file: file.name, section: '', line: 'enable_tls = true' } as const;
  return [{ file: file.name, line: at.line, key: 'enable_tls', value, problem, allowed: 'true', mend }];
}

/** Rather one that forbids cleartext for all peers than one that does so for some. */
function ruleAgainstCleartext(settings: Settings, today: Day): OutboundRule | undefined {
  const { outbound } = settings.global;
  const rules = [completeOutbound(outbound, [outbound], today), ...writtenOutbound(settings, today)];
  return rules.find(forbidsCleartext) ?? rules.find(mayForbidCleartext);
}

function demandText(rule: OutboundRule): string {
  if (!forbidsCleartext(rule))
    return `${rule.level}: mail is deferred where ${demandedBy[rule.level] ?? ''} applies`;
  const never = encryptedLevels.has(rule.level) ? '' : ' with cleartext_fallback = never';
  return `${rule.level}${never}: such mail is deferred`;
}

/** What forbids cleartext at a level that by itself allows it. */
const demandedBy: Readonly<Partial<Record<SecurityLevel, string>>> = {
  opportunistic_dane: 'DANE',
  mta_sts: 'a policy',
  auto: 'DANE or a policy',
};
