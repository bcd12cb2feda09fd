/** The record as commands read it: the window, the filters, and what could not be read. */
import path from 'node:path';
import type { ParseArgsConfig } from 'node:util';
import type { PeerKey } from '../evidence/day_table';
import type { EvidenceReader, Reading, Wanted } from '../evidence/evidence';
import { createFileReader, type FileReaderOptions } from '../evidence/store/file_reader';
import { trafficOf, type PeerTraffic } from '../evidence/views/traffic';
import { dayBefore, parseDay, type Day } from '../peers/day';
import { directorySource } from '../settings/load/source';
import type { Settings } from '../settings/schema/types';
import { CommandError, UsageError, type Context } from './command';
import { readFleet, type RecordUse } from './fleet_record';
import { ownerOfState } from './install';
import { validSettings } from './valid_settings';

export const peerOptions = {
  managed: { type: 'string' },
  peer: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

export const windowOptions = {
  from: { type: 'string' },
  to: { type: 'string' },
  days: { type: 'string' },
  ...peerOptions,
  inbound: { type: 'boolean' },
  outbound: { type: 'boolean' },
} as const satisfies ParseArgsConfig['options'];

/** Of commands that show what the fleet has counted. */
export const fleetOptions = { local: { type: 'boolean' } } as const satisfies ParseArgsConfig['options'];

export const windowHelp = [
  '  --days N              the last N days, today included, in UTC (default: 7)',
  '  --from DAY, --to DAY  the days from DAY to DAY, as YYYY-MM-DD',
  '  --managed DOMAIN      mail of one managed domain; "" for mail of none',
  '  --peer PEER           one peer, or *. and a domain for all below it',
  '  --inbound, --outbound one direction (default: both)',
];

export const fleetHelp =
  '  --local               what this host has counted, also where [fleet] shares it with others';

const usualDays = 7;

/** @param usual days of the window where the call names none. @throws UsageError where the options name no window */
export function wantedOf(
  { options, today }: Pick<Context, 'options' | 'today'>,
  usual: number = usualDays,
): Wanted {
  const { inbound, outbound } = options;
  return {
    ...windowOf(options, today, usual),
    ...wantedPeer(options),
    ...(inbound === outbound ? {} : { direction: inbound === true ? 'in' : 'out' }),
  };
}

export function wantedPeer(options: Context['options']): Pick<Wanted, 'managed' | 'peer'> {
  const managed = textOf(options['managed'])?.toLowerCase();
  const peer = textOf(options['peer'])?.toLowerCase();
  return {
    ...(managed === undefined ? {} : { managed }),
    ...(peer === undefined ? {} : { peer }),
  };
}

function windowOf(options: Context['options'], today: Day, usual: number): { from: Day; to: Day } {
  const days = textOf(options['days']);
  const [from, to] = [dayOption(options, 'from'), dayOption(options, 'to')];
  if (days !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new UsageError('--days does not go with --from and --to');
    if (!/^[1-9]\d{0,3}$/.test(days)) throw new UsageError(`--days: no number of days: ${days}`);
    return { from: dayBefore(today, Number(days) - 1), to: today };
  }
  const last = to ?? today;
  const first = from ?? dayBefore(last, usual - 1);
  if (first > last) throw new UsageError(`--from ${first} is after --to ${last}`);
  return { from: first, to: last };
}

function dayOption(options: Context['options'], name: string): Day | undefined {
  const text = textOf(options[name]);
  if (text === undefined) return undefined;
  const day = parseDay(text);
  if (day === undefined) throw new UsageError(`--${name}: no day as YYYY-MM-DD: ${text}`);
  return day;
}

function textOf(option: unknown): string | undefined {
  return typeof option === 'string' ? option : undefined;
}

/** `pkix 12, dane 3` */
export function countsText(
  counts: Readonly<Record<string, number>>,
  named: (name: string) => string = (name) => name,
): string {
  return Object.entries(counts)
    .map(([name, count]) => `${named(name)} ${count}`)
    .join(', ');
}

export interface Read extends Reading {
  readonly settings: Settings;
  readonly wanted: Wanted;
}

/** The last seven days of one pair; `undefined` where nothing is counted, or nothing was. What cannot be read is left out. */
export async function lastWeek(
  { directory, today }: Pick<Context, 'directory' | 'today'>,
  settings: Settings,
  key: PeerKey,
): Promise<PeerTraffic | undefined> {
  const { rows } = await lastWeekOfAll({ directory, today }, settings, key);
  return trafficOf(rows)[0];
}

/** The last seven days of everything, or of one pair; nothing where nothing is counted. */
export async function lastWeekOfAll(
  { directory, today }: Pick<Context, 'directory' | 'today'>,
  settings: Settings,
  of: Partial<PeerKey> = {},
): Promise<Reading> {
  const { evidence } = settings.global;
  if (!evidence.enabled || settings.validity.kind === 'invalid') return nothingRead;
  try {
    const reader = readerOf(directory, evidence.directory, today);
    return await reader.read({ ...of, from: dayBefore(today, usualDays - 1), to: today });
  } catch {
    // Whose files they would be is not known; lint says so.
    return nothingRead;
  }
}

const nothingRead: Reading = { rows: [], problems: [], unread: 0 };

function readerOf(config: string, directory: string, today: Day): EvidenceReader {
  return createFileReader(filesOf(config, directory, today));
}

function filesOf(config: string, directory: string, today: Day): FileReaderOptions {
  return { directory: path.resolve(config, '..', directory), owner: ownerOfState(config), today };
}

/** @param usual as of `wantedOf`. @throws CommandError where nothing is counted here */
export function readEvidence(
  context: Context,
  { usual = usualDays, use }: { readonly usual?: number; readonly use: RecordUse },
): Promise<Read> {
  return readRecord(context, wantedOf(context, usual), use);
}

/** @throws CommandError where nothing is counted here */
export async function readRecord(context: Context, wanted: Wanted, use: RecordUse): Promise<Read> {
  const files = directorySource(context.directory);
  const settings = validSettings(files);
  const { evidence, fleet } = settings.global;
  if (!evidence.enabled)
    throw new CommandError('nothing is counted: [evidence] enabled = false in tls-peers.ini');
  const local = filesOf(context.directory, evidence.directory, context.today);
  const isFleet = fleet.redis && context.options['local'] !== true;
  const reading = isFleet
    ? await readFleet({ settings, files, local, use }, wanted)
    : await createFileReader(local).read(wanted);
  return { ...reading, settings, wanted };
}

/** The window in words, and whose record it is. */
export function windowText({ wanted: { from, to }, hosts }: Read): string {
  const window = `${from} to ${to} (UTC)`;
  if (hosts === undefined) return window;
  return hosts.length === 0 ? `${window}, this host` : `${window}, this host and ${hosts.join(', ')}`;
}
