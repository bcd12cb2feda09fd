/** Whether every host of a peer takes a message under a rule now, at each of its addresses. */
import { networkInterfaces } from 'node:os';
import { isIPv6 } from 'node:net';
import type { OutboundRule } from '../../peers/rule';
import type { Decision } from '../../policy/requirement';
import type { Attempt, HostChecks } from '../host_checks';
import { problemsOf, problemText } from '../unsent';

export type HostsVerdict =
  /** `unseen`: addresses that no connection can be made to from here, of hosts that have others. */
  | { readonly kind: 'hold'; readonly hosts: number; readonly unseen: readonly string[] }
  | { readonly kind: 'fail'; readonly why: string };

/** Connects to all of them. Never rejects, and each visit has its deadline. */
export async function hostsHold(
  checks: HostChecks,
  rule: OutboundRule,
  domain: string,
): Promise<HostsVerdict> {
  const { decision } = await checks.decide(rule, domain);
  // One host that is refused is enough: it may be the one that is left when the others are down.
  const [problem] = problemsOf(decision);
  if (decision.kind !== 'deliver' || problem !== undefined)
    return { kind: 'fail', why: problem === undefined ? 'no host' : problemText(problem) };
  const attempts = await Promise.all(
    decision.hosts.flatMap((plan) => plan.addresses.map((address) => checks.check(plan, address))),
  );
  return verdictOn(attempts, { lacksIpv6: !hasIpv6() });
}

/** Pure. @param lacksIpv6 this machine has no address with which IPv6 hosts could be reached: no delivery comes to them either */
export function verdictOn(
  attempts: readonly Attempt[],
  { lacksIpv6 }: { readonly lacksIpv6: boolean },
): HostsVerdict {
  const hosts = new Set(attempts.map(({ host }) => host));
  const isUnseen = ({ address, verdict }: Attempt) =>
    lacksIpv6 && isIPv6(address) && verdict.kind === 'unreachable';
  const seen = attempts.filter((attempt) => !isUnseen(attempt));
  const failed = seen.find(({ verdict }) => verdict.kind !== 'goes' || verdict.tlsVersion === '');
  if (failed !== undefined) return { kind: 'fail', why: failureText(failed) };
  const blind = [...hosts].find((host) => !seen.some((attempt) => attempt.host === host));
  if (blind !== undefined || hosts.size === 0)
    return {
      kind: 'fail',
      why: blind === undefined ? 'no host' : `${blind}: no address can be reached from here`,
    };
  return { kind: 'hold', hosts: hosts.size, unseen: attempts.filter(isUnseen).map(({ address }) => address) };
}

function failureText({ host, address, verdict }: Attempt): string {
  const at = `${host} [${address}]`;
  switch (verdict.kind) {
    case 'goes':
      return `${at}: in cleartext now`;
    case 'refused':
      return `${at}: ${verdict.failure.reason}: ${verdict.failure.text}`;
    case 'unreachable':
      return `${at} cannot be reached now: ${verdict.problem}`;
  }
}

/** Addresses of this machine that lead anywhere: neither its own loop nor its link alone. */
function hasIpv6(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((of) => of ?? [])
    .some(({ family, internal, address }) => family === 'IPv6' && !internal && !/^fe[89ab]/i.test(address));
}

/** What the peer publishes now that the rule in force follows, and `verify` would not look at. */
export function publishedNow(decision: Decision): 'TLSA records' | 'an MTA-STS policy' | undefined {
  if (decision.kind !== 'deliver') return undefined;
  const because = new Set<string>(
    decision.hosts.flatMap(({ requirement }) =>
      requirement.kind === 'cleartext'
        ? []
        : [requirement.because, ...(requirement.observe === undefined ? [] : [requirement.observe.because])],
    ),
  );
  if (because.has('dane') || because.has('dane-unusable') || because.has('dane+sts-enforce'))
    return 'TLSA records';
  return because.has('sts-enforce') || because.has('sts-testing') ? 'an MTA-STS policy' : undefined;
}
