/** The files as they would be with what is proposed, held against what was meant. */
import { isDeepStrictEqual } from 'node:util';
import { keyText, type PeerKey } from '../../evidence/day_table';
import type { Day } from '../../peers/day';
import type { OutboundRule } from '../../peers/rule';
import { outboundRule } from '../../peers/rules';
import { editIni, type SectionEdit } from '../../settings/ini/edit';
import { domainOf } from '../../settings/load/load';
import { directorySource, globalFile, type SettingsSource } from '../../settings/load/source';
import { formatFault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { CommandError } from '../command';
import { managedFile, wholeGlobalFile, type RulesFile } from '../managed_file';
import { peersIn, type WrittenPeer } from '../peer_rows';
import { changesBetween } from '../rule_changes';
import { loadedWith, writeRules } from '../rules_edit';
import type { Proposal } from './proposals';
import { sectionFor, whyText } from './section';

export interface PlannedSection {
  readonly proposal: Proposal;
  readonly edit: SectionEdit;
}

export interface PlannedFile {
  readonly file: RulesFile;
  readonly text: string;
}

export interface Plan {
  readonly sections: readonly PlannedSection[];
  readonly files: readonly PlannedFile[];
}

export interface Planning {
  readonly directory: string;
  readonly source: SettingsSource;
  readonly settings: Settings;
  readonly today: Day;
  /** Everybody in the record: their rules must stay what they are. */
  readonly keys: readonly PeerKey[];
}

/**
 * @throws CommandError where the files would not be valid, where a section would not be the one that applies, or where it would
 *   change the rule for anybody else
 */
export function planSections(proposals: readonly Proposal[], of: Planning): Plan {
  const files = new Map<string, RulesFile>();
  const peers = new Map<string, readonly WrittenPeer[]>();
  const rulesFile = (name: string, managed: string): RulesFile => {
    const known =
      files.get(name) ??
      (name === globalFile ? wholeGlobalFile(of.directory) : managedFile(of.directory, managed));
    files.set(name, known);
    return known;
  };
  const writtenIn = (name: string, managed: string): readonly WrittenPeer[] => {
    const known = peers.get(name) ?? peersIn(of.source, name, rulesFile(name, managed).text);
    peers.set(name, known);
    return known;
  };
  const sections = proposals.map((proposal): PlannedSection => {
    const { key, record, target, rule, hosts } = proposal;
    const why = whyText(of.today, record.messages, record.days, hosts);
    const written = writtenIn(target.winner.file, key.managed);
    rulesFile(target.file, key.managed);
    return { proposal, edit: sectionFor({ peer: key.peer, target, written, rule, why }) };
  });
  const planned = [...new Set(proposals.map(({ target }) => target.file))].sort().map((name): PlannedFile => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`${name} was not read`);
    const edits = sections.filter(({ proposal }) => proposal.target.file === name).map(({ edit }) => edit);
    return { file, text: editIni(file.text, edits) };
  });
  const plan = { sections, files: planned };
  check(plan, of);
  return plan;
}

function check({ sections, files }: Plan, { source, settings, today, keys }: Planning): void {
  const after = rulesAfter({ sections, files }, source, today);
  const meant = new Set(sections.map(({ proposal }) => keyText(proposal.key)));
  const changed = changesBetween(settings, after, today);
  const other = keys.find((key) => !meant.has(keyText(key)) && changed(key) !== 'unchanged');
  if (other !== undefined)
    throw new CommandError(`the rule for ${other.peer} would change as well: nothing is proposed`);
}

/** @throws CommandError where the files are not valid, or a section does not give the rule that was tested */
function rulesAfter({ sections, files }: Plan, source: SettingsSource, today: Day): Settings {
  const after = loadedWith(source, new Map(files.map(({ file, text }) => [file.name, text])));
  const [fault] = after.faults;
  if (fault !== undefined) throw new CommandError(`the file would not be valid: ${formatFault(fault)}`);
  for (const { proposal } of sections) {
    const { managed, peer } = proposal.key;
    const found = outboundRule(after.settings, managed, peer, today);
    if (found.kind !== 'rule' || !isSame(found.rule, proposal.rule))
      throw new CommandError(
        `the section for ${peer} in ${proposal.target.file} would not be what was tested`,
      );
  }
  return after.settings;
}

/** Whom a rule tells of it in TLS reports follows from its level, and is no part of what was tested. */
function isSame(a: OutboundRule, b: OutboundRule): boolean {
  const judged = (rule: OutboundRule) => ({ ...rule, name: '', tlsReports: 'off' });
  return isDeepStrictEqual(judged(a), judged(b));
}

/**
 * Each file in one step. What somebody has changed meanwhile is left alone, and so is all of it where that would make another
 * rule of a section than the one that was tested.
 *
 * @throws CommandError where that cannot be done; files before it are written then
 */
export async function writePlan(directory: string, plan: Plan, today: Day): Promise<void> {
  for (const { file } of plan.files) {
    const now =
      file.name === globalFile
        ? wholeGlobalFile(directory)
        : managedFile(directory, domainOf(file.name) ?? '');
    if (now.text !== file.text) throw new CommandError(`${file.name} has changed meanwhile: run this again`);
  }
  rulesAfter(plan, directorySource(directory), today);
  for (const { file, text } of plan.files) await writeRules(directory, file, text);
}
