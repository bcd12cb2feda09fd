/** The hosts of a decision, each checked as a delivery would meet it. */
import { withDeadline } from '../deadline';
import { discover, type Sources } from '../discovery/discover';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { decide } from '../policy/decide';
import { handshakeTerms } from '../policy/handshake_terms';
import { withOwnFault } from '../policy/own_fault';
import type { Decision, HostPlan, Requirement } from '../policy/requirement';
import { judgeProbe, type ProbeVerdict } from '../probe/judge';
import { probeHost, type Probe } from '../probe/probe';
import type { HarakaTls } from '../settings/haraka/outbound_tls';
import type { GlobalSettings } from '../settings/schema/types';
import type { HandshakeRequest } from '../tls/options';
import { securityLevelOf } from '../tls/security_level';
import { requirementText } from './decision_text';
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

export interface Decided {
  readonly decision: Decision;
  readonly sts: StsFacts;
}

export interface HostCheckOptions {
  readonly sources: Sources;
  readonly global: GlobalSettings;
  /** With which hosts are greeted. */
  readonly ehloName: string;
  readonly haraka: HarakaTls;
  readonly progress: (line: string) => void;
}

export class HostChecks {
  /** By address, and how it is greeted: rules that differ otherwise share a probe. */
  readonly #probes = new Map<string, Promise<Probe>>();

  readonly #options: HostCheckOptions;

  constructor(options: HostCheckOptions) {
    this.#options = options;
  }

  /** What a delivery would decide, with Haraka's own settings heeded, and what it would know of a policy. */
  async decide(rule: OutboundRule, domain: string): Promise<Decided> {
    const { sources, global, haraka } = this.#options;
    const [facts, probed] = await Promise.all([
      withDeadline(global.timeouts.decision * 1000, undefined, (signal) =>
        discover(sources, rule, domain, { signal }),
      ),
      sources.resolver.probe(),
    ]);
    const decision = asHarakaDelivers(withOwnFault(decide(rule, facts), probed), haraka, domain);
    return { decision, sts: facts.sts };
  }

  async check({ host, requirement, discovered }: HostPlan, address: string): Promise<Attempt> {
    const probe = await this.#probe(host, address, requirement);
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

  #probe(host: string, address: string, requirement: Requirement): Promise<Probe> {
    const key = JSON.stringify([address, greeting(requirement)]);
    const known = this.#probes.get(key);
    if (known !== undefined) return known;
    const { global, ehloName, progress } = this.#options;
    const made = probeHost({
      address,
      ehloName,
      deadlineMs: global.timeouts.tlsHandshake * 1000,
      handshake: this.#handshakeFor(requirement),
    });
    this.#probes.set(key, made);
    void made.then(({ kind }) => progress(`${host} [${address}]: ${kind.replace('_', ' ')}`));
    return made;
  }

  /** The handshake that a delivery would make. */
  #handshakeFor(requirement: Requirement): HandshakeRequest | 'never' {
    if (requirement.kind === 'cleartext') return 'never';
    const { options } = this.#options.haraka;
    return {
      terms: handshakeTerms(requirement),
      haraka: { ...options },
      certificate: 'none',
      hello: 'default',
    };
  }
}

/** Everything in `requirement` that the other side may notice, or that is settled in the handshake. */
function greeting(requirement: Requirement): unknown {
  if (requirement.kind === 'cleartext') return 'cleartext';
  const terms = handshakeTerms(requirement);
  const { serverName, minVersion, extraRoots, certificate } = terms;
  return [serverName, minVersion, extraRoots, securityLevelOf(terms), certificate];
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
