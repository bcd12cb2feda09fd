/** The arithmetic of the benchmarks, and the order in which they run. */
import type { Figure, Line } from './report';

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The value that `percent` of `values` do not exceed; the mean of the two in the middle for an even median. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  if (percent === 50 && sorted.length % 2 === 0) {
    return ((sorted[sorted.length / 2 - 1] ?? 0) + (sorted[sorted.length / 2] ?? 0)) / 2;
  }
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** The median of several runs with the lowest and the highest. */
export function figure(name: string, unit: string, runs: readonly number[], line?: Line): Figure {
  return {
    name,
    unit,
    value: median(runs),
    ...(runs.length > 1 ? { spread: [Math.min(...runs), Math.max(...runs)] as const } : {}),
    ...(line === undefined ? {} : { line }),
  };
}

/** Each run over the run of the same round: whatever else this machine did at that time falls on both. */
export function ratios(runs: readonly number[], baseline: readonly number[]): number[] {
  return runs.map((run, round) => run / (baseline[round] ?? Number.NaN));
}

/**
 * Runs every subject once per round, each round beginning with another one.
 *
 * @param done is told of each run
 * @returns what each subject measured, by round
 */
export async function alternate<K extends string, T>(
  subjects: Readonly<Record<K, () => Promise<T> | T>>,
  rounds: number,
  done: (name: K, round: number, result: T) => void = () => undefined,
): Promise<Record<K, T[]>> {
  const names = Object.keys(subjects) as K[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, T[]>;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      // Every second round the other way about: who comes behind whom would count otherwise.
      const place = round % 2 === 0 ? turn : names.length - 1 - turn;
      const name = names[(round + place) % names.length] as K;
      const result = await subjects[name]();
      results[name].push(result);
      done(name, round, result);
    }
  }
  return results;
}

/** Processor time of this process, all threads, in milliseconds. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What is reachable, in octets. Needs --expose-gc. */
export function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
