/** What only the network can tell: whether the resolver answers and validates, and what a hosted policy would do to mail. */
import { findingText, type ProbeFinding } from '../dns/probe';
import { createResolver, type Resolver } from '../dns/resolver';
import { hostedFiles, type HostedFile } from '../hosting/catalogue';
import { checkRollout } from '../hosting/look';
import { standing } from '../peers/section';
import { fault, type Fault } from '../settings/schema/fault';
import { resolverOptions } from '../settings/load/resolver_options';
import { globalFile } from '../settings/load/source';
import type { Settings } from '../settings/schema/types';
import { at, outboundRules } from '../settings/checks/warnings';
import type { SecurityLevel } from '../peers/rule';
import { heloName } from '../settings/haraka/ehlo_name';
import { startMeter } from './meter';

export interface LivingOptions {
  /** UTC, `YYYY-MM-DD`. */
  readonly today: string;
  /** Haraka's config directory. */
  readonly directory: string;
  /** Told what is going on once it takes long. */
  readonly progress: (line: string) => void;
  /** Milliseconds for all hosted policies together; two minutes where absent. */
  readonly rolloutMs?: number;
}

/** Asks DNS, mail servers and policy hosts. Never rejects, and ends in time. */
export async function livingWarnings(settings: Settings, options: LivingOptions): Promise<Fault[]> {
  const resolver = createResolver(resolverOptions(settings.global));
  try {
    const found = await Promise.all([
      resolverWarnings(resolver, settings, options.today),
      rolloutWarnings(resolver, settings, options),
    ]);
    return found.flat();
  } finally {
    resolver.close();
  }
}

async function resolverWarnings(resolver: Resolver, settings: Settings, today: string): Promise<Fault[]> {
  const { findings, question } = await resolver.probe();
  // Also where no rule asks for DANE: without an answer there is no mail, and without EDNS `auto` is less than it seems.
  const always: readonly ProbeFinding['kind'][] = ['no_answer', 'without_edns', 'edns_lost'];
  const ill = findings.filter(({ kind }) => always.includes(kind));
  const texts =
    findings.length === 0 ? ['no resolver is known'] : ill.map((one) => findingText(one, question));
  const bad = findings.filter(({ kind }) => kind !== 'validates' && !always.includes(kind));
  return [
    ...texts.map((problem) => fault({ file: globalFile, line: 0, section: 'resolver', problem })),
    ...notValidating(bad.map((one) => findingText(one, question)).join('; '), settings, today),
  ];
}

const daneLevels: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane'];

/** Only where a rule asks for DANE by name: `auto` is meant to make do without. */
function notValidating(why: string, settings: Settings, today: string): Fault[] {
  const [first, ...others] = sectionsWithDane(settings, today);
  if (why === '' || first === undefined) return [];
  const whom = others.length === 0 ? first.name : `${first.name} and ${others.length} more`;
  return [at(first, 'security_level', `DANE needs a resolver that validates: ${why}. Concerns ${whom}`)];
}

function sectionsWithDane(settings: Settings, today: string) {
  const { outbound } = settings.global;
  const own = daneLevels.includes(outbound.values.security_level ?? 'auto') ? [outbound] : [];
  const found = [...own];
  for (const domain of settings.domains.values()) {
    if (domain.kind !== 'managed' || domain.status === 'disabled') continue;
    for (const { section, rule } of outboundRules(settings, domain, today)) {
      const writes = section.values.security_level !== undefined && standing(section, today) === 'applies';
      if (writes && daneLevels.includes(rule.level)) found.push(section);
    }
  }
  return found;
}

const domainsAtOnce = 16;

/** Milliseconds for one MX host. Where outgoing port 25 is closed none answers, and somebody waits. */
const visitMs = 15_000;

/** The check that a running Haraka makes daily, here before anything is published. */
async function rolloutWarnings(
  resolver: Resolver,
  settings: Settings,
  { directory, progress, rolloutMs = 120_000 }: LivingOptions,
): Promise<Fault[]> {
  const files = [...hostedFiles(settings).values()];
  const place = (domain: string) => placeOfPolicy(settings, domain);
  const checked = new Set<HostedFile>();
  const meter = startMeter('checking hosted policies', files.length, progress);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), rolloutMs);
  try {
    const deps = { resolver, heloName: heloName(directory), atOnce: domainsAtOnce, visitMs };
    const findings = await checkRollout(deps, files, limit.signal, (file) => {
      checked.add(file);
      meter.advance(file.domain);
    });
    return [
      ...findings.map(({ domain, text }) => fault({ ...place(domain), problem: text })),
      ...files
        .filter((file) => !checked.has(file))
        .map(({ domain }) => fault({ ...place(domain), problem: 'was not checked: out of time' })),
    ];
  } finally {
    clearTimeout(timer);
    meter.stop();
  }
}

/** Where a finding about the policy of a domain belongs. */
function placeOfPolicy(settings: Settings, domain: string): Pick<Fault, 'file' | 'line' | 'section'> {
  const managed = settings.domains.get(domain);
  if (managed?.kind !== 'managed' || managed.policy.kind === 'none') {
    throw new Error(`${domain} has no policy`);
  }
  return { file: managed.file, line: managed.policy.line, section: 'mta_sts' };
}
