/** Looks at a domain as senders would: its MX hosts, its TXT record and its policy host. Gathers, and does not judge. */
import { setMaxListeners } from 'node:events';
import { withDeadline } from '../deadline';
import type { Resolver } from '../dns/resolver';
import type { Answer } from '../dns/types';
import type { Failure } from '../failure';
import { inTurn } from '../mta_sts/addresses';
import { connectTo, openTls, type OpenTls } from '../mta_sts/connect';
import { lookUpRecord } from '../mta_sts/lookup';
import { requestPolicy } from '../mta_sts/response';
import { handshakeTerms } from '../policy/handshake_terms';
import { probeHost, type Probe, type ProbeOptions } from '../probe/probe';
import { messageOf } from '../text';
import type { HostedFile } from './catalogue';
import {
  judgeRollout,
  senderRequirement,
  type Finding,
  type MxHostSeen,
  type MxSeen,
  type PolicyAddressSeen,
  type PolicyHostSeen,
  type RolloutFacts,
} from './rollout';

export interface RolloutDependencies {
  readonly resolver: Pick<Resolver, 'a' | 'aaaa' | 'mx' | 'txt'>;
  /** What EHLO says. */
  readonly ehloName: string;
  /** How MX hosts and policy hosts are reached. Tests put ports of their own in its place. */
  readonly probe?: (options: ProbeOptions) => Promise<Probe>;
  readonly open?: OpenTls;
  /** Milliseconds for the questions about one domain, and for one visit to an MX host; 60 s and 30 s where absent. */
  readonly deadlineMs?: number;
  readonly visitMs?: number;
  /** Domains that are looked at together; 1 where absent, since nobody waits for the daily check. */
  readonly atOnce?: number;
}

/** As many as are looked at. */
const mostHosts = 20;
const mostAddresses = 4;
const policyBytes = 65_536;

/**
 * Checks the policies of `files`; a host that several of them name is visited once. Never rejects.
 *
 * @param signal ends the check: what was not seen whole by then gives no findings
 * @param onChecked called for each file that was seen whole
 * @returns the findings in the order of `files`
 */
export async function checkRollout(
  deps: RolloutDependencies,
  files: Iterable<HostedFile>,
  signal: AbortSignal,
  onChecked: (file: HostedFile) => void = () => undefined,
): Promise<Finding[]> {
  const sharing = { ...deps, probe: sharedVisits(deps.probe ?? probeHost, signal) };
  // Every visit listens to it.
  setMaxListeners(0, signal);
  const waiting = [...files].entries();
  const found: Finding[][] = [];
  const checkInTurn = async (): Promise<void> => {
    for (const [index, file] of waiting) {
      if (signal.aborted) return;
      const facts = await gatherFacts(sharing, file, signal);
      if (isOver(signal)) return;
      found[index] = judgeRollout(facts, new Date());
      onChecked(file);
    }
  };
  await Promise.all(Array.from({ length: deps.atOnce ?? 1 }, checkInTurn));
  return found.flat();
}

/** A visit goes on where the domain that began it runs out of time: others may be waiting for the same host. */
function sharedVisits(
  probe: (options: ProbeOptions) => Promise<Probe>,
  signal: AbortSignal,
): (options: ProbeOptions) => Promise<Probe> {
  const visits = new Map<string, Promise<Probe>>();
  return (options) => {
    const { address, handshake } = options;
    const key = `${handshake === 'never' ? '' : (handshake.terms.serverName ?? '')} ${address}`;
    const visit = visits.get(key) ?? probe({ ...options, signal });
    visits.set(key, visit);
    return visit;
  };
}

function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Never rejects. */
export async function gatherFacts(
  deps: RolloutDependencies,
  file: HostedFile,
  parent: AbortSignal,
): Promise<RolloutFacts> {
  return withDeadline(deps.deadlineMs ?? 60_000, parent, async (signal) => {
    setMaxListeners(0, signal);
    const [mx, record, policyHost] = await Promise.all([
      seenMx(deps, file.domain, signal),
      lookUpRecord(deps.resolver, file.domain, 10_000, signal),
      seenPolicyHost(deps, file.host, signal),
    ]);
    return { file, mx, record, policyHost };
  });
}

async function seenMx(deps: RolloutDependencies, domain: string, signal: AbortSignal): Promise<MxSeen> {
  const answer = await deps.resolver.mx(domain, { signal });
  if (answer.kind === 'failed') return { kind: 'unknown', problem: answer.detail };
  const names = answer.kind === 'records' ? answer.records.map(({ exchange }) => exchange) : [domain];
  if (names.every((name) => name === '')) return { kind: 'null_mx' };
  const hosts = [...new Set(names)].filter((name) => name !== '').slice(0, mostHosts);
  return { kind: 'hosts', hosts: await Promise.all(hosts.map((host) => seenHost(deps, host, signal))) };
}

async function seenHost(deps: RolloutDependencies, host: string, signal: AbortSignal): Promise<MxHostSeen> {
  const found = await addressesOf(deps, host, signal);
  if (found.kind !== 'found') return { host, addresses: found };
  const { probe = probeHost, ehloName, visitMs: deadlineMs = 30_000 } = deps;
  const terms = handshakeTerms(senderRequirement(host));
  const handshake = { terms, haraka: {}, certificate: 'none', hello: 'default' } as const;
  const probes = await Promise.all(
    found.addresses.slice(0, mostAddresses).map(async (address) => ({
      address,
      probe: await probe({ address, handshake, ehloName, deadlineMs, signal }),
    })),
  );
  return { host, addresses: { kind: 'found', probes } };
}

type Addresses =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly problem: string };

async function addressesOf(
  { resolver }: RolloutDependencies,
  host: string,
  signal: AbortSignal,
): Promise<Addresses> {
  const answers = await Promise.all([resolver.a(host, { signal }), resolver.aaaa(host, { signal })]);
  const [four = [], six = []] = answers.map((answer) => (answer.kind === 'records' ? answer.records : []));
  const addresses = inTurn(four, six);
  if (addresses.length > 0) return { kind: 'found', addresses };
  const failed = answers.find(
    (answer): answer is Extract<Answer<string>, { kind: 'failed' }> => answer.kind === 'failed',
  );
  return failed === undefined ? { kind: 'none' } : { kind: 'unknown', problem: failed.detail };
}

/** Every address: a sender may come to any of them. */
async function seenPolicyHost(
  deps: RolloutDependencies,
  host: string,
  signal: AbortSignal,
): Promise<PolicyHostSeen> {
  const found = await addressesOf(deps, host, signal);
  if (found.kind !== 'found') return found;
  const addresses = await Promise.all(
    found.addresses.slice(0, mostAddresses).map((address) =>
      withDeadline(15_000, signal, (limit) => fetchFrom(deps, host, address, limit)).catch(
        (error: unknown): PolicyAddressSeen => ({
          kind: 'failed',
          address,
          failure: unfetched(`${host} (${address}): ${messageOf(error)}`),
        }),
      ),
    ),
  );
  return { kind: 'found', addresses };
}

async function fetchFrom(
  { open = openTls }: RolloutDependencies,
  host: string,
  address: string,
  signal: AbortSignal,
): Promise<PolicyAddressSeen> {
  const connected = await connectTo(address, host, { extraRoots: '', open, signal });
  if (connected.kind !== 'connected') {
    const { reason, text } = connected.failure;
    return { kind: 'failed', address, failure: { reason, text: `${host} (${address}): ${text}` } };
  }
  const certificateEnds = new Date(connected.socket.getPeerX509Certificate()?.validTo ?? Number.NaN);
  const body = await requestPolicy(connected.socket, host, { maxBytes: policyBytes, signal });
  if (body.kind !== 'body') {
    return { kind: 'failed', address, failure: unfetched(`${host} (${address}): ${body.why}`) };
  }
  return { kind: 'served', address, text: body.bytes.toString('utf8'), certificateEnds };
}

function unfetched(text: string): Failure {
  return { reason: 'sts-policy-fetch-error', text };
}
