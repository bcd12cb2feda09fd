/** Sends one message per scenario through the Haraka of its surroundings, and holds what came of it to the table. */
import { createServer, connect, type Server } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import { iniText, timeoutsText } from '../../../haraka-test-harness/ini';
import { mxHosts } from '../../../haraka-test-harness/build_world';
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { PeerConnection, SmtpPeer } from '../../../haraka-test-harness/smtp_peer';
import {
  sights,
  type Expected,
  type Scenario,
  type Sight,
  type SurroundingsName,
  type Target,
} from './scenario';
import { surroundings } from './surroundings';

export interface Result {
  readonly peer: string;
  readonly behaviour: string;
  readonly level: string;
  readonly surroundings: string;
  readonly cleartext: 'allowed' | 'forbidden';
  /** Distinct hosts that were connected to. */
  readonly hosts: number;
  readonly seen: Expected;
  /** What is not as expected, one line each. */
  readonly faults: readonly string[];
}

export const sender = 'sender@ours.example';
export const body = 'the-body-of-the-message';

const atOnce = 24;

/** Runs the scenarios, one set of surroundings after the other, and calls `done` as each is finished. */
export async function runFaults(
  scenarios: readonly Scenario[],
  done: (result: Result) => void = () => undefined,
  options: LabOptions = {},
): Promise<Result[]> {
  const names = [...new Set(scenarios.map((scenario) => scenario.surroundings))];
  const results: Result[] = [];
  for (const name of names) {
    const own = scenarios.filter((scenario) => scenario.surroundings === name);
    results.push(...(await runIn(name, own, done, options)));
  }
  return results;
}

async function runIn(
  name: SurroundingsName,
  scenarios: readonly Scenario[],
  done: (result: Result) => void,
  options: LabOptions,
): Promise<Result[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-faults-'));
  const routesFile = path.join(directory, 'routes.json');
  await writeFile(routesFile, '{}');
  const sockets: Server[] = [];
  let lab: Lab | undefined;
  try {
    const { config, ...around } = await surroundings(name, scenarios, routesFile);
    lab = await startLab(
      { domains: Object.fromEntries(scenarios.map(({ peer, domain }) => [peer, domain])) },
      {
        resolver: { timeout: '1', deadline: '3' },
        ...around,
        ...options,
        outbound: { connect_timeout: '2', ...around.outbound },
        config: { ...rules(scenarios), ...config },
      },
    );
    await writeFile(routesFile, JSON.stringify(await routesOf(lab, scenarios, directory, sockets)));
    return await inParallel(lab, scenarios, done);
  } finally {
    await lab?.stop();
    sockets.forEach((server) => server.close());
    await rm(directory, { recursive: true, force: true });
  }
}

/** The rules of all scenarios, as sections of one managed domain. */
function rules(scenarios: readonly Scenario[]): Record<string, string> {
  return {
    'tls-peers.ini': `${timeoutsText(2)}[outbound]\nroutes[] = routing\n`,
    'tls-peers/ours.example.ini': iniText(
      Object.fromEntries(scenarios.map(({ peer, settings }) => [`outbound ${peer}`, settings])),
    ),
  };
}

async function inParallel(
  lab: Lab,
  scenarios: readonly Scenario[],
  done: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < scenarios.length; index = next++) {
      const scenario = scenarios[index];
      if (scenario === undefined) return;
      const result = await runScenario(lab, scenario);
      results[index] = result;
      done(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

async function runScenario(lab: Lab, scenario: Scenario): Promise<Result> {
  const { peer, behaviour, level, surroundings: around, cleartext } = scenario;
  const about = { peer, behaviour, level, surroundings: around, cleartext };
  const hosts = hostsOf(lab, scenario);
  try {
    const message = {
      from: sender,
      to: `recipient@${peer}`,
      data: `From: <${sender}>\r\nSubject: a fault\r\n\r\n${body}\r\n`,
    };
    const outcome = await lab.deliver(message, { timeoutMs: 60_000 });
    await Promise.all(hosts.map((host) => host.settled()));
    const connections = hosts.flatMap((host) => host.connections);
    const seen: Expected = {
      outcome: outcome.status,
      reasons: reasonsOf(outcome),
      status: [...new Set(outcome.recipients.map(({ dsn_status }) => dsn_status ?? ''))].join(' '),
      seen: mostRevealing(connections),
      connections: connections.length,
    };
    const faults = [
      ...differences(scenario.expected, seen),
      ...leaks(scenario, connections),
      ...arrivals(scenario, outcome, hosts),
      ...explanations(outcome),
    ];
    return { ...about, hosts: hosts.filter((host) => host.connections.length > 0).length, seen, faults };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    const nothing: Expected = { ...scenario.expected, reasons: '', status: '' };
    return { ...about, hosts: 0, seen: nothing, faults: [fault] };
  }
}

function hostsOf(lab: Lab, { peer, domain }: Scenario): SmtpPeer[] {
  return mxHosts(peer, domain).map(({ host }) => lab.peer(host));
}

interface Reason {
  readonly host: string;
  readonly reason: string;
}

function listed(outcome: Outcome, key: 'reasons' | 'recorded'): readonly Reason[] {
  const list = outcome.summary?.[key];
  return Array.isArray(list) ? (list as Reason[]) : [];
}

function reasonsOf(outcome: Outcome): string {
  return [...listed(outcome, 'reasons'), ...listed(outcome, 'recorded')]
    .map(({ reason }) => reason)
    .join(' ');
}

function mostRevealing(connections: readonly PeerConnection[]): Sight {
  return connections
    .map(({ cleartext }) => sightOf(cleartext))
    .reduce<Sight>((most, one) => (sights.indexOf(one) > sights.indexOf(most) ? one : most), 'nothing');
}

function sightOf(cleartext: string): Sight {
  if (cleartext.includes(body)) return 'message';
  if (/^(?:MAIL|RCPT)/im.test(cleartext)) return 'envelope';
  if (/^AUTH/im.test(cleartext)) return 'credentials';
  if (/^STARTTLS/im.test(cleartext)) return 'STARTTLS';
  return /^(?:EHLO|LHLO|HELO)/im.test(cleartext) ? 'EHLO' : 'nothing';
}

function differences(expected: Expected, seen: Expected): string[] {
  // What Haraka notes of a recipient stays there when a later host takes the message.
  const ignored = expected.outcome === 'delivered' ? ['status'] : [];
  return (Object.keys(expected) as (keyof Expected)[])
    .filter((key) => !ignored.includes(key) && seen[key] !== expected[key])
    .map((key) => `${key} is ${JSON.stringify(seen[key])}, expected ${JSON.stringify(expected[key])}`);
}

/** RFC 3207: before TLS nothing but these, on any connection, whatever the outcome. */
const beforeTls = /^(?:(?:EHLO|LHLO) \S+|STARTTLS|QUIT|)$/;

function leaks(scenario: Scenario, connections: readonly PeerConnection[]): string[] {
  if (scenario.cleartext === 'allowed') return [];
  return connections
    .flatMap(({ cleartext }) => cleartext.split('\r\n'))
    .filter((line) => !beforeTls.test(line))
    .map((line) => `the peer read ${JSON.stringify(line)} before TLS`);
}

function arrivals(scenario: Scenario, { id }: Outcome, hosts: readonly SmtpPeer[]): string[] {
  const received = hosts.flatMap((host) => host.messages).filter((message) => message.id === id).length;
  const wanted = scenario.expected.outcome === 'delivered' ? 1 : 0;
  return received === wanted ? [] : [`${received} messages arrived, expected ${wanted}`];
}

/** Where a requirement was not met, the DSN of every recipient says which, at which host and by which rule. */
function explanations({ status, recipients, summary, ...outcome }: Outcome): string[] {
  if (status === 'delivered') return [];
  const failures = listed({ status, recipients, summary, ...outcome }, 'reasons').filter(
    ({ reason }) => reason !== 'connection-failed',
  );
  if (failures.length === 0) return [];
  const wanted = [String(summary?.['rule']), ...failures.flatMap(({ host, reason }) => [host, reason])];
  return recipients.flatMap(({ address, dsn_msg, dsn_action }) => [
    ...wanted
      .filter((part) => dsn_msg?.includes(part) !== true)
      .map((part) => `the DSN of ${address} lacks ${part}`),
    ...(dsn_action === (status === 'bounced' ? 'failed' : 'delayed')
      ? []
      : [`the DSN action is ${dsn_action}`]),
  ]);
}

/** What the plugin of the surroundings answers at `get_mx`, by domain. */
async function routesOf(
  lab: Lab,
  scenarios: readonly Scenario[],
  directory: string,
  sockets: Server[],
): Promise<Record<string, unknown>> {
  const routes: Record<string, unknown> = {};
  for (const scenario of scenarios) {
    const { peer, route } = scenario;
    if (route === undefined) continue;
    const targets: Target[] = [];
    for (const { name: host, address, port } of hostsOf(lab, scenario)) {
      const socket = path.join(directory, `${sockets.length}.sock`);
      sockets.push(await socketTo(socket, address, port));
      targets.push({ host, address, port, socket });
    }
    routes[peer] = route(targets);
  }
  return routes;
}

async function socketTo(file: string, host: string, port: number): Promise<Server> {
  const server = createServer((local) => {
    const remote = connect({ host, port });
    local.on('error', () => remote.destroy()).pipe(remote);
    remote.on('error', () => local.destroy()).pipe(local);
    local.on('close', () => remote.destroy());
  });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return server;
}
