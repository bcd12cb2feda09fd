/** The files of the log of messages: their names, and how long and how large they are kept. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { parseDay, utcDay, type Day } from '../../peers/day';
import { Keeping, type KeepingOptions } from '../../day_files/keeping';

/** Every process has files of its own, and one for each day at least. */
export function trackName(day: Day): string {
  return `${day}.${randomBytes(8).toString('hex')}.track.jsonl`;
}

/** The day of a file of this log; `undefined` for any other file. */
export function dayOfTrack(name: string): Day | undefined {
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)\.[0-9a-f]{16}\.track\.jsonl$/.exec(name) ?? [];
  return parseDay(day);
}

/** Removes the oldest files as long as all of them take more than `most` octets. @param own stays */
export async function keepBelow(directory: string, most: number, own: string): Promise<void> {
  const names = (await fs.readdir(directory)).filter((name) => dayOfTrack(name) !== undefined);
  const files = await Promise.all(
    names.map(async (name) => {
      const found = await fs.lstat(path.join(directory, name)).catch(() => undefined);
      return { name, octets: found?.size ?? 0, changed: found?.mtimeMs ?? 0 };
    }),
  );
  let all = files.reduce((sum, { octets }) => sum + octets, 0);
  for (const { name, octets } of files.sort((a, b) => a.changed - b.changed)) {
    if (all <= most) return;
    if (name === own) continue;
    await fs.rm(path.join(directory, name), { force: true });
    all -= octets;
  }
}

/** Milliseconds. */
const hour = 3_600_000;

/** Where nothing is written any more, what was written still goes when its days are over. @returns what ends that */
export function keepTrack(options: Pick<KeepingOptions, 'directory' | 'log' | 'days'>): () => void {
  const keeping = new Keeping({ ...options, name: 'track', dayOf: dayOfTrack });
  const look = (): void => {
    // There may be no such directory.
    keeping.tidy(utcDay(new Date())).catch(() => undefined);
  };
  look();
  const timer = setInterval(look, hour + 1000).unref();
  return () => clearInterval(timer);
}
