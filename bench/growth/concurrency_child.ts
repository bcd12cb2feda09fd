/** Many deliveries that are decided at the same time: cold, each to a peer of its own, and warm. */
import { inChild } from '../child';
import { openSuite } from '../decision/suite';
import { figure, heapUsed, processorMs } from '../measure';
import type { Figure } from '../report';
import type { GrowthOrder } from './growth';

const sizes = [1, 100, 5_000] as const;

inChild(async ({ effort, dns }: GrowthOrder): Promise<Figure[]> => {
  const rounds = effort === 'quick' ? 1 : 5;
  const figures: Figure[] = [];
  for (const size of sizes) {
    const runs: Run[] = [];
    for (let round = 0; round < rounds; round++) runs.push(await run(dns, size));
    const label = `${size.toLocaleString('en')} at a time`;
    figures.push(
      figure(
        `${label}, cold, until all are decided`,
        'ms',
        runs.map(({ coldMs }) => coldMs),
      ),
      figure(
        '  processor time of each',
        'ms',
        runs.map(({ coldProcessorMs }) => coldProcessorMs),
      ),
      figure(
        '  memory of each while it waits',
        'KB',
        runs.map(({ kilobytes }) => kilobytes),
      ),
      figure(
        `${label}, warm, until all are decided`,
        'ms',
        runs.map(({ warmMs }) => warmMs),
      ),
    );
  }
  return figures;
});

interface Run {
  readonly coldMs: number;
  readonly coldProcessorMs: number;
  readonly kilobytes: number;
  readonly warmMs: number;
}

async function run(dns: string, size: number): Promise<Run> {
  const suite = openSuite(dns);
  try {
    await suite.ready();
    const before = heapUsed();
    const processor = processorMs();
    const begun = performance.now();
    const cold = all(size, (peer) => suite.offer('auto', peer));
    const started = performance.now();
    const kilobytes = (heapUsed() - before) / size / 1000;
    // The collection is no part of the decisions.
    const collecting = performance.now() - started;
    await cold;
    const coldMs = performance.now() - begun - collecting;
    const coldProcessorMs = (processorMs() - processor - collecting) / size;
    const again = performance.now();
    await all(size, (peer) => suite.offer('auto', peer));
    return { coldMs, coldProcessorMs, kilobytes, warmMs: performance.now() - again };
  } finally {
    suite.close();
  }
}

async function all(size: number, decide: (peer: string) => Promise<readonly unknown[]>): Promise<void> {
  const decided = await Promise.all(Array.from({ length: size }, (_, i) => decide(`peer${i}.example`)));
  const undecided = decided.filter((hosts) => hosts.length === 0).length;
  if (undecided > 0) throw new Error(`${undecided} of ${size} had no host`);
}
