/** Holds what was measured under one attack to what is promised. Pure. */
import type { Fate } from './fate';
import type { HostileDeeds } from './hostile_peers';

/** One window of the steady flow. Milliseconds; a message that was not taken in time counts as infinitely late. */
export interface Window {
  /** Messages that were due. */
  readonly due: number;
  /** Of these, those that no peer took in time. */
  readonly missing: number;
  /** Seconds of processor time that Haraka took; `undefined` where it ended. No line of the judgement, but other work on the machine does not change it. */
  readonly processor: number | undefined;
  /** Of sessions at the peers. */
  readonly session: Percentiles;
  /** From the moment at which a message was due to the peer's answer: where Haraka stands still, no session begins, and this shows it. */
  readonly way: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Measured {
  readonly attack: string;
  readonly what: string;
  readonly idle: Window;
  readonly attacked: Window;
  /** Octets: the most that was resident in each window. */
  readonly idlePeak: number;
  readonly attackedPeak: number;
  /** `alive`, or how the process ended, with the last that it said. */
  readonly process: string;
  readonly fate: Fate;
  /** Messages of the flow that Haraka did not take, or not in time. */
  readonly refused: number;
  readonly deeds: HostileDeeds;
}

export const allowedSlowdown = 2;
export const allowedGrowth = 50 * 1024 * 1024;

/** @returns what was missed, one line each; none where all holds */
export function misses({ idle, attacked, idlePeak, attackedPeak, process, fate, deeds }: Measured): string[] {
  const slower = (what: string, before: number, now: number): string[] =>
    now <= before * allowedSlowdown ? [] : [`${what}: p99 ${ms(now)} where it was ${ms(before)}`];
  return [
    ...slower('sessions', idle.session.p99, attacked.session.p99),
    ...slower('messages, from when they were due', idle.way.p99, attacked.way.p99),
    ...(attackedPeak - idlePeak < allowedGrowth ? [] : [`RSS grew by ${mib(attackedPeak - idlePeak)}`]),
    ...(process === 'alive' ? [] : [`Haraka ended: ${process}`]),
    ...(fate.lost === 0 ? [] : [`${fate.lost} recipients of attacked messages are lost`]),
    // Without these, nothing was measured.
    ...(idle.due > 0 && idle.missing === 0
      ? []
      : [`the idle run misses ${idle.missing} of ${idle.due} messages`]),
    ...(deeds.begun > 0 ? [] : ['no attack ever reached Haraka']),
  ];
}

export function percentilesOf(values: readonly number[], missing: number): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const total = sorted.length + missing;
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(total * share) - 1)] ?? Infinity;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function ms(value: number): string {
  return value === Infinity ? 'never' : `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function mib(octets: number): string {
  return `${(octets / 1024 / 1024).toFixed(0)} MiB`;
}
