/** Visits to the hosts of a decision, each as a delivery would pay it. */
import { discover, type Sources } from '../discovery/discover';
import type { OutboundRule } from '../peers/rule';
import { decide } from '../policy/decide';
import { withOwnFault } from '../policy/own_fault';
import { extraRootsOf } from '../policy/observed';
import type { Decision, HostPlan, Requirement } from '../policy/requirement';
import { judgeProbe, type ProbeVerdict } from '../probe/judge';
import { probeHost, type Probe } from '../probe/probe';
import type { HarakaTls } from '../settings/haraka/outbound_tls';
import type { GlobalSettings } from '../settings/schema/types';
import type { HandshakeRequest } from '../tls/options';
import { certificateUse, securityLevelOf } from '../tls/security_level';
import { requirementText } from './commands/explain';
import { asHarakaDelivers } from './haraka_terms';

/** What came of one address of one MX host. */
export interface Attempt {
  readonly host: string;
  readonly address: string;
  /** In words. */
  readonly requirement: string;
  readonly discovered: string;
  /** What the handshake came to, whatever the verdict; empty where there was none. */
  readonly tlsVersion: string;
  readonly cipher: string;
  /** Names in the leaf certificate. */
  readonly names: string;
  /** When the leaf certificate expires. */
  readonly expires: string;
  readonly verdict: ProbeVerdict;
}

export interface VisitorOptions {
  readonly sources: Sources;
  readonly global: GlobalSettings;
  readonly helo: string;
  readonly haraka: HarakaTls;
  readonly progress: (line: string) => void;
}

export class Visitor {
  /** By address, and how it is greeted: rules that differ otherwise share a visit. */
  private readonly probes = new Map<string, Promise<Probe>>();

  constructor(private readonly options: VisitorOptions) {}

  /** What a delivery would decide, with Haraka's own settings heeded. */
  async decide(rule: OutboundRule, domain: string): Promise<Decision> {
    const { sources, global, haraka } = this.options;
    const signal = AbortSignal.timeout(global.timeouts.decision * 1000);
    const [facts, probed] = await Promise.all([
      discover(sources, rule, domain, { signal }),
      sources.resolver.probe(),
    ]);
    return asHarakaDelivers(withOwnFault(decide(rule, facts), probed), haraka, domain);
  }

  async visit({ host, requirement, discovered }: HostPlan, address: string): Promise<Attempt> {
    const probe = await this.probe(host, address, requirement);
    const verdict = judgeProbe(requirement, probe, new Date());
    return {
      host,
      requirement: requirementText(requirement),
      discovered,
      address,
      ...sessionOf(probe),
      verdict,
    };
  }

  private probe(host: string, address: string, requirement: Requirement): Promise<Probe> {
    const key = JSON.stringify([address, greeting(requirement)]);
    const known = this.probes.get(key);
    if (known !== undefined) return known;
    const { global, helo, progress } = this.options;
    const made = probeHost({
      address,
      heloName: helo,
      deadlineMs: global.timeouts.tlsHandshake * 1000,
      handshake: this.handshakeFor(requirement),
    });
    this.probes.set(key, made);
    void made.then(({ kind }) => progress(`${host} [${address}]: ${kind.replace('_', ' ')}`));
    return made;
  }

  /** The handshake that a delivery would make. */
  private handshakeFor(requirement: Requirement): HandshakeRequest | 'never' {
    if (requirement.kind === 'cleartext') return 'never';
    const { options } = this.options.haraka;
    return { requirement, haraka: { ...options }, certificate: 'none', hello: 'default' };
  }
}

/** Everything in `requirement` that the other side may notice, or that is settled in the handshake. */
function greeting(requirement: Requirement): unknown {
  if (requirement.kind === 'cleartext') return 'cleartext';
  const { serverName, minVersion } = requirement;
  const terms = [securityLevelOf(requirement), certificateUse(requirement)];
  return [serverName, minVersion, extraRootsOf(requirement), ...terms];
}

function sessionOf(probe: Probe): Pick<Attempt, 'tlsVersion' | 'cipher' | 'names' | 'expires'> {
  if (probe.kind !== 'encrypted') return { tlsVersion: '', cipher: '', names: '', expires: '' };
  const leaf = probe.session.certificates.chain()[0];
  return {
    tlsVersion: probe.session.protocol ?? '',
    cipher: probe.session.cipher,
    names: (leaf?.subjectAltName ?? '').replaceAll('DNS:', ''),
    expires: leaf === undefined ? '' : new Date(leaf.validTo).toISOString().slice(0, 10),
  };
}
