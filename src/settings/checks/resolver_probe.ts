/** What the resolver answers to its probe. Pure. */
import { findingText, overTcpText, type ProbeFinding } from '../../dns/probe';
import type { SecurityLevel } from '../../peers/rule';
import { standing, type OutboundSection } from '../../peers/section';
import { lineOf, openIfReadable } from '../load/file';
import { globalFile } from '../load/source';
import { run, type Fault, type Mend } from '../schema/fault';
import type { FilesView, NetworkView } from './check';
import { everyOutboundRule } from './written_rules';

/** Also where nothing depends on DNSSEC: without an answer there is no mail, and without EDNS less than it seems. */
const always: readonly ProbeFinding['kind'][] = ['no_answer', 'without_edns', 'edns_lost'];

export function resolverProbe({ resolvers }: NetworkView, files: FilesView): Fault[] {
  const { findings, question, overTcp } = resolvers;
  const at = placeOf(files);
  const concerned = concernedText(files);
  const problems = findings.flatMap((one): Fault[] => {
    if (one.kind === 'validates') return [];
    const text = findingText(one, question);
    const problem = always.includes(one.kind) ? text : `${text}. ${concerned}`;
    return [{ ...at, problem, mend: mendOf(one) }];
  });
  return [
    ...(findings.length === 0 ? [{ ...at, problem: 'no resolver is known', mend: localResolver }] : []),
    ...problems,
    ...overTcp.map((server) => ({ ...at, problem: overTcpText(server) })),
  ];
}

function placeOf({ source }: FilesView): Pick<Fault, 'file' | 'line' | 'section'> {
  const line = lineOf(openIfReadable(source, globalFile), 'resolver', 'servers');
  return { file: globalFile, line, section: 'resolver' };
}

/** A resolver on this machine, which has to run there. */
const localResolver: Mend = {
  kind: 'write',
  file: globalFile,
  section: 'resolver',
  line: 'servers = 127.0.0.1',
};

const vouched: Mend = { kind: 'write', file: globalFile, section: 'resolver', line: 'trust_ad = true' };

/** Nobody but the operator can vouch for a path; for a forwarder the text says what has to be known first. */
function mendOf({ kind }: ProbeFinding): Mend | undefined {
  switch (kind) {
    case 'validates':
      return undefined;
    case 'untrusted_path':
      return vouched;
    case 'forwarder':
    case 'not_validating':
    case 'without_edns':
    case 'no_answer':
      return localResolver;
    case 'edns_lost':
      return run('systemctl restart haraka');
  }
}

const daneLevels: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane'];

/** Under `auto` mail goes on without DANE, and nothing else tells that this is so. */
function concernedText(files: FilesView): string {
  const [first, ...others] = sectionsWithDane(files);
  if (first === undefined) return 'DANE is off, also where rules say auto';
  const whom = others.length === 0 ? first.name : `${first.name} and ${others.length} more`;
  return `DANE needs a resolver that validates, and these ask for it by name: ${whom}`;
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
