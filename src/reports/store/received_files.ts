/** Received reports, as far as their figures go: a line for each, in a file for each day on which they came. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { dayBefore, parseDay, utcDay, type Day } from '../../peers/day';
import { fieldsIn } from '../../json_lines';
import { useStateDirectory } from '../../state/directory';
import { isMissing } from '../../state/state_fault';
import { readPlainFile } from '../../state/files';
import { messageOf, printable } from '../../text';
import type { ReceivedReport } from '../../tlsrpt/received';
import type { JournalPlace } from './journal';

export interface StoredReport {
  /** When it came, milliseconds since 1970. */
  readonly at: number;
  /** The managed domain that it is about. */
  readonly managed: string;
  /** Who signed it. */
  readonly signer: string;
  readonly report: ReceivedReport;
}

/**
 * Octets of one day, of reports that count and of all others: strangers can sign with domains of their own, and must not push out
 * those who count.
 */
const mostBytes = { trusted: 64 << 20, others: 8 << 20 } as const;
const mostFailures = { trusted: 200, others: 20 } as const;

type Standing = keyof typeof mostBytes;

function nameOf(day: Day, standing: Standing): string {
  return `${day}.received.${standing}.jsonl`;
}

function parseName(name: string): { day: Day; standing: Standing } | undefined {
  const [, written = '', standing] =
    /^(\d{4}-\d\d-\d\d)\.received\.(trusted|others)\.jsonl$/.exec(name) ?? [];
  const day = parseDay(written);
  return day === undefined ? undefined : { day, standing: standing === 'trusted' ? 'trusted' : 'others' };
}

/** @throws Error where it cannot be written */
export async function storeReport(
  { directory, owner }: JournalPlace,
  stored: StoredReport,
  standing: Standing,
): Promise<'stored' | 'full'> {
  await useStateDirectory(directory, owner);
  const file = path.join(directory, nameOf(utcDay(new Date(stored.at)), standing));
  const handle = await fs.open(file, 'a', 0o600);
  try {
    const line = JSON.stringify(bounded(stored, mostFailures[standing]));
    if ((await handle.stat()).size + line.length > mostBytes[standing]) return 'full';
    await handle.write(`\n${line}\n`);
    await handle.datasync();
    return 'stored';
  } finally {
    await handle.close();
  }
}

function bounded(stored: StoredReport, failures: number): StoredReport {
  const { report } = stored;
  let left = failures;
  const policies = report.policies.map((policy) => {
    const kept = policy.failures.slice(0, Math.max(0, left));
    left -= kept.length;
    return { ...policy, text: policy.text.slice(0, 20), mx: policy.mx.slice(0, 20), failures: kept };
  });
  return { ...stored, report: { ...report, policies: policies.slice(0, failures) } };
}

export interface ReceivedReading {
  /** By when they came; each report once, however often it came. */
  readonly reports: readonly StoredReport[];
  readonly problems: readonly string[];
}

/**
 * @param from the first day on which they came
 * @param signer where the reports of one are enough: the lines of all others are not taken apart
 */
export async function readReceived(
  { directory, owner }: JournalPlace,
  from: Day,
  signer?: string,
): Promise<ReceivedReading> {
  const mark = signer === undefined ? '' : `"signer":${JSON.stringify(signer)}`;
  const problems: string[] = [];
  const found = new Map<string, StoredReport>();
  const names = await fs.readdir(directory).catch((error: unknown) => {
    if (!isMissing(error)) problems.push(`cannot be read: ${printable(messageOf(error))}`);
    return [];
  });
  for (const name of names.sort()) {
    const named = parseName(name);
    if (named === undefined || named.day < from) continue;
    const atMost = mostBytes[named.standing] + (1 << 20);
    try {
      const text = await readPlainFile(path.join(directory, name), { uid: owner.uid, atMost });
      for (const line of text.split('\n')) {
        const stored = line.includes(mark) ? parseLine(line) : undefined;
        if (stored !== undefined && !found.has(keyOf(stored))) found.set(keyOf(stored), stored);
      }
    } catch (error) {
      if (!isMissing(error)) problems.push(`${name}: ${printable(messageOf(error))}`);
    }
  }
  return { reports: [...found.values()].sort((a, b) => a.at - b.at), problems };
}

/** Whoever sends a report twice says so by its id and its window. */
function keyOf({ managed, signer, report }: StoredReport): string {
  const { id, begin, end } = report;
  return [managed, signer, id === '' ? JSON.stringify(report.policies) : id, begin, end].join('\n');
}

/** They are our own lines: what parses is one, unless a crash cut it off. */
function parseLine(line: string): StoredReport | undefined {
  const parsed: Partial<StoredReport> = fieldsIn(line) ?? {};
  const isWhole = typeof parsed.managed === 'string' && Array.isArray(parsed.report?.policies);
  return isWhole ? (parsed as StoredReport) : undefined;
}

/** Removes files of days that are over. */
export async function removeReceived(directory: string, today: Day, days: number): Promise<void> {
  const oldest = dayBefore(today, days - 1);
  const names = await fs.readdir(directory).catch(() => []);
  for (const name of names) {
    const named = parseName(name);
    if (named !== undefined && named.day < oldest) await fs.rm(path.join(directory, name), { force: true });
  }
}
