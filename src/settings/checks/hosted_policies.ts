/** What the policies that this Haraka is to serve would do to mail, as senders see them. Pure. */
import { openIfReadable } from '../load/file';
import { run, type Fault, type Mend } from '../schema/fault';
import type { FilesView, NetworkView } from './check';

export function hostedPolicies({ policies }: NetworkView, { settings, source }: FilesView): Fault[] {
  return policies.flatMap(({ domain, problem, uncovered }) => {
    const managed = settings.domains.get(domain);
    if (managed?.kind !== 'managed' || managed.policy.kind === 'none') return [];
    const { file, policy } = managed;
    const mend: Mend | undefined =
      uncovered === undefined
        ? undefined
        : { kind: 'write', file, section: 'mta_sts', line: mxLine(source, file, uncovered) };
    return [{ file, line: policy.line, section: 'mta_sts', problem, mend }];
  });
}

/** In the form that the others have: a key may stand once, or as a list. */
function mxLine(source: FilesView['source'], file: string, uncovered: string): string {
  const sections = openIfReadable(source, file)?.located.sections;
  const at = sections?.find(({ name }) => name === 'mta_sts')?.keys.get('mx');
  const written = at === undefined || at.lines.length > 0 ? undefined : at.texts.at(-1);
  return written === undefined ? `mx[] = ${uncovered}` : `mx = ${written}, ${uncovered}`;
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
