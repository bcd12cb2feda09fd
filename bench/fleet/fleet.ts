/** What a fleet costs: decisions from what is at hand, messages through a real Haraka, and what Redis has to do for them. */
import { redisIsThere, startRedis, type RedisServer } from '../../test/support/redis_server';
import { runChild } from '../child';
import { openSurroundings } from '../decision/surroundings';
import { measureDelivery } from '../delivery/delivery';
import { figure, ratios } from '../measure';
import type { Effort, Figure } from '../report';
import type { FleetWarmOrder, FleetWarmResult } from './warm_child';

export interface FleetOrder {
  readonly effort: Effort;
  readonly rounds: number | 'usual';
}

export async function measureFleet(order: FleetOrder): Promise<{ figures: Figure[]; notes: string[] }> {
  if (!redisIsThere) return { figures: [], notes: ['NOT MEASURED: redis-server is not installed'] };
  const warm = await measureWarm(order.effort);
  const { figures, notes } = await measureDelivery({ ...order, before: undefined, settings: ['fleet'] });
  return { figures: [...warm, ...figures], notes: [...ownNotes, ...notes] };
}

async function measureWarm(effort: Effort): Promise<Figure[]> {
  const surroundings = await openSurroundings(0);
  const redis = await startRedis();
  try {
    const size = effort === 'quick' ? { rounds: 3, decisions: 5_000 } : { rounds: 9, decisions: 30_000 };
    const order: FleetWarmOrder = { dns: surroundings.dns, redisPort: redis.port, ...size };
    const file = new URL('warm_child.ts', import.meta.url).pathname;
    const before = await commands(redis);
    const { fleet, alone } = await runChild<FleetWarmResult>(file, order, { env: surroundings.env });
    const decisions = (size.rounds + 2) * size.decisions;
    const asked = ((await commands(redis)) - before) / decisions;
    return [
      figure('warm decision, mta_sts, with a fleet', 'decisions/s', fleet),
      figure('warm decision, mta_sts, alone', 'decisions/s', alone),
      // Three rounds differ by more than that.
      figure(
        '  with a fleet over alone',
        'x',
        ratios(fleet, alone),
        effort === 'full' ? { is: 'at least', value: 0.97 } : undefined,
      ),
      figure('  commands to Redis per decision', '', [asked], { is: 'at most', value: 0.01 }),
    ];
  } finally {
    await redis.stop();
    await surroundings.stop();
  }
}

/** That clients gave so far. */
async function commands(redis: RedisServer): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.ask('INFO stats'))?.[1]);
}

const ownNotes = [
  'warm: per second of processor time, record and policy at hand; commands to Redis include the connection and the first fetch',
];
