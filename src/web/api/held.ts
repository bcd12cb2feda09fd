/** What waits because of a rule. */
import path from 'node:path';
import { readHeld, type HeldReading } from '../../cli/held';
import { ownerOfState } from '../../cli/install';
import { queueDirectory } from '../../settings/haraka/queue_directory';
import type { Desk } from './desk';
import { csv, document, type Reply } from './reply';
import type { Query } from './query';

/** As `held --json`, without the single messages: their envelopes name people. */
export async function held(desk: Desk, query: Query): Promise<Reply> {
  const { groups, otherwise, waiting, setAside, foreign, problems } = await heldNow(desk);
  const shown = groups.map(({ oldest, ...group }) => ({ ...group, oldest: { arrived: oldest.arrived } }));
  if (query.text('format') === 'csv')
    return csv('held', [
      [
        'managed',
        'peer',
        'reason',
        'messages',
        'rule',
        'level',
        'host',
        'text',
        'since',
        'last try',
        'next try',
      ],
      ...shown.map((one) => [
        ...[one.managed, one.peer, one.reason, String(one.messages), one.rule, one.level, one.host, one.text],
        ...[one.since, one.lastTry, one.nextTry].map((time) => time.toISOString()),
      ]),
    ]);
  const { enabled } = desk.settings().global.evidence;
  return document({
    waiting: waiting.length,
    groups: shown,
    otherwise,
    setAside,
    foreign,
    problems: [
      ...(enabled ? [] : ['why messages wait is not noted: [evidence] enabled = false in tls-peers.ini']),
      ...problems,
    ],
  });
}

/** Milliseconds for which the queue is not listed again. */
const keptMs = 5_000;

let last: { readonly at: number; readonly reading: Promise<HeldReading> } | undefined;

export function heldNow(desk: Desk): Promise<HeldReading> {
  if (last !== undefined && performance.now() - last.at < keptMs) return last.reading;
  const install = path.resolve(desk.configDirectory, '..');
  const reading = readHeld({
    queue: queueDirectory(desk.source, install),
    notes: path.resolve(install, desk.settings().global.evidence.directory),
    owner: ownerOfState(desk.configDirectory),
  });
  last = { at: performance.now(), reading };
  return reading;
}
