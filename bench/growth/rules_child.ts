/** What rules cost: one look-up, and memory, with 10 to 100,000 peers; loading 100 managed domains with 1,000 peers each. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { utcDay } from '../../src/peers/day';
import { inboundRule, outboundRule } from '../../src/peers/rules';
import { loadSettings } from '../../src/settings/load/load';
import { directorySource } from '../../src/settings/load/source';
import type { Settings } from '../../src/settings/schema/types';
import { inChild } from '../child';
import { alternate, figure, heapUsed, median, ratios } from '../measure';
import type { Figure } from '../report';
import type { GrowthOrder } from './growth';

const mostPeers = 100_000;
const sizes = [10, 1_000, mostPeers] as const;
const kinds = ['listed', 'not listed'] as const;
const today = utcDay(new Date('2026-06-15'));

inChild(async ({ effort }: GrowthOrder): Promise<Figure[]> => {
  const loads = effort === 'quick' ? 1 : 3;
  const lookUps = effort === 'quick' ? 30_000 : 200_000;
  const loaded = sizes.map((peers) => ({ peers, of: load(1, peers, loads) }));
  const subjects = Object.fromEntries(
    loaded.flatMap(({ peers, of }) =>
      kinds.map((kind) => [`${kind} ${peers}`, () => timeLookUps(of.settings, peers, lookUps, kind)]),
    ),
  );
  await alternate(subjects, 1);
  const runs = await alternate(subjects, effort === 'quick' ? 5 : 9);
  const many = load(100, 1_000, loads);
  const commented = effort === 'quick' ? undefined : load(1, mostPeers, loads, commentOf);
  return [
    ...kinds.flatMap((kind) => [
      ...loaded.map(({ peers }) =>
        figure(
          `look-up of a peer that is ${kind}, ${named(peers)} peers`,
          'ns',
          runs[`${kind} ${peers}`] ?? [],
        ),
      ),
      figure(
        `  ${named(100_000)} over ${named(10)}`,
        'x',
        ratios(runs[`${kind} 100000`] ?? [], runs[`${kind} 10`] ?? []),
        { is: 'at most', value: 2 },
      ),
    ]),
    ...loaded.map(({ peers, of }) =>
      figure(`memory of ${named(peers)} peers`, 'MB', of.megabytes, linesOf(peers)?.megabytes),
    ),
    ...loaded.map(({ peers, of }) =>
      figure(`loading ${named(peers)} peers`, 'ms', of.milliseconds, linesOf(peers)?.milliseconds),
    ),
    ...(commented === undefined
      ? []
      : [
          figure(`loading ${named(mostPeers)} peers, each with a comment`, 'ms', commented.milliseconds),
          figure('memory of them', 'MB', commented.megabytes),
        ]),
    figure('loading 100 managed domains with 1,000 peers each', 'ms', many.milliseconds),
    figure('memory of them', 'MB', many.megabytes),
  ];
});

function linesOf(peers: number) {
  return peers === mostPeers ? loadingLines : undefined;
}

const loadingLines = {
  milliseconds: { is: 'at most', value: 3_000 },
  megabytes: { is: 'at most', value: 150 },
} as const;

interface Load {
  readonly settings: Settings;
  readonly milliseconds: readonly number[];
  readonly megabytes: readonly number[];
}

/** As on a list of exemptions. Peers with the same keys share them; with comments hardly two have the same. */
function commentOf(i: number): string {
  return `comment = asked for by their postmaster, ticket ${numbered(i)}\n`;
}

/** @param extra more lines for a peer */
function load(
  domains: number,
  peersEach: number,
  times: number,
  extra: (i: number) => string = () => '',
): Load {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-bench-'));
  try {
    mkdirSync(path.join(directory, 'tls-peers'));
    for (let i = 0; i < domains; i++) {
      writeFileSync(path.join(directory, `tls-peers/own${i}.example.ini`), domainFile(peersEach, extra));
    }
    const loads = Array.from({ length: times }, () => loadOnce(directory));
    return {
      settings: (loads.at(-1) as (typeof loads)[number]).settings,
      milliseconds: loads.map((one) => one.milliseconds),
      megabytes: [median(loads.map((one) => one.megabytes))],
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function loadOnce(directory: string): { settings: Settings; milliseconds: number; megabytes: number } {
  const before = heapUsed();
  const started = performance.now();
  const { settings, faults } = loadSettings(directorySource(directory));
  const milliseconds = performance.now() - started;
  if (faults.length > 0) throw new Error('the files of the benchmark are not valid');
  return { settings, milliseconds, megabytes: (heapUsed() - before) / 1e6 };
}

/** A third exact names, a third wildcards, a third networks. */
function domainFile(peers: number, extra: (i: number) => string): string {
  const sections = Array.from({ length: peers }, (_, i) => {
    const level = `security_level = ${i % 2 === 0 ? 'mandatory' : 'may'}\nmin_tls_version = 1.2\n${extra(i)}`;
    if (i % 3 === 0) return `[outbound peer${numbered(i)}.partner.example]\n${level}`;
    if (i % 3 === 1) return `[outbound *.zone${numbered(i)}.partner.example]\n${level}`;
    return `[inbound 10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}]\n${level}`;
  });
  return `[outbound]\nsecurity_level = auto\n${sections.join('')}`;
}

/** Nanoseconds for one look-up: exact names, names under a wildcard and addresses in turn. */
function timeLookUps(
  settings: Settings,
  peers: number,
  lookUps: number,
  kind: (typeof kinds)[number],
): number {
  const thirds = Math.floor(peers / 3);
  const [listed, net] = kind === 'listed' ? ['partner', 10] : ['stranger', 11];
  let sink = 0;
  const started = performance.now();
  for (let n = 0; n < lookUps; n++) {
    const sort = n % 3;
    // As `domainFile` gives them out.
    const i = 3 * ((n * 7919) % thirds) + sort;
    const prefix = sort === 0 ? 'peer' : 'mx.zone';
    const name = `${prefix}${numbered(i)}.${listed}.example`;
    const client = { ip: `${net}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, senderDomain: name };
    const found =
      sort === 2
        ? inboundRule(settings, 'own0.example', client, today)
        : outboundRule(settings, 'own0.example', name, today);
    sink += found.kind.length;
  }
  if (sink === 0) throw new Error('nothing was looked up');
  return ((performance.now() - started) / lookUps) * 1e6;
}

/**
 * Five digits, however many peers there are. Not by `String(i)`: V8 keeps the texts of a few numbers, so that ten names would
 * cost less to make than a hundred thousand.
 */
function numbered(i: number): string {
  const digit = (unit: number): number => 48 + (Math.floor(i / unit) % 10);
  return String.fromCharCode(digit(10_000), digit(1_000), digit(100), digit(10), digit(1));
}

function named(count: number): string {
  return count.toLocaleString('en');
}
