/** `tls-peers track`: what became of single messages, recipient by recipient. */
import path from 'node:path';
import { isWanted } from '../../evidence/evidence';
import { hasTrack, trackRows } from '../../evidence/store/track_reader';
import { isTracked, type TrackRow, type TrackWanted } from '../../evidence/track';
import { failureStatus } from '../../failure';
import { directorySource } from '../../settings/load/source';
import { closest } from '../../settings/schema/closest';
import { isMissing } from '../../state/state_fault';
import { messageOf } from '../../text';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { formatCsv, spreadsheetSafe } from '../csv';
import { wantedOf, windowHelp, windowOptions } from '../evidence';
import { topOf } from '../operands';
import { ownerOfState } from '../install';
import { table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { json, type Cell, type Output } from '../output';
import { validSettings } from '../valid_settings';

export const trackCommand: Command = {
  name: 'track',
  summary: 'Show what became of single messages: one row for each recipient and attempt.',
  operands: '[--message-id ID] [--sender ADDR] [--recipient ADDR] [--tls VERSION] [--reason REASON]',
  help: [
    'It needs [evidence] track = true in tls-peers.ini. Use it as root or as the user of Haraka.',
    '',
    '  --message-id ID       the Message-ID header, with or without angle brackets',
    '  --sender ADDR         the envelope sender; a domain, with or without @, for all of it; "<>" for the null sender',
    '  --recipient ADDR      the envelope recipient, or a domain',
    '  --tls VERSION         none, 1.0, 1.1, 1.2 or 1.3',
    '  --reason REASON       a failure reason, connection-failed, or reply',
    ...windowHelp,
    '  --top N               the last N rows (default: 100; 0 for all)',
    '  --csv                 every row as CSV',
  ],
  options: {
    ...windowOptions,
    'message-id': { type: 'string' },
    sender: { type: 'string' },
    recipient: { type: 'string' },
    tls: { type: 'string' },
    reason: { type: 'string' },
    top: { type: 'string' },
    csv: { type: 'boolean' },
  },
  run: track,
};

async function track(context: Context): Promise<ExitCode> {
  const { operands, options, output, directory } = context;
  if (operands.length > 0) throw new UsageError(`unexpected: ${operands.join(' ')}`);
  const window = wantedOf(context);
  const wanted = wantedRows(options);
  const top = topOf(options['top'], 100);
  const { evidence } = validSettings(directorySource(directory)).global;
  const log = path.resolve(directory, '..', evidence.directory);
  const problems: string[] = [];
  if (!evidence.enabled || !evidence.track) {
    const off = evidence.enabled ? 'track = false' : 'enabled = false';
    const text = `messages are not tracked: [evidence] ${off} in tls-peers.ini`;
    if (!(await isThere(log))) throw new CommandError(text);
    problems.push(text);
  }
  const rows = trackRows({
    directory: log,
    owner: ownerOfState(directory),
    from: window.from,
    to: window.to,
    isWanted: (row) => isWanted(window, row) && isTracked(wanted, row),
    onProblem: (problem) => problems.push(problem),
  });
  const show = context.json ? showJson : options['csv'] === true ? showCsv : showTable;
  try {
    await show(output, rows, { window, problems, top });
  } catch (error) {
    if (isMissing(error)) throw new CommandError(`no message was tracked yet: ${log} is not there`);
    throw new CommandError(`${log} cannot be read: ${messageOf(error)}`);
  }
  if (show !== showTable) for (const problem of problems) output.complain(problem);
  return exit.ok;
}

async function isThere(directory: string): Promise<boolean> {
  try {
    return await hasTrack(directory);
  } catch {
    return false;
  }
}

// ---- what is asked for

function wantedRows(options: Context['options']): TrackWanted {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [id, sender, recipient] = [text('message-id'), text('sender'), text('recipient')];
  const [tls, reason] = [text('tls'), text('reason')];
  return {
    ...(id === undefined ? {} : { id }),
    ...(sender === undefined ? {} : { sender: addressOf(sender, '--sender') }),
    ...(recipient === undefined ? {} : { recipient: addressOf(recipient, '--recipient') }),
    ...(tls === undefined ? {} : { tls: versionOf(tls) }),
    ...(reason === undefined ? {} : { reason: reasonOf(reason) }),
  };
}

function addressOf(text: string, option: string): string {
  if (text === '<>') return '';
  const bare = /^<(.+)>$/s.exec(text)?.[1] ?? text;
  if (bare === '')
    throw new UsageError(`${option}: an address or a domain is needed; "<>" is the null sender`);
  return bare.includes('@') ? bare : `@${bare}`;
}

const versions: Readonly<Record<string, string | undefined>> = {
  none: 'none',
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

function versionOf(text: string): string {
  const version = Object.hasOwn(versions, text) ? versions[text] : undefined;
  if (version === undefined) throw new UsageError(`--tls: one of ${Object.keys(versions).join(', ')}`);
  return version;
}

const reasons: readonly string[] = [...Object.keys(failureStatus), 'connection-failed', 'reply', 'other'];

function reasonOf(text: string): string {
  if (reasons.includes(text)) return text;
  const meant = closest(text, reasons);
  throw new UsageError(
    `--reason: no such reason: ${text}${meant === undefined ? `; one of ${reasons.join(', ')}` : `; did you mean ${meant}?`}`,
  );
}

// ---- what is shown

interface Shown {
  readonly window: { readonly from: string; readonly to: string };
  readonly problems: readonly string[];
  readonly top: number;
}

type Show = (output: Output, rows: AsyncIterable<TrackRow>, shown: Shown) => Promise<void>;

/** Row by row: a log may be larger than memory. What comes last are the problems, which are known by then. */
const showJson: Show = async (output, rows, { window, problems }) => {
  output.print(`{\n"from": ${json(window.from)},\n"to": ${json(window.to)},\n"rows": [`);
  let before = '';
  for await (const { at, ...row } of rows) {
    if (before !== '') output.print(`${before},`);
    before = json({ at: new Date(at), ...row });
  }
  if (before !== '') output.print(before);
  output.print(`],\n"problems": ${json(problems)}\n}`);
};

const header = [
  'at',
  'direction',
  'sender',
  'recipient',
  'outcome',
  'reason',
  'rule',
  'host',
  'address',
  'tls',
  'group',
  'verified',
  'managed',
  'peer',
  'level',
  'message-id',
  'transaction',
  'text',
  'requiretls',
];

const showCsv: Show = async (output, rows) => {
  output.print(formatCsv([header]).trimEnd());
  for await (const row of rows) output.print(formatCsv([record(row).map(spreadsheetSafe)]).trimEnd());
};

function record(row: TrackRow): string[] {
  const { direction, from, to, outcome, reason, rule, host, address, tls, group, verified } = row;
  const { managed, peer, level, id, transaction, text, at } = row;
  const first = [new Date(at).toISOString(), direction, from, to, outcome, reason, rule, host, address];
  const { requiretls = '' } = row;
  return [...first, tls, group, verified, managed, peer, level, id, transaction, text, requiretls];
}

const showTable: Show = async (output, rows, { window, problems, top }) => {
  const last: TrackRow[] = [];
  let all = 0;
  for await (const row of rows) {
    all += 1;
    last.push(row);
    if (last.length > top) last.shift();
  }
  output.print(`${window.from} to ${window.to} (UTC): ${all === 1 ? '1 row' : `${all} rows`}`);
  if (all > last.length) output.print(`${all - last.length} earlier rows: --top 0 or --csv shows them all`);
  if (last.length > 0) for (const line of table(output, [heads, ...last.map(cells)])) output.print(line);
  for (const line of warningLines(output, problems)) output.print(line);
};

const heads = ['when', '', 'from', 'to', 'outcome', 'tls', 'group', 'verified', 'host', 'rule', 'why'].map(
  (text): Cell => ({ text, style: 'dim' }),
);

const styles = {
  delivered: 'green',
  accepted: 'green',
  deferred: 'yellow',
  bounced: 'red',
  refused: 'red',
} as const;

function cells(row: TrackRow): (string | Cell)[] {
  const { at, direction, from, to, outcome, reason, text, tls, group, verified, host, address, rule } = row;
  return [
    new Date(at).toISOString().slice(0, 19).replace('T', ' '),
    direction,
    `<${from}>`,
    `<${to}>`,
    { text: outcome, ...(Object.hasOwn(styles, outcome) ? { style: styles[outcome] } : {}) },
    tls,
    group,
    verified,
    host || address,
    rule,
    [reason, text].filter((part) => part !== '').join(': '),
  ];
}
