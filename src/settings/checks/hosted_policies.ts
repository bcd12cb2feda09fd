/** What the policies that this Haraka is to serve would do to mail, as senders see them. Pure. */
import { run, type Fault, type Mend } from '../schema/fault';
import type { FilesView, NetworkView } from './check';

export function hostedPolicies({ policies }: NetworkView, { settings }: FilesView): Fault[] {
  return policies.flatMap(({ domain, problem, uncovered }) => {
    const managed = settings.domains.get(domain);
    if (managed?.kind !== 'managed' || managed.policy.kind === 'none') return [];
    const { file, policy } = managed;
    const mend: Mend | undefined =
      uncovered === undefined
        ? undefined
        : { kind: 'write', file, section: 'mta_sts', line: `mx[] = ${uncovered}` };
    return [{ file, line: policy.line, section: 'mta_sts', problem, mend }];
  });
}

/** What is published for our own MX hosts, and keeps mail with DANE from them. */
export function publishedTlsa({ tlsa }: NetworkView, { settings }: FilesView): Fault[] {
  return tlsa.flatMap(({ domain, problem }) => {
    const managed = settings.domains.get(domain);
    return managed === undefined
      ? []
      : [{ file: managed.file, problem, mend: run(`tls-peers records ${domain}`) }];
  });
}
