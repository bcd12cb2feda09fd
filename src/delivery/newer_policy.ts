/**
 * Before mail is given up for good because of an `enforce` policy, the domain is asked once more for a newer one
 * (RFC 8461 section 5.1).
 */
import { isDeepStrictEqual } from 'node:util';
import { within } from '../deadline';
import type { StsFacts } from '../mta_sts/types';
import { canonicalDomain } from '../names';
import { messageOf, printable } from '../text';
import type { Attempt, HostFailure } from './attempt';
import type { DeliveryOptions } from './delivery';

type Policy = Extract<StsFacts, { kind: 'policy' }>;

/**
 * The policy of `domain`, where it is not the one from which the attempt was decided; to be asked once in an attempt.
 * Never rejects.
 *
 * @param onFault told why the domain could not be asked; then the policy that is known has the last word
 */
export async function newerPolicy(
  attempt: Attempt,
  domain: string,
  { sources, limits }: Pick<DeliveryOptions, 'sources' | 'limits'>,
  onFault: (text: string) => void,
): Promise<Policy | 'none'> {
  const { phase, rule, failures } = attempt;
  const name = canonicalDomain(domain);
  if (name === undefined || rule === 'unknown' || phase.kind !== 'decided') return 'none';
  if (!failures.some((failure) => restsOnPolicy(failure, attempt.policy))) return 'none';
  try {
    const newest = await within(limits.decision, `the MTA-STS policy of ${name}`, ({ signal }) =>
      sources.policies.refresh(name, { extraRoots: rule.extraRoots ?? '', signal }),
    );
    return newest.kind === 'policy' && !isSamePolicy(newest, attempt.policy) ? newest : 'none';
  } catch (error) {
    // not covered: a second line of defence. The refresh of a policy never rejects, and heeds the same deadline.
    onFault(printable(messageOf(error)));
    return 'none';
  }
}

/**
 * A host outside the policy is refused before anything is required of it, and so is one whose policy is not known. To mail that
 * asks for REQUIRETLS, a policy of any mode may be what vouches for a host, or does not.
 */
function restsOnPolicy(failure: HostFailure, policy: StsFacts): boolean {
  if (failure.kind !== 'policy') return false;
  const { because } = failure;
  if (failure.failure.reason === 'requiretls-no-tls') return policy.kind === 'policy';
  return (
    because === 'sts-enforce' ||
    because === 'dane+sts-enforce' ||
    failure.failure.reason === 'mx-not-in-policy' ||
    failure.failure.reason === 'sts-policy-fetch-error'
  );
}

/** The whole policy, not its id alone: it may have been changed under the same id. */
function isSamePolicy(a: Policy, b: StsFacts): boolean {
  return b.kind === 'policy' && a.id === b.id && isDeepStrictEqual(a.policy, b.policy);
}
