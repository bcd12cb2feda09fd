/**
 * Gathers what a decision needs: the hosts, what DNSSEC says of them, and the MTA-STS policy. Decides nothing.
 *
 * The MX records and the policy are asked for together. Addresses follow, and TLSA records where they may count
 * (`dns/destination`). The policy is waited for only where the DANE table leaves anything to it. A question that fails is a
 * fact like any other: nothing here rejects.
 */
import { discoverDestination } from '../dns/destination';
import type { Resolver } from '../dns/resolver';
import type { Destination } from '../dns/types';
import type { StsPolicies } from '../mta_sts/policies';
import { canonicalDomain } from '../names';
import type { OutboundRule } from '../peers/rule';
import { asksDane, asksPolicy } from '../policy/asks';
import { daneEntry, destinationSecurity, leavesToPolicy } from '../policy/dane';
import type { Facts } from '../policy/facts';
import { Asking, notAsked, type Waiting } from './asking';

export interface Sources {
  readonly resolver: Resolver;
  readonly policies: Pick<StsPolicies, 'get' | 'refresh'>;
}

/** The facts for mail to `domain`, the text behind the @, whose hosts are found by MX. Never rejects. */
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
      ? sources.policies.get(name, asking)
      : Promise.resolve(notAsked);
  // Where nobody waits for it, a rejection must not end the process.
  policy.catch(() => undefined);
  const destination = await discoverDestination(sources.resolver, domain, asking);
  // A slow policy host must not hold up mail that DANE already settles.
  return { destination, sts: consultsPolicy(rule, destination) ? await policy : notAsked };
}

/** Under `auto` with a secure MX and usable TLSA records at every host, the policy is not consulted. */
function consultsPolicy({ level, insecureMx }: OutboundRule, destination: Destination): boolean {
  if (!asksPolicy(level)) return false;
  if (destination.kind !== 'mx') return destination.kind === 'implicit';
  if (!asksDane(level) || destinationSecurity(destination) !== 'secure') return true;
  return destination.hosts.some((host) => leavesToPolicy(daneEntry(level, insecureMx, destination, host)));
}
