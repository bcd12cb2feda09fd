/** `tls-peers impact`: what changed rules would have done to the messages of the last days. */
import { impactOf, totalImpact, type Impact, type PeerImpact } from '../../evidence/views/impact';
import { parsePeer, type Peer } from '../../peers/index';
import type { RuleSet } from '../../peers/rule_set';
import { loadSettings } from '../../settings/load/load';
import { directorySource } from '../../settings/load/source';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { formatCsv } from '../csv';
import {
  countsText,
  fleetHelp,
  fleetOptions,
  readRecord,
  wantedOf,
  windowHelp,
  windowOptions,
  windowText,
} from '../evidence';
import { askedFor, seenByAll } from '../impact_window';
import { configDirectory } from '../install';
import { table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { missingTexts, whatMakesKnown } from '../missing_text';
import { json, paint, type Output } from '../output';
import { changesBetween, wishedValues, withWish } from '../rule_changes';

export const impactCommand: Command = {
  name: 'impact',
  summary: 'Say what a changed rule would have done to the messages of the last days.',
  operands: '[--managed DOMAIN] [--peer PEER] --set KEY=VALUE... | --edited DIR',
  help: [
    '  --set KEY=VALUE       a key of the rule, as in the file; more than one is possible. With --peer in the section of that',
    '                        peer, else in the default; with --managed in that file, else in tls-peers.ini, or for a peer in',
    '                        the file of every managed domain; with --managed "" a peer of tls-peers.ini. Outbound unless',
    '                        --inbound is given',
    '  --edited DIR          a copy of the config directory with rules that are not in force yet: everything that differs',
    ...windowHelp,
    fleetHelp,
    '  --csv                 every peer as CSV',
    '',
    'The exit code is 1 where messages would have been refused, or where that is not known.',
  ],
  options: {
    ...windowOptions,
    ...fleetOptions,
    set: { type: 'string', multiple: true },
    edited: { type: 'string' },
    csv: { type: 'boolean' },
  },
  run: impact,
};

async function impact(context: Context): Promise<ExitCode> {
  const { operands, options, output, today } = context;
  if (operands.length > 0) throw new UsageError(`unexpected: ${operands.join(' ')}`);
  const wanted = wantedOf(context);
  const read = await readRecord(context, seenByAll(wanted), 'decided_on');
  const { rows: all, problems, settings, hosts } = read;
  const after = changedRules(context, settings);
  const peers = impactOf(askedFor(all, wanted), changesBetween(settings, after, today), all);
  const total = totalImpact(peers);
  if (context.json) output.print(json({ from: wanted.from, to: wanted.to, hosts, problems, total, peers }));
  else if (options['csv'] === true) {
    output.print(formatCsv([header, ...peers.map(record)]).trimEnd());
    for (const problem of problems) output.complain(problem);
  } else {
    output.print(windowText({ ...read, wanted }));
    for (const line of lines(output, total, peers)) output.print(line);
    for (const line of warningLines(output, problems)) output.print(line);
  }
  return total.refused > 0 || total.notKnown > 0 ? exit.findings : exit.ok;
}

function changedRules({ options }: Context, settings: RuleSet): RuleSet {
  const sets = options['set'] as unknown as readonly string[] | undefined;
  const edited = options['edited'];
  if ((sets === undefined) === (edited === undefined))
    throw new UsageError('either --set or --edited is needed');
  if (typeof edited === 'string') {
    const { settings: other, faults } = loadSettings(directorySource(configDirectory(edited)));
    if (faults.length > 0)
      throw new CommandError(`${edited} is not valid: tls-peers lint -c ${edited} says why`);
    return other;
  }
  const { managed } = options;
  const direction = options['inbound'] === true ? 'in' : 'out';
  return withWish(settings, {
    direction,
    managed: typeof managed === 'string' ? managed.toLowerCase() : undefined,
    peer: peerOption(options['peer'], direction),
    values: wishedValues(sets ?? [], direction),
  });
}

function peerOption(option: unknown, direction: 'out' | 'in'): Peer | undefined {
  if (typeof option !== 'string') return undefined;
  const peer = parsePeer(option);
  if (peer === undefined || (peer.kind === 'network' && direction === 'out'))
    throw new UsageError(`--peer: no peer that a section could name: ${option}`);
  return peer;
}

const header = ['managed', 'direction', 'peer', 'messages', 'refused', 'weakened', 'released', 'not known'];

function record({ managed, direction, peer, messages, refused, weakened, released, notKnown }: PeerImpact) {
  return [managed, direction, peer, ...[messages, refused, weakened, released, notKnown].map(String)];
}

const mostShown = 50;

function lines(output: Output, total: Impact, peers: readonly PeerImpact[]): string[] {
  const { messages, refused, weakened, released, notKnown } = total;
  if (peers.length === 0) return ['no peer that a message was counted for has another rule'];
  const share = (count: number) => `${count} of ${messages}`;
  const rows = [
    [{ text: 'refused', style: 'red' as const }, share(refused), countsText(total.reasons)],
    ...(weakened > 0 ? [['in cleartext', share(weakened), 'instead of TLS']] : []),
    ...(released > 0 ? [['let go', share(released), 'that a rule held up or refused']] : []),
    ...(notKnown > 0 ? [['not known', share(notKnown), missingText(total.missing)]] : []),
  ];
  const touched = peers.filter((peer) => peer.refused + peer.weakened + peer.released + peer.notKnown > 0);
  const shown = touched
    .slice(0, mostShown)
    .map((peer) => [
      peer.managed === '' ? '-' : peer.managed,
      peer.peer,
      peer.messages === 1 ? '1 message' : `${peer.messages} messages`,
      counted(peer.refused, 'refused'),
      counted(peer.weakened, 'in cleartext'),
      counted(peer.released, 'let go'),
      counted(peer.notKnown, 'not known'),
      countsText(peer.reasons),
    ]);
  const more =
    touched.length > mostShown ? [`${touched.length - mostShown} more peers: --csv has them all`] : [];
  return [
    ...table(output, rows),
    ...(shown.length > 0 ? ['', ...table(output, shown)] : []),
    ...more,
    ...whatMakesKnown(total.missing).map((text) => paint(output, 'dim', text)),
  ];
}

function counted(count: number, what: string): string {
  return count === 0 ? '' : `${count} ${what}`;
}

function missingText(missing: Readonly<Record<string, number>>): string {
  return countsText(missing, (name) => missingTexts[name] ?? name);
}
