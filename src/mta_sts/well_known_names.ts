/** The names under which a domain publishes its policy (RFC 8461 sections 3.1 and 3.3). Pure. */
import { canonicalDomain, type DomainName } from '../names';

/** Where the TXT record is. */
export function recordNameOf(domain: string): string {
  return `_mta-sts.${domain}`;
}

/** Where the policy is served. `undefined` where that name would be too long. */
export function policyHostOf(domain: string): DomainName | undefined {
  return canonicalDomain(`mta-sts.${domain}`);
}
