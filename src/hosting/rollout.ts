/**
 * What a domain's own policy would do to other people's mail, judged from what can be seen from here. Pure: `rollout_facts`
 * gathers what is seen.
 */
import type { Failure } from '../failure';
import { matchesPolicy } from '../mta_sts/match';
import type { StsLookup } from '../mta_sts/lookup';
import { recordNameOf } from '../mta_sts/well_known_names';
import { checkSession } from '../policy/session';
import type { EncryptedRequirement } from '../policy/requirement';
import type { Probe } from '../probe/probe';
import { printable } from '../text';
import type { HostedFile } from './catalogue';
import { hostedPolicy, policyRecord } from './policy_text';

/** One MX host, as it is seen. */
export interface MxHostSeen {
  readonly host: string;
  readonly addresses:
    | {
        readonly kind: 'found';
        readonly probes: readonly { readonly address: string; readonly probe: Probe }[];
      }
    | { readonly kind: 'none' }
    | { readonly kind: 'unknown'; readonly problem: string };
}

export type MxSeen =
  /** Without an MX RRset, the domain itself (RFC 5321 section 5.1). */
  | { readonly kind: 'hosts'; readonly hosts: readonly MxHostSeen[] }
  | { readonly kind: 'null_mx' }
  | { readonly kind: 'unknown'; readonly problem: string };

/** What a sender gets from one address of the policy host. */
export type PolicyAddressSeen =
  | {
      readonly kind: 'served';
      readonly address: string;
      readonly text: string;
      readonly certificateEnds: Date;
    }
  | { readonly kind: 'failed'; readonly address: string; readonly failure: Failure };

export type PolicyHostSeen =
  | { readonly kind: 'found'; readonly addresses: readonly PolicyAddressSeen[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly problem: string };

export interface RolloutFacts {
  readonly file: HostedFile;
  readonly mx: MxSeen;
  readonly record: StsLookup;
  readonly policyHost: PolicyHostSeen;
}

export interface Finding {
  /** `error`: mail of senders that follow the policy fails, or nobody can follow it; `warning`: it may come to that. */
  readonly severity: 'error' | 'warning';
  readonly domain: string;
  /** One line that says what was seen and what it leads to. */
  readonly text: string;
  /** The MX host that the policy would have to name. */
  readonly uncovered?: string;
}

type Unplaced = Omit<Finding, 'domain'>;

/** Everything about the policy of one domain that would make mail fail, worst first. */
export function judgeRollout(facts: RolloutFacts, now: Date): Finding[] {
  const { file } = facts;
  const found = [
    ...(file.policy.mode === 'none' ? [] : [...judgeHosts(facts, now), ...judgeMaxAge(facts)]),
    ...judgeRecord(facts),
    ...judgePolicyHost(facts, now),
  ];
  return found
    .map((one) => ({ ...one, domain: file.domain }))
    .sort((a, b) => a.severity.localeCompare(b.severity));
}

function judgeHosts({ file, mx }: RolloutFacts, now: Date): Unplaced[] {
  switch (mx.kind) {
    case 'unknown':
      return [warning(`its MX records could not be looked up (${mx.problem}): its hosts were not checked`)];
    case 'null_mx':
      return [warning('it takes no mail (null MX), so a policy with hosts is of no use; mode = none is')];
    case 'hosts':
      return [
        ...mx.hosts.flatMap((host) => judgeHost(file, host, now)),
        ...file.policy.mx.filter((pattern) => !isUsed(pattern, mx.hosts)).map(unusedPattern),
      ];
  }
}

function judgeHost(file: HostedFile, seen: MxHostSeen, now: Date): Unplaced[] {
  const { host, addresses } = seen;
  const covered = matchesPolicy(hostedPolicy(file.policy), host);
  const uncovered = covered
    ? []
    : [{ ...fault(file, `the MX host ${host} is not covered by any mx of the policy`), uncovered: host }];
  switch (addresses.kind) {
    case 'unknown':
      return [...uncovered, warning(`${host}: its addresses could not be looked up (${addresses.problem})`)];
    case 'none':
      return [...uncovered, warning(`${host} has no address`)];
    case 'found':
      return [
        ...uncovered,
        ...addresses.probes.flatMap(({ address, probe }) => judgeProbe(file, { host, address, probe }, now)),
      ];
  }
}

function judgeProbe(
  file: HostedFile,
  { host, address, probe }: { readonly host: string; readonly address: string; readonly probe: Probe },
  now: Date,
): Unplaced[] {
  const at = `${host} (${address})`;
  switch (probe.kind) {
    case 'unreachable':
    case 'no_dialogue':
      return [warning(`${at} could not be checked from here: ${probe.problem}`)];
    case 'no_tls':
      return [fault(file, `${at}: ${probe.failure.text}`)];
    case 'cleartext':
      return [warning(`${at} could not be checked from here: TLS was not asked for`)];
    case 'encrypted': {
      const verdict = checkSession(senderRequirement(host), probe.session, now);
      return verdict.kind === 'failed'
        ? [fault(file, `${at}: ${verdict.failure.text}`)]
        : soonOver(at, probe, now);
    }
  }
}

function soonOver(at: string, { session }: Extract<Probe, { kind: 'encrypted' }>, now: Date): Unplaced[] {
  const ends = Date.parse(session.certificates.chain()[0]?.validTo ?? '');
  return ends - now.getTime() < hostRenewalMs
    ? [
        warning(
          `${at}: its certificate ends ${days(ends, now)}; then senders that enforce will not deliver there`,
        ),
      ]
    : [];
}

/** What every sender asks of the host where the mode is `enforce` (RFC 8461 section 4.1). */
export function senderRequirement(host: string): EncryptedRequirement {
  return {
    kind: 'encrypted',
    minVersion: 'TLSv1.2',
    authentication: { kind: 'pkix', pkix: { names: [host], subdomains: [], extraRoots: undefined } },
    serverName: host,
    observe: undefined,
    because: 'sts-enforce',
  };
}

function isUsed(pattern: string, hosts: readonly MxHostSeen[]): boolean {
  const policy = { mode: 'enforce', mx: [pattern], maxAge: 0, extensions: [] } as const;
  return hosts.some(({ host }) => matchesPolicy(policy, host));
}

function unusedPattern(pattern: string): Unplaced {
  return warning(`the policy allows ${pattern}, which is no MX host of the domain now`);
}

const day = 86_400;
const renewalMs = 14 * day * 1000;
const hostRenewalMs = 3 * day * 1000;

/** "Weeks or greater" is what RFC 8461 section 3.2 expects; a sender that is asked too often protects for too short. */
function judgeMaxAge({ file }: RolloutFacts): Unplaced[] {
  const { mode, maxAge } = file.policy;
  if (mode === 'enforce' && maxAge < 7 * day) {
    return [warning(`max_age is ${maxAge} s: a policy that is enforced protects for weeks (604800 or more)`)];
  }
  if (mode === 'testing' && maxAge > 31 * day) {
    return [
      warning(`max_age is ${maxAge} s: while testing, senders should look again sooner (604800 or less)`),
    ];
  }
  return [];
}

function judgeRecord({ file, record }: RolloutFacts): Unplaced[] {
  const wanted = `${recordNameOf(file.domain)} TXT should be "${policyRecord(file.id)}"`;
  switch (record.kind) {
    case 'unanswered':
      return [warning(`its TXT record could not be looked up: ${record.failure.text}`)];
    case 'not_published':
      return [error(`no TXT record is published, so no sender knows of the policy: ${wanted}`)];
    case 'invalid':
      return [error(`${record.failure.text}, so senders take it that there is no policy: ${wanted}`)];
    case 'found':
      return record.id === file.id
        ? []
        : [
            error(
              `the TXT record has the id ${record.id}, so senders keep to an older policy until it runs out: ${wanted}`,
            ),
          ];
  }
}

function judgePolicyHost({ file, policyHost }: RolloutFacts, now: Date): Unplaced[] {
  switch (policyHost.kind) {
    case 'unknown':
      return [warning(`the addresses of ${file.host} could not be looked up (${policyHost.problem})`)];
    case 'none':
      return [error(`senders cannot fetch the policy: ${file.host} has no address`)];
    case 'found':
      return judgePolicyAddresses(file, policyHost.addresses, now);
  }
}

function judgePolicyAddresses(
  file: HostedFile,
  addresses: readonly PolicyAddressSeen[],
  now: Date,
): Unplaced[] {
  const failed = addresses.flatMap((one) => (one.kind === 'failed' ? [one.failure] : []));
  const served = addresses.flatMap((one) => (one.kind === 'served' ? [one] : []));
  // One finding for what several addresses have in common; they are named where others do better.
  const at = (some: readonly PolicyAddressSeen[]) =>
    some.length === addresses.length
      ? file.host
      : `${file.host} (${some.map(({ address }) => address).join(', ')})`;
  const others = groupBy(served, ({ text }) => text).filter(([{ text }]) => text !== file.text);
  const ending = groupBy(served, ({ certificateEnds }) => certificateEnds.getTime()).filter(
    ([{ certificateEnds }]) => certificateEnds.getTime() - now.getTime() < renewalMs,
  );
  return [
    ...failed.map((failure) => (served.length === 0 ? unfetchable(failure) : unfetchableForSome(failure))),
    ...others.map((some) =>
      error(
        `${at(some)} serves another policy than the one configured here: ${printable(some[0].text, 120)}`,
      ),
    ),
    ...ending.map((some) => {
      const left = days(some[0].certificateEnds.getTime(), now);
      return warning(`the certificate of ${at(some)} ends ${left}; then senders cannot fetch the policy`);
    }),
  ];
}

/** A certificate is the same for everybody. Whether others get there is not seen from here, behind NAT for one. */
function unfetchable({ reason, text }: Failure): Unplaced {
  return error(
    `${reason === 'sts-webpki-invalid' ? 'senders cannot fetch the policy' : notFromHere}: ${text}`,
  );
}

function unfetchableForSome({ reason, text }: Failure): Unplaced {
  return warning(
    `${reason === 'sts-webpki-invalid' ? 'some senders cannot fetch the policy' : notFromHere}: ${text}`,
  );
}

const notFromHere = 'the policy cannot be fetched from here';

type Group<T> = readonly [T, ...T[]];

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | number): Group<T>[] {
  const groups = new Map<string | number, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function days(ends: number, now: Date): string {
  const left = Math.floor((ends - now.getTime()) / (day * 1000));
  return `in ${left} ${left === 1 ? 'day' : 'days'}`;
}

/** What fails under `enforce`; while testing, it is what would. */
function fault({ policy }: HostedFile, text: string): Unplaced {
  return policy.mode === 'enforce'
    ? error(`${text}: senders that follow the policy do not deliver there`)
    : warning(`${text}: with mode = enforce, senders would not deliver there`);
}

function error(text: string): Unplaced {
  return { severity: 'error', text };
}

function warning(text: string): Unplaced {
  return { severity: 'warning', text };
}
