/** What the suite adds to a Haraka that has just started, and to an install. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { startLab } from '../haraka-test-harness/lab';
import { domainFile } from './decision/suite';
import { alternate, figure } from './measure';
import type { Effort, Figure } from './report';

const root = path.resolve(import.meta.dirname, '..');

export async function measureFootprint(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const subjects = { stock: () => startOnce([]), suite: () => startOnce(['tls-peers']) };
  await alternate(subjects, 1);
  const { stock, suite } = await alternate(subjects, effort === 'quick' ? 3 : 9);
  const added = (of: keyof Start): number[] =>
    suite.map((one, round) => one[of] - (stock[round]?.[of] ?? NaN));
  const figures: Figure[] = [
    figure(
      'stock Haraka, until it listens',
      'ms',
      stock.map((one) => one.ms),
    ),
    figure('  added by the suite with 100 peers', 'ms', added('ms'), { is: 'at most', value: 150 }),
    figure('  processor time added', 'ms', added('processorMs')),
    figure(
      'stock Haraka, resident',
      'MB',
      stock.map((one) => one.residentMb),
    ),
    figure('  added by the suite with 100 peers', 'MB', added('residentMb'), { is: 'at most', value: 30 }),
    figure('  heap added', 'MB', added('heapMb')),
    figure('bundle', 'KB', [statSync(path.join(root, 'dist/tls-peers.cjs')).size / 1000], {
      is: 'at most',
      value: 540,
    }),
    figure('packages that an install brings along', '', [runtimeDependencies()], { is: 'at most', value: 0 }),
  ];
  return { figures, notes };
}

const notes = [
  'each start is a new Haraka; until it listens: from the start of the process to its init_master hooks',
  'resident and heap after a collection, when it listens',
];

/** One Haraka, from its start until it listens. */
interface Start {
  readonly ms: number;
  readonly processorMs: number;
  readonly residentMb: number;
  readonly heapMb: number;
}

async function startOnce(plugins: readonly string[]): Promise<Start> {
  const lab = await startLab(
    { domains: {} },
    {
      plugins: [...plugins, 'bench_start'],
      ownPlugins: { bench_start: plugin },
      config: { 'tls-peers/ours.example.ini': domainFile('auto') },
    },
  );
  try {
    const line = await lab.haraka.waitForLog(/bench-start /);
    return JSON.parse(line.slice(line.indexOf('{'))) as Start;
  } finally {
    await lab.stop();
  }
}

/** After all other hooks of init_master; a collection first, because what is garbage already is nobody's footprint. */
const plugin = `
'use strict';
const v8 = require('node:v8');
const vm = require('node:vm');
exports.register = function () { this.register_hook('init_master', 'measure', 1000); };
exports.measure = function (next) {
  const ms = performance.now();
  const { user, system } = process.cpuUsage();
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  setTimeout(() => {
    collect();
    collect();
    const { rss, heapUsed } = process.memoryUsage();
    this.lognotice('bench-start ' + JSON.stringify({
      ms, processorMs: (user + system) / 1000, residentMb: rss / 1e6, heapMb: heapUsed / 1e6,
    }));
  }, 300);
  next();
};
`;

/** Of those that npm would install with the package. */
function runtimeDependencies(): number {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies'];
  return kinds.reduce(
    (sum, kind) => sum + Object.keys((manifest[kind] as object | undefined) ?? {}).length,
    0,
  );
}
