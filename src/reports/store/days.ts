/** Which days there is something of, and how long that is kept. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { dayOfCounts } from '../../day_files/names';
import type { Day } from '../../peers/day';
import { isMissing } from '../../state/state_fault';
import { dayOfJournal } from './journal';

/** Days of which sessions are kept, the oldest first. */
export async function openDays(directory: string): Promise<Day[]> {
  const days = (await namesIn(directory)).flatMap((name) => dayOfCounts(name) ?? []);
  return [...new Set(days)].sort();
}

/** Days of which is kept what became of their reports, the oldest first. */
export async function journalDays(directory: string): Promise<Day[]> {
  return (await namesIn(directory)).flatMap((name) => dayOfJournal(name) ?? []).sort();
}

/** What was counted on `day` is reported. */
export async function removeCounts(directory: string, day: Day): Promise<void> {
  for (const name of await namesIn(directory))
    if (dayOfCounts(name) === day) await fs.rm(path.join(directory, name), { force: true });
}

/** Removes journals from before `oldest`. */
export async function removeJournals(directory: string, oldest: Day): Promise<void> {
  for (const name of await namesIn(directory)) {
    const day = dayOfJournal(name);
    if (day !== undefined && day < oldest) await fs.rm(path.join(directory, name), { force: true });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return fs.readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}
