/** What only DNS can tell: whether the resolver validates, and where a hosted policy's domain gets its mail. */
import type { ProbeFinding } from '../dns/probe';
import { createResolver, type Resolver } from '../dns/resolver';
import { matchesPolicy } from '../mta_sts/match';
import { standing } from '../peers/section';
import { fault, type Fault } from '../settings/fault';
import { resolverOptions } from '../settings/resolver_options';
import type { ManagedDomain, Settings } from '../settings/types';
import { at, outboundRules } from '../settings/warnings';
import type { SecurityLevel } from '../peers/rule';

/** Asks DNS, each question within the settings' own deadline. */
export async function livingWarnings(settings: Settings, today: string): Promise<Fault[]> {
  const resolver = createResolver(resolverOptions(settings.global));
  try {
    const domains = [...settings.domains.values()].filter((one) => one.kind === 'managed');
    const policies = domains
      .filter(({ status }) => status === 'enabled')
      .map((one) => uncoveredHosts(resolver, one));
    const found = await Promise.all([notValidating(resolver, settings, today), ...policies]);
    return found.flat();
  } finally {
    resolver.close();
  }
}

const daneLevels: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane'];

/** Only where a rule asks for DANE by name: `auto` is meant to make do without. */
async function notValidating(resolver: Resolver, settings: Settings, today: string): Promise<Fault[]> {
  const [first, ...others] = sectionsWithDane(settings, today);
  if (first === undefined) return [];
  const { findings } = await resolver.probe();
  const bad = findings.filter(({ kind }) => kind !== 'validates');
  if (bad.length === 0 && findings.length > 0) return [];
  const whom = others.length === 0 ? first.name : `${first.name} and ${others.length} more`;
  const why = bad.length === 0 ? 'no resolver is known' : bad.map(findingText).join('; ');
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

function findingText(finding: ProbeFinding): string {
  switch (finding.kind) {
    case 'validates':
      return `${finding.server} validates`;
    case 'untrusted_path':
      return `${finding.server} validates, but the path to it is not trusted (see trust_ad)`;
    case 'not_validating':
      return `${finding.server} does not validate`;
    case 'no_answer':
      return `${finding.server} does not answer`;
  }
}

/** MX hosts of a managed domain that its own policy would make others refuse (RFC 8461 section 4.1). */
async function uncoveredHosts(resolver: Resolver, domain: ManagedDomain): Promise<Fault[]> {
  const { policy } = domain;
  if (policy.kind === 'none' || policy.mode === 'none') return [];
  const here = { file: domain.file, line: policy.line, section: 'mta_sts', key: 'mx' };
  const answer = await resolver.mx(domain.domain);
  if (answer.kind === 'failed') {
    return [fault({ ...here, problem: `cannot be held against the MX records: ${answer.detail}` })];
  }
  const hosts = answer.kind === 'records' ? answer.records.map(({ exchange }) => exchange) : [domain.domain];
  const stated = { mode: policy.mode, mx: policy.mx, maxAge: policy.maxAge, extensions: [] };
  return hosts
    .filter((host) => !matchesPolicy(stated, host))
    .map((host) => fault({ ...here, problem: `does not cover ${host}, an MX host of ${domain.domain}` }));
}
