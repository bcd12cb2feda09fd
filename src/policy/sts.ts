/**
 * MTA-STS for one MX host (RFC 8461): which row of the MTA-STS table the domain's policy makes it.
 *
 * A domain without signed DNS can say over HTTPS, which the Web's CAs vouch for, how its mail is to be protected: the policy
 * names the MX hosts (`mx`), and in mode `enforce` mail goes only to one of them, over TLS, with a certificate for its name
 * from a trusted CA. Mode `testing` asks for reports instead of refusals, mode `none` takes a policy back. A sender keeps
 * the policy for its `max_age`, so that blocking DNS or HTTPS later does not make it disappear. The first fetch is not
 * protected by anything: a domain whose policy was never obtained has none.
 */
import type { Failure } from '../failure';
import { matchesPolicy } from '../mta_sts/match';
import type { StsFacts } from '../mta_sts/types';

/**
 * A row of the MTA-STS table, with what carrying its cell out takes. `recorded`: what has failed already and stops nothing,
 * such as fetching a policy, or a host that `testing` does not name.
 */
export type StsFinding = { readonly recorded: readonly Failure[] } & (
  | { readonly row: 'no_policy'; readonly why: 'not_asked' | 'not_published' | 'not_obtained' }
  | { readonly row: 'mode_none' }
  | { readonly row: 'mode_testing' | 'enforce_named'; readonly id: string }
  | { readonly row: 'enforce_not_named'; readonly id: string; readonly failure: Failure }
  | { readonly row: 'policy_not_known'; readonly failure: Failure }
);

const nothing: readonly Failure[] = [];

export function stsFinding(sts: StsFacts, domain: string, host: string): StsFinding {
  switch (sts.kind) {
    case 'not_asked':
      return { row: 'no_policy', why: 'not_asked', recorded: nothing };
    case 'no_policy':
      return sts.failure === 'not_published'
        ? { row: 'no_policy', why: 'not_published', recorded: nothing }
        : { row: 'no_policy', why: 'not_obtained', recorded: [sts.failure] };
    case 'unknown':
      return { row: 'policy_not_known', failure: sts.failure, recorded: nothing };
    case 'policy':
      return findingOfPolicy(sts, domain, host);
  }
}

function findingOfPolicy(
  { policy, id }: Extract<StsFacts, { kind: 'policy' }>,
  domain: string,
  host: string,
): StsFinding {
  if (policy.mode === 'none') return { row: 'mode_none', recorded: nothing };
  const failure = matchesPolicy(policy, host) ? undefined : notNamed(host, domain, id, policy.mx);
  if (policy.mode === 'testing') {
    return { row: 'mode_testing', id, recorded: failure === undefined ? nothing : [failure] };
  }
  return failure === undefined
    ? { row: 'enforce_named', id, recorded: nothing }
    : { row: 'enforce_not_named', id, failure, recorded: nothing };
}

/** A policy may name some thousand hosts, and this is said of each host that it does not name. */
const mostNamed = 8;

function notNamed(host: string, domain: string, id: string, mx: readonly string[]): Failure {
  const others = mx.length - mostNamed;
  const named = `${mx.slice(0, mostNamed).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
  const text = `${host} is not among the MX hosts of the MTA-STS policy of ${domain} (id ${id}: ${named})`;
  return { reason: 'mx-not-in-policy', text };
}
