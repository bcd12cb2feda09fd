/** Where the record is in Redis, and for how long. */
import type { Day } from '../../peers/day';
import type { FleetRedis } from '../connection';

/** A hash: for each file of the day what is there of it. */
export function indexKey(redis: FleetRedis, day: Day): string {
  return redis.key('evidence', day);
}

/** A list: the pieces of one file. */
export function piecesKey(redis: FleetRedis, day: Day, file: string): string {
  return redis.key('evidence', day, file);
}

/** The name of a file of counts without its day and its ending. */
export function fileId(name: string): string {
  return name.split('.')[1] ?? '';
}

export const isFileId = (text: string): boolean => /^[0-9a-f]{16}$/.test(text);

const daySeconds = 86_400;

/** Seconds until the files of the day are removed as well; never more than they are kept, whatever the clock says. */
export function secondsLeft(day: Day, days: number, now: Date): number {
  const left = Math.ceil((Date.parse(day) - now.getTime()) / 1000) + (days + 1) * daySeconds;
  return Math.min(left, (days + 1) * daySeconds);
}
