/** What the policies that this Haraka is to serve would do to mail, as senders see them. Pure. */
import type { Fault } from '../schema/fault';
import type { FilesView, NetworkView } from './check';

export function hostedPolicies({ policies }: NetworkView, { settings }: FilesView): Fault[] {
  return policies.flatMap(({ domain, problem }) => {
    const managed = settings.domains.get(domain);
    if (managed?.kind !== 'managed' || managed.policy.kind === 'none') return [];
    return [{ file: managed.file, line: managed.policy.line, section: 'mta_sts', problem }];
  });
}
