/**
 * `npm run bench [-- --quick] [-- --json] [-- --only GROUP]`: what this suite costs beside what its users would otherwise run.
 * docs/performance.md explains each figure.
 *
 * Ends with 1 where a figure misses its line.
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCold } from './decision/cold';
import { measureWarm } from './decision/warm';
import { measureDelivery } from './delivery/delivery';
import { measureFootprint } from './footprint';
import { measureGrowth } from './growth/growth';
import { groupNames, isMet, missed, reportText } from './report';
import type { Effort, Figure, GroupName, GroupReport } from './report';
import { measureVerification } from './verification/verification';

interface Group {
  readonly title: string;
  readonly measure: (
    effort: Effort,
  ) => Promise<{ readonly figures: readonly Figure[]; readonly notes: readonly string[] }>;
}

const groups: Readonly<Record<GroupName, Group>> = {
  delivery: { title: '1. Delivery through a real Haraka', measure: measureDelivery },
  warm: { title: '2. A decision, everything cached', measure: measureWarm },
  cold: { title: '3. A decision, nothing cached, 20 ms per round trip', measure: measureCold },
  growth: { title: '4. Growth', measure: measureGrowth },
  verification: { title: '5. Verification, beside the handshake', measure: measureVerification },
  footprint: { title: '6. Start-up and footprint', measure: measureFootprint },
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const chosen = values.only.length === 0 ? groupNames : values.only.map(groupNamed);
const effort: Effort = values.quick ? 'quick' : 'full';
const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);

const started = performance.now();
const reports: GroupReport[] = [];
for (const group of chosen) reports.push(await measured(group));
const seconds = (performance.now() - started) / 1000;

if (values.json) process.stdout.write(`${JSON.stringify(asJson(), undefined, 2)}\n`);
const below = missed(reports);
say(`${seconds.toFixed(0)} s in all. ${below.length === 0 ? 'Every line is met.' : 'Missed:'}`);
for (const { name } of below) say(`  ${name}`);
process.exitCode = below.length === 0 ? 0 : 1;

function groupNamed(name: string): GroupName {
  const group = groupNames.find((known) => known === name);
  if (group === undefined) throw new Error(`no group ${name}; there are ${groupNames.join(', ')}`);
  return group;
}

async function measured(group: GroupName): Promise<GroupReport> {
  const begun = performance.now();
  const { title, measure } = groups[group];
  const { figures, notes } = await measure(effort);
  const report = { group, title, figures, notes, seconds: (performance.now() - begun) / 1000 };
  say(reportText(report));
  return report;
}

function asJson(): unknown {
  return {
    effort,
    seconds,
    machine: {
      node: process.version,
      processors: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      loadAverage: loadavg(),
    },
    groups: reports.map((report) => ({
      ...report,
      figures: report.figures.map((figure) =>
        figure.line === undefined ? figure : { ...figure, met: isMet(figure) },
      ),
    })),
  };
}
