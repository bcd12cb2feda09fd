/** `tls-peers held`: what waits in the queue because of a rule now. */
import path from 'node:path';
import type { HeldGroup, OtherwiseWaiting } from '../../evidence/views/held';
import { queueDirectory } from '../../settings/haraka/queue_directory';
import { directorySource } from '../../settings/load/source';
import { messageOf } from '../../text';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { formatCsv, spreadsheetSafe } from '../csv';
import { peerOptions, wantedPeer } from '../evidence';
import { readHeld, withEnvelopes, type Enveloped, type HeldReading } from '../held';
import { heldLines } from '../held_text';
import { ownerOfState } from '../install';
import { warningLines } from '../layout/warning';
import { startMeter } from '../meter';
import { json } from '../output';
import { validSettings } from '../valid_settings';

export const heldCommand: Command = {
  name: 'held',
  summary: 'Show what waits in the queue because of a rule now: for whom, why, since when, and what to do.',
  operands: '[--managed DOMAIN] [--peer PEER]',
  help: [
    "It reads Haraka's queue, and changes nothing there. Use it as root or as Haraka's user.",
    '',
    '  --managed DOMAIN  mail of one managed domain; "" for mail of none',
    '  --peer PEER       one peer, or *. and a domain for all below it',
    "  --queue DIR       Haraka's outbound queue, where it is not where this install says",
    '  --csv             every message that a rule holds, as CSV',
    '',
    'The exit code is 1 where something waits because of a rule.',
  ],
  options: { ...peerOptions, queue: { type: 'string' }, csv: { type: 'boolean' } },
  run: held,
};

async function held(context: Context): Promise<ExitCode> {
  const { operands, options, output, now } = context;
  if (operands.length > 0) throw new UsageError(`unexpected: ${operands.join(' ')}`);
  const wanted = wantedPeer(options);
  const { evidence } = validSettings(directorySource(context.directory)).global;
  const queue = queueOf(context);
  const notes = path.resolve(context.directory, '..', evidence.directory);
  const reading = await read({ queue, notes, owner: ownerOfState(context.directory) }, wanted);
  const problems = [
    ...(evidence.enabled
      ? []
      : ['why messages wait is not noted: [evidence] enabled = false in tls-peers.ini']),
    ...reading.problems,
  ];
  const asList = context.json || options['csv'] === true;
  const shown = asList ? reading.messages : reading.groups.map(({ oldest }) => oldest);
  const meter = startMeter('reading the queue', shown.length, output.progress.bind(output));
  const messages = await withEnvelopes(queue, shown, (file) => meter.advance(file));
  meter.stop();
  if (context.json) output.print(json(documentOf(queue, reading, messages, problems)));
  else if (options['csv'] === true)
    output.print(formatCsv([header, ...messages.map((one) => record(one).map(spreadsheetSafe))]).trimEnd());
  else {
    const install = path.dirname(context.directory);
    const shownNow = { ...reading, oldest: messages, queue, install, now };
    for (const line of heldLines(output, shownNow)) output.print(line);
    for (const line of warningLines(output, problems)) output.print(line);
  }
  if (asList) for (const problem of problems) output.complain(problem);
  return reading.messages.length > 0 ? exit.findings : exit.ok;
}

function queueOf({ options, directory }: Context): string {
  const given = options['queue'];
  if (typeof given === 'string') return path.resolve(given);
  return queueDirectory(directorySource(directory), path.resolve(directory, '..'));
}

async function read(...args: Parameters<typeof readHeld>): Promise<HeldReading> {
  try {
    return await readHeld(...args);
  } catch (error) {
    throw new CommandError(`the queue cannot be read: ${messageOf(error)}; --queue names another directory`);
  }
}

function documentOf(
  queue: string,
  { groups, otherwise, waiting, setAside, foreign }: HeldReading,
  messages: readonly Enveloped[],
  problems: readonly string[],
) {
  const shown = messages.map(messageDocument);
  return {
    queue,
    problems,
    waiting: waiting.length,
    groups: groups.map(groupDocument),
    otherwise: otherwise satisfies OtherwiseWaiting,
    setAside,
    foreign,
    messages: shown,
  };
}

function groupDocument({ oldest, ...group }: HeldGroup) {
  return { ...group, oldest: { file: oldest.file, arrived: oldest.arrived } };
}

function messageDocument(message: Enveloped) {
  const { file, arrived, nextTry, attempts, note } = message;
  const { managed, peer, why: reason, rule, level, host, text, since, requiretls } = note;
  const asked = requiretls === undefined ? {} : { requiretls };
  const base = { file, managed, peer, reason, rule, level, host, text, ...asked, arrived, nextTry, attempts };
  const envelope = 'envelope' in message ? message.envelope : { problem: message.problem };
  return { ...base, since: new Date(since), ...envelope };
}

const header = [
  'managed',
  'peer',
  'reason',
  'rule',
  'host',
  'sender',
  'domain',
  'recipients',
  'arrived',
  'held since',
  'next try',
  'attempts',
  'file',
  'text',
];

function record(message: Enveloped): string[] {
  const { note, arrived, nextTry, attempts, file } = message;
  const { sender, domain, recipients } =
    'envelope' in message ? message.envelope : { sender: '', domain: '', recipients: '' };
  return [
    note.managed,
    note.peer,
    note.why,
    note.rule,
    note.host,
    sender,
    domain,
    String(recipients),
    arrived.toISOString(),
    new Date(note.since).toISOString(),
    nextTry.toISOString(),
    String(attempts),
    file,
    note.text,
  ];
}
