/** The MTA-STS table: what a domain's policy means for one MX host (RFC 8461 sections 4 and 5). */
import type { Failure } from '../failure';
import { matchesPolicy } from '../mta_sts/match';
import type { StsFacts } from '../mta_sts/types';

export type StsState =
  /** No policy in force. `failure`: what stood in the way of one, recorded but not enforced. */
  | { readonly kind: 'no_policy'; readonly why: string; readonly recorded: readonly Failure[] }
  /** Verified TLS if it works, otherwise as opportunistic. `recorded`: what `enforce` would have refused. */
  | { readonly kind: 'testing'; readonly id: string; readonly recorded: readonly Failure[] }
  | { readonly kind: 'enforce'; readonly id: string }
  /** Whether a policy is in force cannot be told: the host is not connected to for now. */
  | { readonly kind: 'unknown'; readonly failure: Failure }
  /** The host is not one of the policy's: not connected to at all. */
  | { readonly kind: 'refused'; readonly id: string; readonly failure: Failure };

export function stsState(sts: StsFacts, domain: string, host: string): StsState {
  switch (sts.kind) {
    case 'not_asked':
      return { kind: 'no_policy', why: 'MTA-STS was not asked for', recorded: [] };
    case 'no_policy':
      return sts.failure === 'not_published'
        ? { kind: 'no_policy', why: 'no MTA-STS policy', recorded: [] }
        : { kind: 'no_policy', why: 'MTA-STS policy not obtained', recorded: [sts.failure] };
    case 'unknown':
      return sts;
    case 'policy': {
      const { policy, id } = sts;
      if (policy.mode === 'none') return { kind: 'no_policy', why: 'MTA-STS mode none', recorded: [] };
      const named = matchesPolicy(policy, host);
      if (policy.mode === 'testing')
        return { kind: 'testing', id, recorded: named ? [] : [notNamed(host, domain, id, policy.mx)] };
      return named
        ? { kind: 'enforce', id }
        : { kind: 'refused', id, failure: notNamed(host, domain, id, policy.mx) };
    }
  }
}

/** A policy may name some thousand hosts, and this is said of each host that it does not name. */
const mostNamed = 8;

function notNamed(host: string, domain: string, id: string, mx: readonly string[]): Failure {
  const others = mx.length - mostNamed;
  const named = `${mx.slice(0, mostNamed).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
  const text = `${host} is not among the MX hosts of the MTA-STS policy of ${domain} (id ${id}: ${named})`;
  return { reason: 'mx-not-in-policy', text };
}
