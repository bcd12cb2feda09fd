/**
 * `npm run bench [-- --quick] [-- --json] [-- --only GROUP] [-- --setting SETTING] [-- --rounds N] [-- --before BUNDLE]`: what this
 * suite costs beside what its users would otherwise run. docs/performance.md explains each figure. Settings and rounds are the
 * deliveries'. With another build of dist/tls-peers.cjs, deliveries through that one are measured in the same rounds.
 *
 * Ends with 0 where every figure that was measured meets its line, 1 where one misses it, 2 where the call is wrong, 3 where a
 * group could not be measured.
 */
import { existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCold } from './decision/cold';
import { measureWarm } from './decision/warm';
import { measureDelivery, settingNames, type DeliveryOrder, type SettingName } from './delivery/delivery';
import { measureFleet } from './fleet/fleet';
import { measureFootprint } from './footprint';
import { measureGrowth } from './growth/growth';
import {
  groupNames,
  isMeasured,
  isMet,
  missed,
  notMeasured,
  reportText,
  type Figure,
  type GroupName,
  type GroupReport,
} from './report';
import { measureVerification } from './verification/verification';

interface Group {
  readonly title: string;
  readonly measure: (order: Order) => Promise<{
    readonly figures: readonly Figure[];
    readonly notes: readonly string[];
  }>;
}

const groups: Readonly<Record<GroupName, Group>> = {
  delivery: { title: '1. Delivery through a real Haraka', measure: measureDelivery },
  warm: { title: '2. A decision, everything cached', measure: ({ effort }) => measureWarm(effort) },
  cold: {
    title: '3. A decision, nothing cached, 20 ms per round trip',
    measure: ({ effort }) => measureCold(effort),
  },
  growth: { title: '4. Growth', measure: ({ effort }) => measureGrowth(effort) },
  verification: {
    title: '5. Verification, beside the handshake',
    measure: ({ effort }) => measureVerification(effort),
  },
  fleet: { title: '7. A fleet with one memory', measure: measureFleet },
  footprint: { title: '6. Start-up and footprint', measure: ({ effort }) => measureFootprint(effort) },
};

interface Order extends DeliveryOrder {
  readonly asJson: boolean;
  readonly chosen: readonly GroupName[];
}

const order = readOrder();
const { effort, chosen } = order;
const say = (line: string): void => void (order.asJson ? process.stderr : process.stdout).write(`${line}\n`);

const started = performance.now();
const reports: GroupReport[] = [];
const broken: { readonly group: GroupName; readonly error: string }[] = [];
for (const group of chosen) {
  try {
    reports.push(await measured(group));
  } catch (error) {
    broken.push({ group, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    say(`${groups[group].title}: could not be measured: ${broken.at(-1)?.error ?? ''}\n`);
  }
}
const seconds = (performance.now() - started) / 1000;

if (order.asJson) process.stdout.write(`${JSON.stringify(asJson(), undefined, 2)}\n`);
const below = missed(reports);
const unknown = [...notMeasured(reports).map(({ name }) => name), ...broken.map(({ group }) => group)];
say(`${seconds.toFixed(0)} s in all.`);
if (below.length === 0)
  say(unknown.length === 0 ? 'Every line is met.' : 'Every line that was measured is met.');
for (const { name } of below) say(`Missed: ${name}`);
for (const name of unknown) say(`Not measured: ${name}`);
process.exitCode = broken.length > 0 ? 3 : below.length > 0 ? 1 : 0;

function readOrder(): Order {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        before: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        setting: { type: 'string', multiple: true, default: [] },
        rounds: { type: 'string' },
      },
    });
    return {
      effort: values.quick ? 'quick' : 'full',
      asJson: values.json,
      before: values.before === undefined ? undefined : existing(values.before),
      chosen: values.only.length === 0 ? groupNames : values.only.map(groupNamed),
      settings: values.setting.length === 0 ? settingNames : values.setting.map(settingNamed),
      rounds: values.rounds === undefined ? 'usual' : roundsFrom(values.rounds),
    };
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

function existing(bundle: string): string {
  if (!existsSync(bundle)) throw new Error(`no file ${bundle}`);
  return bundle;
}

function groupNamed(name: string): GroupName {
  const group = groupNames.find((known) => known === name);
  if (group === undefined) throw new Error(`no group ${name}; there are ${groupNames.join(', ')}`);
  return group;
}

function roundsFrom(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new Error(`--rounds ${text}: 1 to 99 are meant`);
  return Number(text);
}

function settingNamed(name: string): SettingName {
  const setting = settingNames.find((known) => known === name);
  if (setting === undefined) throw new Error(`no setting ${name}; there are ${settingNames.join(', ')}`);
  return setting;
}

async function measured(group: GroupName): Promise<GroupReport> {
  const begun = performance.now();
  const { title, measure } = groups[group];
  const { figures, notes } = await measure(order);
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
        figure.line === undefined ? figure : { ...figure, met: isMeasured(figure) ? isMet(figure) : null },
      ),
    })),
    broken,
  };
}
