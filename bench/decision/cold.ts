/** Decisions with nothing cached, over a network whose every round trip takes 20 ms. */
import { runChild } from '../child';
import { figure, ratios } from '../measure';
import type { Effort, Figure } from '../report';
import type { ColdOrder, ColdResult } from './cold_child';
import { cases } from './levels';
import { openSurroundings } from './surroundings';

const roundTripMs = 20;

export async function measureCold(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const surroundings = await openSurroundings(roundTripMs);
  try {
    const order: ColdOrder = { dns: surroundings.dns, rounds: effort === 'quick' ? 3 : 31 };
    const file = new URL('cold_child.ts', import.meta.url).pathname;
    const { suite, others } = await runChild<ColdResult>(file, order, { env: surroundings.env });
    const ours = cases.map(({ name, roundTrips }) => {
      const floor = roundTrips * roundTripMs;
      const line = { is: 'at most', value: 1.15 } as const;
      return figure(
        `this suite, ${name}, over the floor of ${floor} ms`,
        'x',
        (suite[name] ?? []).map((ms) => ms / floor),
        line,
      );
    });
    const theirs = Object.entries(others).flatMap(([name, runs]) => [
      figure(
        name,
        'ms',
        runs.map(({ ms }) => ms),
      ),
      ...(runs[0] === undefined
        ? []
        : [
            figure(
              `  over this suite, ${runs[0].beside}`,
              'x',
              ratios(
                runs.map(({ ms }) => ms),
                suite[runs[0].beside] ?? [],
              ),
            ),
          ]),
    ]);
    return { figures: [...ours, ...theirs], notes };
  } finally {
    await surroundings.stop();
  }
}

const notes = [
  'floor: the fewest round trips that the standards allow, one after the other, times 20 ms; docs/performance.md counts them',
  'against the nominal 20 ms: what timers are late counts against the suite',
];
