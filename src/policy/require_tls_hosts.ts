/** What REQUIRETLS (RFC 8689 section 4.2.1) adds to what was decided about each host. It never takes anything away. Pure. */
import type { DaneAuthentication } from '../dane/types';
import type { Destination, MxHostFacts, RoutedHostFacts } from '../dns/types';
import type { Failure } from '../failure';
import { matchesPolicy } from '../mta_sts/match';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { compareVersions } from '../tls/version';
import { daneEntry, destinationSecurity } from './dane';
import { asDestination, type AnswerFacts } from './decide_answer';
import type { Facts } from './facts';
import { minimumVersion } from './minimum_version';
import { whyNobodyCanTell, type Probed } from './own_fault';
import type { Treatment } from './require_tls';
import type {
  Authentication,
  Decision,
  EncryptedRequirement,
  HostPlan,
  PkixAuthentication,
  RefusedHost,
  Requirement,
} from './requirement';
import { sniOf } from './sni';
import { standingTable } from './tables';
import { pkixFor, unauthenticated } from './terms';
import { skipped } from './texts';

/** From what the decision was made, and what our own resolver is worth. */
export interface Grounds {
  readonly rule: OutboundRule;
  readonly facts: Facts | AnswerFacts;
  readonly probed: Probed;
}

/** `decision`, with what the sender asks for in every host that is left. */
export function heldToSender(decision: Decision, treatment: Treatment, grounds: Grounds): Decision {
  const { keyword } = treatment;
  if (decision.kind !== 'deliver' || keyword === 'never') return decision;
  const hosts: HostPlan[] = [];
  const refused: RefusedHost[] = [...decision.refused];
  for (const plan of decision.hosts) {
    const held = heldHost(plan, treatment, grounds);
    if ('failure' in held) refused.push(held);
    else hosts.push({ ...held, requireTls: keyword });
  }
  return { kind: 'deliver', hosts, refused };
}

function heldHost(plan: HostPlan, { host }: Treatment, grounds: Grounds): HostPlan | RefusedHost {
  if (host === 'by_rule') return plan;
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') {
    return refused(plan, noTls('REQUIRETLS is asked for, and the rule keeps TLS away from this host'));
  }
  if (host === 'encrypted') {
    return requirement.kind === 'encrypted'
      ? plan
      : { ...plan, requirement: required(requirement, unauthenticated, grounds.rule, plan.host) };
  }
  const wanted = authenticationOf(plan, grounds);
  if ('reason' in wanted) return refused(plan, wanted);
  return { ...plan, requirement: required(requirement, wanted, grounds.rule, plan.host) };
}

function refused({ host, discovered }: HostPlan, failure: Failure): RefusedHost {
  return { host, failure, discovered };
}

function noTls(text: string): Failure {
  return { reason: 'requiretls-no-tls', text };
}

/** What is known of one host, whichever way it was found. */
interface View {
  readonly destination: Destination;
  readonly host: MxHostFacts | RoutedHostFacts;
  readonly sts: StsFacts;
  readonly namedBy: 'mx' | 'plugin';
}

/** The certificate check that RFC 8689 asks for, or why the host may not have the message. */
function authenticationOf(plan: HostPlan, grounds: Grounds): Authentication | Failure {
  const view = viewOf(grounds.facts, plan);
  if (view === undefined) {
    return noTls(`REQUIRETLS is asked for, and ${plan.host} has no name that a certificate could bear`);
  }
  const unnamed = unnamedHost(view, grounds.probed);
  if (unnamed !== undefined) return unnamed;
  const entry = daneEntry('auto', 'dane', view.destination, view.host);
  switch (entry.row) {
    case 'tlsa_usable':
      return { kind: 'dane', dane: entry.dane };
    case 'address_lookup_failed':
    case 'tlsa_lookup_failed':
      return skipped(entry, plan.host);
    default:
      return sniOf(plan.host) === undefined
        ? noTls(`REQUIRETLS is asked for, and ${plan.host} has no name that a certificate could bear`)
        : { kind: 'pkix', pkix: pkixFor(grounds.rule, plan.host) };
  }
}

function viewOf(facts: Facts | AnswerFacts, { host, port }: HostPlan): View | undefined {
  if ('destination' in facts) {
    const { destination, sts } = facts;
    if (destination.kind === 'implicit') return { destination, host: destination.host, sts, namedBy: 'mx' };
    if (!('hosts' in destination)) return undefined;
    const found = destination.hosts.find((one) => one.host === host);
    return found === undefined ? undefined : { destination, host: found, sts, namedBy: 'mx' };
  }
  const answered = facts.hosts.find((one) => one.facts.host === host && one.facts.port === port);
  if (answered === undefined) return undefined;
  const sts: StsFacts =
    standingTable[answered.standing.kind].policy === 'applies' ? facts.sts : { kind: 'not_asked' };
  return { destination: asDestination(facts, answered), host: answered.facts, sts, namedBy: 'plugin' };
}

/**
 * The name of the host must be more than what an unsigned MX record says: DNSSEC vouches for it, the domain's MTA-STS policy
 * names it, in whichever mode, or there is no MX record at all. The operator's routing is the operator's word.
 *
 * @returns `undefined` where it is
 */
function unnamedHost(
  { destination, host: { host }, sts, namedBy }: View,
  probed: Probed,
): Failure | undefined {
  if (destinationSecurity(destination) === 'secure') return undefined;
  if (sts.kind === 'policy' && sts.policy.mode !== 'none' && matchesPolicy(sts.policy, host))
    return undefined;
  if (sts.kind === 'unknown') return sts.failure;
  // The domain has a policy, and it cannot be had at the moment.
  if (sts.kind === 'no_policy' && sts.failure !== 'not_published') return sts.failure;
  const text = `REQUIRETLS is asked for, and nobody vouches for ${host} as a host of ${destination.domain}: its MX records are not signed (DNSSEC), and no MTA-STS policy names it${namedBy === 'mx' ? '' : '; nor does [outbound] routes[] list it, or the plugin that names it'}`;
  const ours = whyNobodyCanTell(probed);
  return ours === undefined
    ? noTls(text)
    : { ...noTls(`${text}; our own resolver could not tell: ${ours}`), fault: 'ours' };
}

/** Both: what was required already, and `wanted`. */
function required(
  before: Exclude<Requirement, { kind: 'cleartext' }>,
  wanted: Authentication,
  rule: OutboundRule,
  host: string,
): EncryptedRequirement {
  const authentication = before.kind === 'encrypted' ? both(before.authentication, wanted, host) : wanted;
  const asked = minimumVersion(rule.minTlsVersion, 'pkix' in authentication ? 'pkix' : authentication.kind);
  const isOwn = before.kind === 'encrypted' && before.authentication.kind !== 'none';
  return {
    kind: 'encrypted',
    minVersion: compareVersions(before.minVersion, asked) > 0 ? before.minVersion : asked,
    authentication,
    serverName: daneIn(authentication)?.baseDomain ?? before.serverName,
    observe: before.observe,
    because: isOwn ? before.because : 'requiretls',
  };
}

function daneIn(authentication: Authentication): DaneAuthentication | undefined {
  return 'dane' in authentication ? authentication.dane : undefined;
}

function both(before: Authentication, wanted: Authentication, host: string): Authentication {
  switch (before.kind) {
    case 'none':
      return wanted;
    case 'dane':
    case 'dane_and_pkix':
      return before;
    case 'pkix':
      if (wanted.kind === 'dane') return { kind: 'dane_and_pkix', dane: wanted.dane, pkix: before.pkix };
      return { kind: 'pkix', pkix: naming(before.pkix, host) };
    case 'fingerprints': {
      if (wanted.kind === 'dane') return { ...before, dane: wanted.dane };
      return wanted.kind === 'pkix' ? { ...before, pkix: wanted.pkix } : before;
    }
  }
}

/** The rule may hold the certificate to other names: it must bear the host's beside one of those. */
function naming(pkix: PkixAuthentication, host: string): PkixAuthentication {
  const isNamed = pkix.subdomains.length === 0 && pkix.names.every((name) => name === host);
  return isNamed ? pkix : { ...pkix, also: host };
}
