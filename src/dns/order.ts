/** The order in which MX hosts are tried (RFC 5321 section 5.1). Pure but for the random numbers it is given. */
import type { MxRecord } from './types';

/** From 0 up to, but not including, 1. */
export type Random = () => number;

/** A sane number: more hosts than this would only keep a message busy longer. */
export const maxMxHosts = 20;

/**
 * By preference, equal preferences in random order, each host once, the most preferred `maxMxHosts`. The root of a null MX
 * is no host (RFC 7505); the result is empty where there is nothing else.
 */
export function orderMx(records: readonly MxRecord[], random: Random = Math.random): MxRecord[] {
  const named = records.filter(({ exchange }) => exchange !== '');
  if (named.length < 2) return named;
  const hosts = named
    .map((record) => ({ record, lot: random() }))
    .sort((a, b) => a.record.preference - b.record.preference || a.lot - b.lot)
    .map(({ record }) => record);
  const seen = new Set<string>();
  const once = hosts.filter(({ exchange }) => !seen.has(exchange) && seen.add(exchange));
  return once.slice(0, maxMxHosts);
}
