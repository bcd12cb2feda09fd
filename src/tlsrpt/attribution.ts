/** Which managed domain a received report is about, and which of it is. Pure. */
import type { ReceivedPolicy, ReceivedReport } from './received';

export type Attribution =
  | { readonly kind: 'ours'; readonly managed: string; readonly report: ReceivedReport }
  | { readonly kind: 'foreign'; readonly problem: string };

/**
 * A policy of MTA-STS, or none, is the domain's own; one of DANE is of a host, and stands in the report of the domain.
 *
 * @param about what the message says that it is about; empty where it does not
 */
export function attribute(
  report: ReceivedReport,
  about: string,
  isManaged: (domain: string) => boolean,
): Attribution {
  const named = [about, ...report.policies.map(({ domain }) => domain)].filter((domain) => domain !== '');
  const managed = named.find(isManaged);
  if (managed === undefined) {
    const whose = [...new Set(named)].slice(0, 3).join(', ');
    return { kind: 'foreign', problem: `it is about ${whose || 'nobody'}, which is not managed here` };
  }
  const policies = report.policies.flatMap((policy): ReceivedPolicy[] => {
    if (policy.type === 'tlsa') return [policy];
    const domain = policy.domain === '' ? managed : policy.domain;
    return domain === managed ? [{ ...policy, domain }] : [];
  });
  return policies.length === 0
    ? { kind: 'foreign', problem: `none of its policies is one of ${managed}` }
    : { kind: 'ours', managed, report: { ...report, policies } };
}

/** Whether the word of `signer` counts. */
export function isTrusted(signer: string, trusted: readonly string[]): boolean {
  return trusted.some((domain) => signer === domain || signer.endsWith(`.${domain}`));
}
