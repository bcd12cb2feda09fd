/** Runs behaviours through stock Haraka and the suite, side by side, and compares. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { columns, type Behaviour, type Column, type Ours, type Part, type Seen } from './behaviour';
import { compare } from './compare';
import type { Difference } from './differences';
import { buildDomains, senderDomain, type Domains, type Scenario } from './domains';
import { faultsOf } from './expect';
import { seenIn } from './observe';
import { localPart, startStation, type Station } from './station';

export interface Row {
  readonly name: string;
  readonly seen: Readonly<Record<Column, Seen>>;
  /** What is not as it must be, one line each. */
  readonly faults: readonly string[];
  readonly reasons: readonly Difference[];
  readonly ms: Readonly<Record<Column, number>>;
}

const atOnce = 32;
/** Beyond these a process that had one behaviour to itself has stood still, or grown. */
const stillMs = 5000;
const grownMb = 300;

interface Finished {
  readonly scenario: Scenario;
  readonly seen: Seen;
  readonly ms: number;
}

export async function runWire(
  behaviours: readonly Behaviour[],
  progress: (text: string) => void,
): Promise<Row[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-wire-'));
  let domains: Domains | undefined;
  try {
    domains = await buildDomains(behaviours, directory);
    const finished: Finished[] = [];
    for (const together of await Promise.all(columns.map((column) => runColumn(column, domains!, progress))))
      finished.push(...together);
    return behaviours.map((behaviour) => rowOf(behaviour, finished));
  } finally {
    await domains?.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function rowOf(behaviour: Behaviour, finished: readonly Finished[]): Row {
  const of = (column: Column): Finished =>
    finished.find(({ scenario }) => scenario.behaviour === behaviour && scenario.column === column)!;
  const stock = of('stock').seen;
  const ours = columns.filter((column): column is Ours => column !== 'stock');
  const compared = ours.map((column) => ({ column, ...compare(behaviour, column, stock, of(column).seen) }));
  return {
    name: behaviour.name,
    seen: { stock, opportunistic: of('opportunistic').seen, mandatory: of('mandatory').seen },
    faults: folded(
      compared.flatMap(({ column, unexplained }) => [
        ...faultsOf(behaviour, column, of(column).seen).map((text) => ({ column, text })),
        ...(unexplained.length === 0
          ? []
          : [
              {
                column,
                text: `not on the list of differences: ${told(unexplained, of(column).seen, stock)}`,
              },
            ]),
      ]),
    ),
    reasons: [...new Set(compared.flatMap(({ reasons }) => reasons))],
    ms: { stock: of('stock').ms, opportunistic: of('opportunistic').ms, mandatory: of('mandatory').ms },
  };
}

function told(unlike: readonly Part[], seen: Seen, stock: Seen): string {
  return unlike
    .map((part) => `${part} ${JSON.stringify(seen[part])}, with stock ${JSON.stringify(stock[part])}`)
    .join('; ');
}

/** What is the same in both columns is told once. */
function folded(faults: readonly { readonly column: Ours; readonly text: string }[]): string[] {
  const texts = [...new Set(faults.map(({ text }) => text))];
  return texts.map((text) => {
    const where = faults.filter((fault) => fault.text === text).map(({ column }) => column);
    return `${where.length > 1 ? 'both' : String(where[0])}: ${text}`;
  });
}

/** First those that share a process; then those that need one for themselves, and those that one fell over. */
async function runColumn(
  column: Column,
  domains: Domains,
  progress: (text: string) => void,
): Promise<Finished[]> {
  const own = domains.scenarios.filter((scenario) => scenario.column === column);
  const finished: Finished[] = [];
  let left: readonly Scenario[] = own.filter(({ behaviour }) => behaviour.company === 'shared');
  const alone = own.filter(({ behaviour }) => behaviour.company === 'alone');
  while (left.length > 0) {
    const { done, suspects, rest } = await runShared(column, domains, left);
    finished.push(...done);
    alone.push(...suspects);
    left = rest;
    if (suspects.length > 0)
      progress(`${column}: the process died; ${suspects.length} behaviours again, each alone`);
  }
  progress(`${column}: ${finished.length} behaviours in one process done`);
  await inParallel(2, alone, async (scenario) => {
    finished.push(await runAlone(column, domains, scenario));
  });
  progress(`${column}: ${alone.length} behaviours in processes of their own done`);
  return finished;
}

interface Shared {
  readonly done: readonly Finished[];
  /** Under way when the process ended. */
  readonly suspects: readonly Scenario[];
  /** Not begun. */
  readonly rest: readonly Scenario[];
}

async function runShared(column: Column, domains: Domains, scenarios: readonly Scenario[]): Promise<Shared> {
  const station = await startStation(column, domains);
  try {
    // The slowest first, so that none of them is waited for in the end.
    const order = [...scenarios].sort((one, two) => two.behaviour.patienceMs - one.behaviour.patienceMs);
    const underWay = new Set<Scenario>();
    const over = new Map<Scenario, { readonly id: string; readonly ms: number }>();
    await inParallel(atOnce, order, async (scenario) => {
      if (station.end() !== 'running') return;
      underWay.add(scenario);
      const begun = Date.now();
      const id = scenario.domain;
      await runOne(station, domains, scenario, id);
      if (station.end() !== 'running') return;
      underWay.delete(scenario);
      over.set(scenario, { id, ms: Date.now() - begun });
    });
    // Read at the end, so that nothing that came late is missed.
    const queue = await station.queue();
    const log = logByDelivery(station.logLines);
    const done = [...over].map(([scenario, { id, ms }]) => ({
      scenario,
      ms,
      seen: seenIn({ ...evidenceOf(station, domains, scenario, id, log), queue, process: 'survived' }),
    }));
    const suspects = [...underWay];
    for (const scenario of suspects) forget(scenario);
    return { done, suspects, rest: order.filter((one) => !over.has(one) && !underWay.has(one)) };
  } finally {
    await station.stop();
  }
}

async function runAlone(column: Column, domains: Domains, scenario: Scenario): Promise<Finished> {
  const station = await startStation(column, domains, 'quiet');
  const health = station.watchHealth();
  const begun = Date.now();
  const id = `again.${scenario.domain}`;
  try {
    await runOne(station, domains, scenario, id);
    const { slowestMs, grownMb: grown } = health();
    const words = [
      ...(station.end() === 'running' ? [] : ['died']),
      ...(slowestMs > stillMs ? ['stood still'] : []),
      ...(grown > grownMb ? ['grew'] : []),
    ];
    const seen = seenIn({
      ...evidenceOf(station, domains, scenario, id, logByDelivery(station.logLines)),
      queue: await station.queue(),
      process: words.join(', ') || 'survived',
    });
    return { scenario, seen, ms: Date.now() - begun };
  } finally {
    health();
    await station.stop();
  }
}

function evidenceOf(
  station: Station,
  domains: Domains,
  scenario: Scenario,
  id: string,
  log: ReadonlyMap<string, readonly string[]>,
) {
  return {
    behaviour: scenario.behaviour,
    id,
    outcomes: station.outcomes(id),
    peers: scenario.peers,
    visited: scenario.visited,
    dsns: dsnsOf(domains, scenario, id),
    logLines: station.outcomes(id).flatMap(({ uuid }) => log.get(uuid) ?? []),
  };
}

/** Haraka names a delivery by its uuid, and a part of it by that and a number. */
function logByDelivery(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, string[]>();
  for (const line of lines) {
    const uuid = /\[([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}[.\d]*)\]/.exec(line)?.[1];
    if (uuid === undefined) continue;
    const own = all.get(uuid);
    if (own === undefined) all.set(uuid, [line]);
    else own.push(line);
  }
  return all;
}

function forget(scenario: Scenario): void {
  scenario.peers.forEach((peer) => peer.forget());
  scenario.visited.splice(0);
}

/** Sends the message and waits until all of its recipients have an outcome, or time is up, or the process ended. */
async function runOne(station: Station, domains: Domains, scenario: Scenario, id: string): Promise<void> {
  const { behaviour, column, domain, peers } = scenario;
  const from = behaviour.sender === '' ? '' : `${behaviour.sender}@${senderDomain(column)}`;
  const sent = station
    .send({
      id,
      from: latin1(from),
      to: behaviour.recipients.map((name) => latin1(`${name}@${domain}`)),
      data: behaviour.message,
    })
    .catch((error: unknown) => {
      if (station.end() !== 'running') return;
      throw new Error(
        `${domain} was not sent; the last of the log:\n${station.logLines.slice(-20).join('\n')}`,
        {
          cause: error,
        },
      );
    });
  await Promise.race([sent, station.ended]);
  const deadline = Date.now() + behaviour.patienceMs;
  let quietSince = Date.now();
  while (station.end() === 'running' && Date.now() < deadline && !isSettled(station, behaviour, id)) {
    await pass(50);
    if (peers.some(({ visits }) => visits.some(({ state }) => state === 'open'))) quietSince = Date.now();
    if (Date.now() - quietSince < 3000) continue;
    // Gone without an outcome: nothing is in the queue, and nobody speaks with a peer any more.
    if (!(await station.queue()).some((queued) => queued.id === id)) break;
    quietSince = Date.now();
  }
  const isBounced = station.outcomes(id).some(({ status }) => status === 'bounced');
  if (isBounced && behaviour.sender !== '') {
    const bounced = new Set(
      station.outcomes(id).flatMap(({ status, recipients }) => (status === 'bounced' ? recipients : [])),
    );
    const arrival = Date.now() + 6000;
    while (station.end() === 'running' && Date.now() < arrival) {
      const told =
        dsnsOf(domains, scenario, id)
          .join('')
          .match(/^Final-Recipient:/gm)?.length ?? 0;
      if (told >= bounced.size) break;
      await pass(50);
    }
  }
  await Promise.all(peers.map((peer) => peer.settled(2500)));
}

function isSettled(station: Station, behaviour: Behaviour, id: string): boolean {
  const named = station
    .outcomes(id)
    .flatMap(({ delivery, recipients }) =>
      delivery === 'none' ? recipients.map(({ address }) => address) : delivery.accepted,
    );
  const settled = new Set(named.map(localPart));
  return behaviour.recipients.every((name) => settled.has(name));
}

function dsnsOf(domains: Domains, { column }: Scenario, id: string): readonly string[] {
  return domains.mailboxes.get(column)?.about(id) ?? [];
}

/** As the octets of its UTF-8, one character each. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function inParallel<T>(
  count: number,
  all: readonly T[],
  run: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < all.length; index = next++) await run(all[index]!);
  };
  await Promise.all(Array.from({ length: count }, worker));
}
