/** The processes of this Haraka. */
import { cpus } from 'node:os';
import type { HarakaPlugin } from './haraka_plugin';

/** Whether workers do the work. */
export function isCluster(plugin: HarakaPlugin): boolean {
  return workersOf(plugin) > 0;
}

/** How many workers there are; 0 for a single process. What Haraka makes of `nodes` in smtp.ini, also where it is unset. */
export function workersOf(plugin: HarakaPlugin): number {
  const { cfg } = plugin.haraka_require('server') as { cfg?: { main?: { nodes?: unknown } } };
  const nodes = cfg?.main?.nodes;
  return nodes === 'cpus' ? cpus().length : Number(nodes ?? 0) || 0;
}
