/** What `--json` and the page show alike. Pure. */
import type { StoredPolicy } from '../mta_sts/store';
import type { Finding } from '../settings/checks/check';
import { inOrder, type Fault } from '../settings/schema/fault';

/** A policy of another domain that is kept; times in ISO 8601. */
export function policyDocument({ domain, id, fetchedAt, policy }: StoredPolicy) {
  return {
    domain,
    id,
    fetched: new Date(fetchedAt).toISOString(),
    expires: new Date(fetchedAt + policy.maxAge * 1000).toISOString(),
    policy,
  };
}

/** What cannot be read, and what was found beside that, by how bad it is. */
export function sorted(
  unread: readonly Fault[],
  found: readonly Finding[],
): { readonly faults: Fault[]; readonly warnings: Fault[] } {
  const of = (wanted: Finding['severity']) =>
    found.filter(({ severity }) => severity === wanted).map(({ fault }) => fault);
  return { faults: inOrder([...unread, ...of('fault')]), warnings: inOrder(of('warning')) };
}
