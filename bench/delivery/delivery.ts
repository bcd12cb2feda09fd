/** Messages through a real Haraka to hosts with TLS: without the suite, and with it at each level. */
import { readFileSync } from 'node:fs';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { World } from '../../haraka-test-harness/world';
import { securityLevels, type SecurityLevel } from '../../src/peers/rule';
import { domainFile, ownDomain } from '../decision/suite';
import { alternate, figure, percentile, ratios } from '../measure';
import type { Effort, Figure, Line } from '../report';
import { inject } from './injector';

const quickLevels: readonly SecurityLevel[] = ['opportunistic', 'mandatory_dane', 'mta_sts'];
const lines: Partial<Record<SecurityLevel, Line>> = {
  opportunistic: { is: 'at least', value: 1 },
  mandatory_dane: { is: 'at least', value: 0.9 },
  mta_sts: { is: 'at least', value: 0.9 },
};

/** Each peer has all there is, so that the levels alone make the difference. */
const peers = Array.from({ length: 10 }, (_, i) => `peer${i}.example`);
const world: World = {
  domains: Object.fromEntries(
    peers.map((peer) => [
      peer,
      { dnssec: 'secure', mx: [{ tlsa: ['match'] }], sts: { policy: { mode: 'enforce' } } },
    ]),
  ),
};

const connections = 8;

/** Stock Haraka a second time in each round: what the ratio comes to where there is no difference. */
const control = 'stock Haraka again';

/** Every subject has a Haraka of its own, so that all are equally far on their way through the compiler. */
/** @param before the bundle of another state of the suite, measured beside this one */
export async function measureDelivery(
  effort: Effort,
  before?: string,
): Promise<{ figures: Figure[]; notes: string[] }> {
  const levels = effort === 'quick' ? quickLevels : securityLevels;
  const run = effort === 'quick' ? 80 : 400;
  const started: Measured[] = [];
  // Each lab ends its Haraka when this process ends.
  process.setMaxListeners(0);
  const start = async (
    plugins: readonly string[],
    sender: string,
    bundle?: string,
  ): Promise<() => Promise<Run>> => {
    const measured = await startMeasured(plugins, run, bundle);
    started.push(measured);
    return async () => {
      // After the rest while the others had their turns, the first messages cost more, with the suite and without.
      if (effort === 'full') await measureRun(measured, sender, run);
      return measureRun(measured, sender, run);
    };
  };
  try {
    const subjects: Record<string, () => Promise<Run>> = { stock: await start([], 'stock.example') };
    if (effort === 'full') subjects[control] = await start([], 'stock.example');
    for (const level of levels) {
      if (before !== undefined)
        subjects[levelBefore(level)] = await start(['tls-peers'], ownDomain(level), before);
      subjects[level] = await start(['tls-peers'], ownDomain(level));
    }
    // Fills the caches, and lets the compiler see what is hot.
    await alternate(subjects, effort === 'quick' ? 1 : 2);
    const runs = await alternate(subjects, effort === 'quick' ? 3 : 9);
    // Three short runs say nothing that could be held to a line.
    return { figures: figuresOf(runs, effort === 'full' ? lines : {}), notes: notesOf(run) };
  } finally {
    await Promise.all(started.map(({ lab }) => lab.stop()));
  }
}

function notesOf(run: number): string[] {
  return [
    `runs of ${run} messages of 2 KB, after as many that do not count, over ${connections} connections, to ${peers.length} peers, TLS 1.3, each handshake in full`,
    'the ratio is of runs of the same round, there to the mean of both runs of stock Haraka',
    'before connect: from the queue to the first connection',
  ];
}

interface Measured {
  readonly lab: Lab;
  /** So far. */
  runs: number;
}

interface Run {
  readonly perSecond: number;
  /** Processor time of Haraka per message, taking it in included. Milliseconds. */
  readonly processorMs: number;
  /** From the queue to the first connection. Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

async function startMeasured(
  plugins: readonly string[],
  run: number,
  bundle: string | undefined,
): Promise<Measured> {
  const lab = await startLab(world, {
    plugins: [...plugins, 'bench_probe'],
    ownPlugins: { bench_probe: readFileSync(new URL('probe.cjs', import.meta.url), 'utf8') },
    ...(bundle === undefined ? {} : { bundle }),
    env: { BENCH_RUN: String(run) },
    config: {
      // The limits as they are by default; another state of the suite need not know all of their names.
      'tls-peers.ini': '[timeouts]\n',
      ...Object.fromEntries(
        securityLevels.map((level) => [`tls-peers/${ownDomain(level)}.ini`, domainFile(level)]),
      ),
    },
  });
  return { lab, runs: 0 };
}

async function measureRun(measured: Measured, sender: string, messages: number): Promise<Run> {
  const { lab } = measured;
  measured.runs++;
  const letters = Array.from({ length: messages }, (_, i) => ({
    from: `me@${sender}`,
    to: `you@${peers[i % peers.length] ?? ''}`,
  }));
  const from = lab.haraka.logLines.length;
  const begun = performance.now();
  await inject(lab.haraka.port, letters, connections);
  const line = await lab.haraka.waitForLog(new RegExp(`bench-run \\{"run":${measured.runs},`), {
    timeoutMs: 120_000,
    from,
  });
  const elapsed = performance.now() - begun;
  const { processorMs, waits } = JSON.parse(line.slice(line.indexOf('{"run"'))) as {
    processorMs: number;
    waits: number[];
  };
  if (waits.length !== messages) throw new Error(`${waits.length} first connections of ${messages} messages`);
  return {
    perSecond: (messages / elapsed) * 1000,
    processorMs: processorMs / messages,
    p50: percentile(waits, 50),
    p99: percentile(waits, 99),
  };
}

function figuresOf(
  runs: Readonly<Record<string, readonly Run[]>>,
  heldTo: Partial<Record<string, Line>>,
): Figure[] {
  const first = runs['stock'] ?? [];
  const second = runs[control] ?? first;
  const both = first.map((one, round) => (one.perSecond + (second[round] ?? one).perSecond) / 2);
  return Object.entries(runs).flatMap(([name, of]): Figure[] => [
    figure(
      titleOf(name),
      'messages/s',
      of.map((one) => one.perSecond),
    ),
    ...(name === 'stock'
      ? []
      : [
          figure(
            '  over stock Haraka',
            'x',
            ratios(
              of.map((one) => one.perSecond),
              name === control ? first.map((one) => one.perSecond) : both,
            ),
            heldTo[name],
          ),
        ]),
    ...overBefore(runs, name),
    figure(
      '  processor per message',
      'ms',
      of.map((one) => one.processorMs),
    ),
    figure(
      '  before connect, p50',
      'ms',
      of.map((one) => one.p50),
    ),
    figure(
      '  before connect, p99',
      'ms',
      of.map((one) => one.p99),
    ),
  ]);
}

/** How fast one subject is beside the same one in the state before. */
function overBefore(runs: Readonly<Record<string, readonly Run[]>>, name: string): Figure[] {
  const before = runs[levelBefore(name)];
  if (before === undefined) return [];
  const perSecond = (of: readonly Run[]): number[] => of.map((one) => one.perSecond);
  return [figure('  over the state before', 'x', ratios(perSecond(runs[name] ?? []), perSecond(before)))];
}

function levelBefore(level: string): string {
  return `${level}, before`;
}

function titleOf(subject: string): string {
  if (subject === control) return control;
  return subject === 'stock' ? 'stock Haraka, opportunistic' : `with this suite, ${subject}`;
}
