/** What became of attacked messages, recipient by recipient. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Outcome } from '../../../haraka-test-harness/reports';

export interface Fate {
  readonly messages: number;
  /** Recipients, by what was told of them last. */
  readonly delivered: number;
  readonly deferred: number;
  readonly bounced: number;
  /** Recipients of whom nothing was told, of messages that are in the queue. */
  readonly underWay: number;
  /** Recipients of whom nothing is known, or who were deferred and are in no queue. */
  readonly lost: number;
}

/** @param to the recipients of each message, by its id */
export function fateOf(
  to: ReadonlyMap<string, readonly string[]>,
  outcomes: readonly Outcome[],
  queued: ReadonlySet<string>,
): Fate {
  const counts = { delivered: 0, deferred: 0, bounced: 0, underWay: 0, lost: 0 };
  for (const [id, recipients] of to) {
    const told = new Map<string, Outcome['status']>();
    for (const { status, recipients: concerned } of outcomes.filter((one) => one.id === id))
      for (const { address } of concerned) told.set(bare(address), status);
    for (const recipient of recipients) {
      const status = told.get(recipient);
      if (status === 'delivered' || status === 'bounced') counts[status]++;
      else if (!queued.has(id)) counts.lost++;
      else counts[status ?? 'underWay']++;
    }
  }
  return { messages: to.size, ...counts };
}

/** Haraka writes addresses with angle brackets in some places. */
function bare(address: string): string {
  return address.replace(/^<|>$/g, '');
}

/** The ids of all messages that are in Haraka's queue. */
export async function queuedIds(installDirectory: string): Promise<Set<string>> {
  const directory = path.join(installDirectory, 'queue');
  const ids = new Set<string>();
  for (const file of await readdir(directory)) {
    // Those that begin with a dot are not finished: Haraka removes them when it starts.
    if (file.startsWith('.')) continue;
    const text = await readFile(path.join(directory, file), 'latin1').catch(() => '');
    const id = /^Lab-Message-Id: (\S+)/m.exec(text)?.[1];
    if (id !== undefined) ids.add(id);
  }
  return ids;
}
