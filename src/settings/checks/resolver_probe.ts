/** What the resolver answers to its probe. Pure. */
import { findingText, type ProbeFinding } from '../../dns/probe';
import type { SecurityLevel } from '../../peers/rule';
import { standing, type OutboundSection } from '../../peers/section';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import type { FilesView, NetworkView } from './check';
import { atSection } from './section_fault';
import { everyOutboundRule } from './written_rules';

/** Also where no rule asks for DANE: without an answer there is no mail, and without EDNS `auto` is less than it seems. */
const always: readonly ProbeFinding['kind'][] = ['no_answer', 'without_edns', 'edns_lost'];

export function resolverProbe({ resolvers }: NetworkView, files: FilesView): Fault[] {
  const { findings, question } = resolvers;
  const texts = (some: readonly ProbeFinding[]) => some.map((one) => findingText(one, question));
  const unhealthy = findings.filter(({ kind }) => always.includes(kind));
  const problems = findings.length === 0 ? ['no resolver is known'] : texts(unhealthy);
  const others = findings.filter(({ kind }) => kind !== 'validates' && !always.includes(kind));
  return [
    ...problems.map((problem) => ({ file: globalFile, section: 'resolver', problem })),
    ...(others.length === 0 ? [] : notValidating(texts(others).join('; '), files)),
  ];
}

const daneLevels: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane'];

/** Only where a rule asks for DANE by name: `auto` is meant to make do without. */
function notValidating(why: string, files: FilesView): Fault[] {
  const [first, ...others] = sectionsWithDane(files);
  if (first === undefined) return [];
  const whom = others.length === 0 ? first.name : `${first.name} and ${others.length} more`;
  const problem = `DANE needs a resolver that validates: ${why}. Concerns ${whom}`;
  return [atSection(first, problem, 'security_level')];
}

function sectionsWithDane({ settings, today }: FilesView): OutboundSection[] {
  const { outbound } = settings.global;
  const byDefault = daneLevels.includes(outbound.values.security_level ?? 'auto');
  const found = new Set<OutboundSection>(byDefault ? [outbound] : []);
  for (const { section, rule } of everyOutboundRule(settings, today)) {
    const writes = section.values.security_level !== undefined && standing(section, today) === 'applies';
    if (section !== outbound && writes && daneLevels.includes(rule.level)) found.add(section);
  }
  return [...found];
}
