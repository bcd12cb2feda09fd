/**
 * Rule and facts in, one requirement per host of a plugin's answer to `get_mx` out. Pure.
 *
 * Where a host stands says how the DANE table is read for it, whether the domain's policy applies, and where it is refused
 * before either is read: `standingTable` holds that as data.
 */
import type { Destination, RoutedHostFacts } from '../dns/types';
import type { Failure } from '../failure';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { forgedText, standingText, unknownFailure, withAdvice } from './answer_texts';
import { asksDane, asksPolicy, requiresDane } from './asks';
import { daneEntry, isUnderDane } from './dane';
import { decide } from './decide';
import { monitored } from './monitor';
import type { OwnMx, Standing } from './mx_answer';
import type { Decision, HostPlan, RefusedHost } from './requirement';
import { sniOf } from './sni';
import { standingTable, type DaneLevel } from './tables';

export interface AnsweredHostFacts {
  readonly standing: Standing;
  readonly facts: RoutedHostFacts;
}

export interface AnswerFacts {
  /** The recipient domain. */
  readonly domain: string;
  /** The plugin that answered, where it is known. */
  readonly by: string | undefined;
  /** In the order of the answer. */
  readonly hosts: readonly AnsweredHostFacts[];
  readonly own: OwnMx;
  /** Where mail to the domain really goes; asked for only where a host is forged, and DANE might apply. */
  readonly real: Destination | 'not_asked';
  /** The policy of the recipient domain. Routes have none. */
  readonly sts: StsFacts;
}

export function decideAnswer(rule: OutboundRule, facts: AnswerFacts): Decision {
  const hosts = new Map<string, HostPlan | RefusedHost>();
  for (const host of facts.hosts) {
    const key = `${host.facts.host} ${host.facts.port}`;
    if (!hosts.has(key)) hosts.set(key, decideOne(rule, facts, host));
  }
  const outcomes = [...hosts.values()];
  return {
    kind: 'deliver',
    hosts: outcomes.filter((one) => 'requirement' in one),
    refused: outcomes.filter((one) => 'failure' in one),
  };
}

function decideOne(rule: OutboundRule, facts: AnswerFacts, host: AnsweredHostFacts): HostPlan | RefusedHost {
  const { standing } = host;
  const failure = refusal(rule, facts, host);
  if (failure !== undefined) return refused(rule, facts, host, failure);
  const sts: StsFacts = standingTable[standing.kind].policy === 'applies' ? facts.sts : notAsked;
  const decision = decide(rule, { destination: asDestination(facts, host), sts });
  const outcome = decision.kind === 'deliver' ? (decision.hosts[0] ?? decision.refused[0]) : undefined;
  if (outcome === undefined) throw new Error(`no decision about ${host.facts.host}`);
  const discovered = `${standingText(facts.by, standing)}; ${outcome.discovered}`;
  const told = (one: Failure) => (standing.kind === 'stray' ? withAdvice(one, facts, host.facts.host) : one);
  return 'failure' in outcome
    ? { ...outcome, failure: told(outcome.failure), discovered }
    : { ...outcome, recorded: outcome.recorded.map(told), discovered };
}

const notAsked: StsFacts = { kind: 'not_asked' };

/** The MX RRset as which the DANE table is read for a host. */
export function mxSecurity(standing: Standing, own: OwnMx): 'secure' | 'insecure' {
  const { mx } = standingTable[standing.kind];
  if (mx !== 'own_mx') return mx;
  return own.kind === 'known' ? own.security : 'insecure';
}

/** What the tables say of this host on its own. */
export function asDestination(
  { domain, own }: Pick<AnswerFacts, 'domain' | 'own'>,
  { standing, facts }: AnsweredHostFacts,
): Destination {
  if (standing.kind === 'route') return { kind: 'route', domain, hosts: [facts] };
  const secure = mxSecurity(standing, own) === 'secure';
  const canonicalName = own.kind === 'known' ? own.canonicalName : domain;
  return { kind: 'answered', domain, secure, canonicalName, hosts: [facts] };
}

/** Why nothing further is asked about a host; `undefined` where the tables have the word. */
function refusal(
  { level, insecureMx }: OutboundRule,
  facts: AnswerFacts,
  { standing, facts: { host } }: AnsweredHostFacts,
): Failure | undefined {
  switch (standingTable[standing.kind].refused) {
    case 'never':
      return undefined;
    case 'where_asked':
      return asksDane(level) || asksPolicy(level) ? unknownFailure(standing, facts.domain) : undefined;
    case 'where_protected':
      if (requiresDane(level) || (asksDane(level) && isProtected(level, insecureMx, facts.real))) {
        return { reason: 'dane-required', text: forgedText(facts, host, 'DANE'), fault: 'ours' };
      }
      if (asksPolicy(level) && facts.sts.kind === 'policy' && facts.sts.policy.mode === 'enforce') {
        return {
          reason: 'mx-not-in-policy',
          text: forgedText(facts, host, 'an MTA-STS policy'),
          fault: 'ours',
        };
      }
      return undefined;
  }
}

/** Whether DANE applies to any host to which the mail should go, or nobody can tell. */
function isProtected(
  level: DaneLevel,
  insecureMx: OutboundRule['insecureMx'],
  real: AnswerFacts['real'],
): boolean {
  if (real === 'not_asked') return false;
  if (real.kind === 'lookup_failed') return true;
  const hosts = real.kind === 'mx' ? real.hosts : real.kind === 'implicit' ? [real.host] : [];
  return hosts.some((host) => isUnderDane(daneEntry(level, insecureMx, real, host)));
}

function refused(
  rule: OutboundRule,
  facts: AnswerFacts,
  { standing, facts: { host, preference, port } }: AnsweredHostFacts,
  failure: Failure,
): HostPlan | RefusedHost {
  const discovered = standingText(facts.by, standing);
  if (rule.enforcement === 'enforce') return { host, failure, discovered };
  return { host, preference, port, addresses: [], ...monitored({ failure, discovered }, sniOf(host)) };
}
