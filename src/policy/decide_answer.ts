/**
 * Rule and facts in, one requirement per host of a plugin's answer to `get_mx` out. Pure.
 *
 * | standing | held to |
 * |---|---|
 * | route | the DANE table as a secure MX; no policy |
 * | MX host of the domain | both tables, as if our own look-up had brought it |
 * | forged | refused where DANE or an `enforce` policy protects mail to the domain; else as a stray |
 * | stray | both tables, as an insecure MX of the domain |
 * | unknown | refused where the level asks for DANE or a policy; else as a stray |
 */
import type { Destination, RoutedHostFacts } from '../dns/types';
import type { Failure } from '../failure';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { asksDane, asksPolicy } from './asks';
import { daneState, lookupFailure } from './dane';
import { decide } from './decide';
import { monitored } from './monitor';
import type { OwnMx, Standing } from './mx_answer';
import type { Decision, HostPlan, RefusedHost } from './requirement';
import { sniOf } from './sni';

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
  const sts: StsFacts = standing.kind === 'route' ? { kind: 'not_asked' } : facts.sts;
  const decision = decide(rule, { destination: asDestination(facts, host), sts });
  const outcome = decision.kind === 'deliver' ? (decision.hosts[0] ?? decision.refused[0]) : undefined;
  if (outcome === undefined) throw new Error(`no decision about ${host.facts.host}`);
  const discovered = `${standingText(facts, standing)}; ${outcome.discovered}`;
  const told = (one: Failure) => (standing.kind === 'stray' ? withAdvice(one, facts, host) : one);
  return 'failure' in outcome
    ? { ...outcome, failure: told(outcome.failure), discovered }
    : { ...outcome, recorded: outcome.recorded.map(told), discovered };
}

/** What the tables say of this host on its own. */
export function asDestination(
  { domain, own }: Pick<AnswerFacts, 'domain' | 'own'>,
  { standing, facts }: AnsweredHostFacts,
): Destination {
  if (standing.kind === 'route') return { kind: 'route', domain, hosts: [facts] };
  const security = standing.kind === 'own_mx' && own.kind === 'known' ? own.security : 'insecure';
  const canonicalName = own.kind === 'known' ? own.canonicalName : domain;
  return { kind: 'answered', domain, secure: security === 'secure', canonicalName, hosts: [facts] };
}

/** Why nothing further is asked about a host; `undefined` where the tables have the word. */
function refusal(
  rule: OutboundRule,
  facts: AnswerFacts,
  { standing, facts: { host } }: AnsweredHostFacts,
): Failure | undefined {
  if (standing.kind === 'unknown') {
    const rests = asksDane(rule.level) || asksPolicy(rule.level);
    return rests ? lookupFailure(standing.failure, `MX hosts of ${facts.domain}`) : undefined;
  }
  if (standing.kind !== 'forged') return undefined;
  const protection = protectionOf(rule, facts);
  if (protection === 'none') return undefined;
  const by = facts.by === undefined ? 'a plugin' : `the plugin ${facts.by}`;
  const text =
    `${by} answered get_mx with ${host === '' ? 'a null MX' : host} from DNS, but our own resolver finds no such MX host of ` +
    `${facts.domain}, mail to which ${protection === 'dane' ? 'DANE' : 'an MTA-STS policy'} protects`;
  return { reason: protection === 'dane' ? 'dane-required' : 'mx-not-in-policy', text, fault: 'ours' };
}

/** What of the level rests on the MX hosts being those of the domain. */
function protectionOf(rule: OutboundRule, { real, sts }: AnswerFacts): 'dane' | 'policy' | 'none' {
  if (rule.level === 'mandatory_dane') return 'dane';
  if (asksDane(rule.level) && real !== 'not_asked' && isProtected(rule, real)) return 'dane';
  if (!asksPolicy(rule.level)) return 'none';
  return sts.kind === 'policy' && sts.policy.mode === 'enforce' ? 'policy' : 'none';
}

/** Whether DANE applies to any host to which the mail should go, or nobody can tell. */
function isProtected(rule: OutboundRule, real: Destination): boolean {
  if (real.kind === 'lookup_failed') return true;
  const hosts = real.kind === 'mx' ? real.hosts : real.kind === 'implicit' ? [real.host] : [];
  return hosts.some((host) => daneState(rule, real, host).kind !== 'does_not_apply');
}

function refused(
  rule: OutboundRule,
  facts: AnswerFacts,
  { standing, facts: { host, preference, port } }: AnsweredHostFacts,
  failure: Failure,
): HostPlan | RefusedHost {
  const discovered = standingText(facts, standing);
  if (rule.enforcement === 'enforce') return { host, failure, discovered };
  return { host, preference, port, addresses: [], ...monitored({ failure, discovered }, sniOf(host)) };
}

/** Where the operator means a route that nothing says is one. */
function withAdvice(failure: Failure, { by, domain }: AnswerFacts, { facts }: AnsweredHostFacts): Failure {
  const { reason } = failure;
  if (reason !== 'dane-required' && reason !== 'mx-not-in-policy') return failure;
  const plugin = by === undefined ? '' : ` (or the plugin ${by})`;
  const text =
    `${facts.host} is no MX host of ${domain} that our own resolver finds: where it is a route of yours, list it${plugin} ` +
    `under [outbound] routes[] in tls-peers.ini; ${failure.text}`;
  return { reason, text, fault: 'ours' };
}

function standingText({ by }: AnswerFacts, standing: Standing): string {
  const answered = by === undefined ? 'answered by a plugin' : `answered by ${by}`;
  switch (standing.kind) {
    case 'route':
      return `route, ${answered}`;
    case 'own_mx':
      return `MX host, ${answered}`;
    case 'forged':
      return `no MX host by our resolver, ${answered} from DNS`;
    case 'stray':
      return `neither MX host nor route, ${answered}`;
    case 'unknown':
      return `MX not known, ${answered}`;
  }
}
