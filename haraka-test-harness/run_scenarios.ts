/** Sends one message per scenario and holds what came of it, at Haraka and at the peer, against what is expected. */
import { mxHosts } from './build_world';
import type { Lab } from './lab';
import type { Outcome } from './reports';
import { senderAddress, type Expected, type Scenario } from './scenarios';
import type { PeerConnection, SmtpPeer } from './smtp_peer';

export interface Row {
  readonly peer: string;
  readonly rule: string;
  readonly level: string;
  readonly discovered: string;
  readonly requirement: string;
  readonly tls_version: string;
  readonly verified: string;
  readonly outcome: string;
  readonly reason: string;
  /** What should have come of it, in words. */
  readonly expected: string;
  readonly ok: boolean;
  /** What is not as expected, one line each. */
  readonly faults: readonly string[];
}

const atOnce = 16;

/** Runs all scenarios, some at a time, and calls `done` as each is finished. Rows come in the order of scenarios. */
export async function runScenarios(
  lab: Lab,
  scenarios: readonly Scenario[],
  done: (row: Row) => void = () => undefined,
): Promise<Row[]> {
  const rows: Row[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < scenarios.length; index = next++) {
      const scenario = scenarios[index];
      if (scenario === undefined) return;
      const row = await runScenario(lab, scenario);
      rows[index] = row;
      done(row);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return rows;
}

export async function runScenario(lab: Lab, scenario: Scenario): Promise<Row> {
  const message = { from: senderAddress(scenario.sender), to: `recipient@${scenario.peer}` };
  try {
    const outcome = await lab.deliver(message, { timeoutMs: 60_000 });
    const hosts = hostsOf(lab, scenario);
    await Promise.all(hosts.map((host) => host.settled()));
    return rowOf(scenario, outcome, hosts);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { ...rowBase(scenario), ok: false, faults: [fault] };
  }
}

function rowBase(scenario: Scenario): Row {
  return {
    peer: scenario.peer,
    rule: '',
    level: '',
    discovered: '',
    requirement: '',
    tls_version: '',
    verified: '',
    outcome: 'unknown',
    reason: '',
    expected: inWords(scenario.expected),
    ok: true,
    faults: [],
  };
}

function rowOf(scenario: Scenario, outcome: Outcome, hosts: readonly SmtpPeer[]): Row {
  const { summary } = outcome;
  const connections = hosts.flatMap((host) => host.connections);
  const received = hosts.flatMap((host) => host.messages).filter(({ id }) => id === outcome.id);
  const seen: Expected = {
    outcome: outcome.status,
    reason: firstReason(summary),
    tlsVersion: protectionOf(received[0]?.protection),
    verified: outcome.status === 'delivered' ? text(summary?.['verified']) : '',
    requirement: text(summary?.['requirement']),
    rule: text(summary?.['rule']),
  };
  const faults = [
    ...differences(scenario.expected, seen),
    ...arrivals(scenario.expected, received.length),
    ...cleartextLeaks(scenario.expected, connections),
  ];
  return {
    ...rowBase(scenario),
    rule: seen.rule,
    level: text(summary?.['level']),
    discovered: text(summary?.['discovered']),
    requirement: seen.requirement,
    tls_version: seen.tlsVersion,
    verified: seen.verified,
    outcome: seen.outcome,
    reason: seen.reason,
    ok: faults.length === 0,
    faults,
  };
}

function differences(expected: Expected, seen: Expected): string[] {
  return Object.entries(expected)
    .filter(([key, value]) => seen[key as keyof Expected] !== value)
    .map(([key, value]) => {
      const is = seen[key as keyof Expected];
      return `${key} is ${JSON.stringify(is)}, expected ${JSON.stringify(value)}`;
    });
}

function arrivals(expected: Expected, received: number): string[] {
  const wanted = expected.outcome === 'delivered' ? 1 : 0;
  return received === wanted ? [] : [`the peer received ${received} messages, expected ${wanted}`];
}

/** Unless the row is about cleartext, a peer sees nothing before TLS but EHLO, STARTTLS and QUIT. */
export function cleartextLeaks(expected: Expected, connections: readonly PeerConnection[]): string[] {
  if (expected.tlsVersion === 'none') return [];
  return connections
    .flatMap(({ cleartext }) => cleartext.split('\r\n'))
    .filter((line) => !/^(?:EHLO \S+|STARTTLS|QUIT|)$/.test(line))
    .map((line) => `the peer read ${JSON.stringify(line)} before TLS`);
}

function hostsOf(lab: Lab, scenario: Scenario): SmtpPeer[] {
  return mxHosts(scenario.peer, scenario.domain).map(({ host }) => lab.peer(host));
}

function firstReason(summary: Outcome['summary']): string {
  const lists = [summary?.['reasons'], summary?.['recorded']];
  const first = lists.flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))[0];
  return typeof first === 'object' && first !== null && 'reason' in first ? text(first.reason) : '';
}

function protectionOf(protection: string | undefined): Expected['tlsVersion'] {
  if (protection === undefined) return '';
  return protection === 'cleartext' ? 'none' : (protection as Expected['tlsVersion']);
}

function inWords({ outcome, reason, tlsVersion, verified }: Expected): string {
  if (outcome !== 'delivered') return `${outcome}: ${reason}`;
  const how = tlsVersion === 'none' ? 'in cleartext' : `over ${tlsVersion}, ${verified}`;
  return `delivered ${how}${reason === '' ? '' : ` after ${reason}`}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
