/** Gathers what a decision needs: the hosts, what DNSSEC says of them, and the MTA-STS policy. Decides nothing. */
import { discoverDestination, discoverRoute, type RouteHost } from '../dns/destination';
import type { Resolver } from '../dns/resolver';
import type { Destination } from '../dns/types';
import type { StsPolicies } from '../mta_sts/policies';
import type { StsFacts } from '../mta_sts/types';
import { canonicalDomain } from '../names';
import type { OutboundRule, SecurityLevel } from '../peers/rule';
import { daneState, destinationSecurity } from '../policy/dane';
import type { Facts } from '../policy/decide';

export interface Sources {
  readonly resolver: Resolver;
  readonly policies: Pick<StsPolicies, 'facts' | 'refresh'>;
}

/** Hosts that the operator's routing named, in order. */
export type Route = readonly RouteHost[];

/** How long the facts are waited for. The signal is looked at only where a question leaves the process. */
export interface Waiting {
  readonly signal: AbortSignal;
}

const notAsked: StsFacts = { kind: 'not_asked' };

/** The facts for mail to `domain`, whatever stands behind the @, whose hosts are found by MX. Never rejects. */
export async function discover(
  sources: Sources,
  rule: OutboundRule,
  domain: string,
  waiting: Waiting,
): Promise<Facts> {
  const asking = new Asking(rule, waiting);
  const name = canonicalDomain(domain);
  const policy =
    name !== undefined && asksPolicy(rule.level)
      ? sources.policies.facts(name, asking)
      : Promise.resolve(notAsked);
  // Where nobody waits for it, a rejection must not end the process.
  policy.catch(() => undefined);
  const destination = await discoverDestination(sources.resolver, domain, asking);
  // A slow policy host must not hold up mail that DANE already settles.
  return { destination, sts: consultsPolicy(rule, destination) ? await policy : notAsked };
}

/** The facts for hosts that another plugin chose: they stand for a secure MX RRset, and have no MTA-STS policy. */
export async function discoverRouted(
  sources: Sources,
  rule: OutboundRule,
  domain: string,
  route: Route,
  waiting: Waiting,
): Promise<Facts> {
  const asking = new Asking(rule, waiting);
  return { destination: await discoverRoute(sources.resolver, domain, route, asking), sts: notAsked };
}

/** What one rule asks of DNS and of policies. */
class Asking {
  readonly dane: boolean;
  readonly insecureMx: OutboundRule['insecureMx'];
  readonly extraRoots: string;

  constructor(
    rule: OutboundRule,
    private readonly waiting: Waiting,
  ) {
    this.dane = asksDane(rule.level);
    this.insecureMx = rule.insecureMx;
    this.extraRoots = rule.extraRoots;
  }

  get signal(): AbortSignal {
    return this.waiting.signal;
  }
}

export function asksDane(level: SecurityLevel): boolean {
  return level === 'opportunistic_dane' || level === 'mandatory_dane' || level === 'auto';
}

function asksPolicy(level: SecurityLevel): boolean {
  return level === 'mta_sts' || level === 'auto';
}

/** Under `auto` with a secure MX and usable TLSA records at every host, the policy is not consulted. */
function consultsPolicy(rule: OutboundRule, destination: Destination): boolean {
  if (!asksPolicy(rule.level)) return false;
  if (destination.kind !== 'mx') return destination.kind === 'implicit';
  if (rule.level !== 'auto' || destinationSecurity(destination) !== 'secure') return true;
  return destination.hosts.some((host) => {
    const state = daneState(rule, destination, host).kind;
    return state === 'does_not_apply' || state === 'unusable';
  });
}
