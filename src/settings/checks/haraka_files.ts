/** Haraka's own settings, where they contradict rules. */
import { encryptedLevels, forbidsCleartext, mayForbidCleartext } from '../../peers/cleartext';
import type { OutboundRule, SecurityLevel } from '../../peers/rule';
import { completeOutbound } from '../../peers/rules';
import { fault, type Fault } from '../schema/fault';
import { openFile } from '../load/file';
import { inboundSurroundings } from './inbound_conflicts';
import { mixedResolvers } from './mixed_resolvers';
import { notLoaded } from './not_loaded';
import { nullEncryption } from './null_encryption';
import { pastTheQueue } from './bypassing_plugins';
import { isTrue, type SettingsSource } from '../load/source';
import type { Settings } from '../schema/types';
import { writtenOutbound } from './written_rules';

export interface HarakaFindings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/** What in Haraka's own files stands against the rules in `settings`. */
export function harakaFindings(source: SettingsSource, settings: Settings, today: string): HarakaFindings {
  return {
    faults: [...tlsSwitchedOff(source, settings, today), ...nullEncryption(source)],
    warnings: [
      ...slowDecisions(source, settings),
      ...notLoaded(source, settings, today),
      ...pastTheQueue(source, settings, today),
      ...mixedResolvers(source, settings),
      ...inboundSurroundings(source, settings, today),
    ],
  };
}

/** `enable_tls = false` in outbound.ini, while a rule asks for more than Haraka would then do. */
function tlsSwitchedOff(source: SettingsSource, settings: Settings, today: string): Fault[] {
  const reading = source.read('outbound.ini');
  if (reading.kind !== 'file') return [];
  const file = openFile(source, 'outbound.ini', reading.text);
  const at = file.located.sections.find(({ name }) => name === 'main')?.keys.get('enable_tls');
  const value = at?.texts.at(-1);
  if (at === undefined || value === undefined || isTrue(value)) return [];
  const rule = ruleAgainstCleartext(settings, today);
  if (rule === undefined) return [];
  const problem = `Haraka will not use TLS, but ${rule.name} asks for ${demandText(rule)}`;
  return [fault({ file: file.name, line: at.line, key: 'enable_tls', value, problem, allowed: 'true' })];
}

/** Rather one that forbids cleartext for all peers than one that does so for some. */
function ruleAgainstCleartext(settings: Settings, today: string): OutboundRule | undefined {
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

/** Haraka ends a hook after `plugin_timeout`, and would go on without a decision. */
function slowDecisions(source: SettingsSource, settings: Settings): Fault[] {
  const names = ['tls-peers.timeout', 'plugin_timeout'];
  const limits = names.map((name) => ({ name, seconds: numberIn(source, name) ?? 30 }));
  const limit = limits.find(({ name }) => source.read(name).kind === 'file') ?? {
    name: 'plugin_timeout',
    seconds: 30,
  };
  const { decision } = settings.global.timeouts;
  if (limit.seconds === 0 || decision < limit.seconds) return [];
  const problem = `Haraka's ${limit.name} is ${limit.seconds} seconds: [timeouts] decision has to be less`;
  return [
    fault({
      file: 'tls-peers.ini',
      line: 0,
      section: 'timeouts',
      key: 'decision',
      value: `${decision}`,
      problem,
    }),
  ];
}

function numberIn(source: SettingsSource, name: string): number | undefined {
  const reading = source.read(name);
  const number = reading.kind === 'file' ? Number.parseFloat(reading.text) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}
