/** What happens as there is more of everything: rules, cached answers, cached policies, deliveries at a time. */
import { runChild } from '../child';
import type { Effort, Figure } from '../report';
import { startManyPeers } from './many_peers';

export interface GrowthOrder {
  readonly effort: Effort;
  /** The resolver for the concurrent decisions. */
  readonly dns: string;
}

export async function measureGrowth(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const dns = await startManyPeers();
  try {
    const order: GrowthOrder = { effort, dns: dns.address };
    const parts = ['rules_child.ts', 'caches_child.ts', 'concurrency_child.ts'];
    const figures: Figure[] = [];
    for (const part of parts) {
      const file = new URL(part, import.meta.url).pathname;
      figures.push(...(await runChild<Figure[]>(file, order, { node: ['--expose-gc'] })));
    }
    return { figures, notes };
  } finally {
    await dns.stop();
  }
}

const notes = [
  'look-ups: exact names, names under a wildcard and client addresses in turn; the ratio is of runs of the same round',
  'memory: what is reachable after a collection, over what was before',
];
